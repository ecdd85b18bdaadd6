//! `GET|POST /auth/logout`: GET asks, POST acts (lesson: link scanners and prefetches sign people out).
//!
//! Local first: the record is deleted and the cookie cleared before WorkOS is asked whether the IdP's own session can
//! end too. Whatever it answers, the way ends on a page that says "signed out" and starts nothing by itself (R35).

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::Session;
use domain::audit::AuditAction;
use http::{HeaderMap, Method, StatusCode};
use web::Ctx;
use web::cookies::RequestCookies;
use web::origin::same_origin;
use web::pages::{Link, Page};
use workos::LogoutUrl;

use crate::Deps;
use crate::account::cross_site;
use crate::current::Current;
use crate::trouble::Trouble;

pub(crate) const LOGOUT: &str = "/auth/logout";
pub(crate) const LOGOUT_ALIAS: &str = "/logout";

pub(crate) async fn ask(State(deps): State<Deps>, ctx: Ctx, method: Method, headers: HeaderMap) -> Response {
    if method != Method::GET {
        return StatusCode::NO_CONTENT.into_response();
    }
    let page = async {
        let now = deps.shared.clock().now();
        Ok(match deps.current(&RequestCookies::from_headers(&headers), now).await? {
            Current::Live(facts) => {
                let tenant = deps.store.tenant(&facts.session.organization).await?;
                let page = Page::ConfirmSignOut {
                    action: Link::path(LOGOUT),
                    email: facts.user.address(),
                    company: tenant.map(|record| record.tenant.name).unwrap_or_default(),
                };
                page.respond(deps.shared.site(), &ctx)
            }
            Current::Over(_) => (deps.settings.cookie.clear(), signed_out(&deps, &ctx)).into_response(),
            Current::Nobody => signed_out(&deps, &ctx),
        })
    };
    page.await.unwrap_or_else(|trouble: Trouble| trouble.respond(&deps, &ctx))
}

pub(crate) async fn act(State(deps): State<Deps>, ctx: Ctx, headers: HeaderMap) -> Response {
    if same_origin(&headers, &deps.shared.site().public_url).is_err() {
        return cross_site(&deps, &ctx);
    }
    let end = async {
        let now = deps.shared.clock().now();
        let upstream = match deps.current(&RequestCookies::from_headers(&headers), now).await? {
            Current::Live(facts) => {
                let session = &facts.session;
                let audit = deps.audit(&facts, AuditAction::SessionEnded, &ctx)?;
                deps.store.end_session(&session.organization, &session.user, &session.id, &audit).await?;
                deps.idp_logout(session, &ctx).await
            }
            Current::Over(_) | Current::Nobody => None,
        };
        let target = upstream.as_ref().map_or(LOGOUT, LogoutUrl::expose);
        Ok((deps.settings.cookie.clear(), Redirect::to(target)).into_response())
    };
    end.await.unwrap_or_else(|trouble: Trouble| trouble.respond(&deps, &ctx))
}

fn signed_out(deps: &Deps, ctx: &Ctx) -> Response {
    Page::SignedOut { sign_in: Link::path("/login") }.respond(deps.shared.site(), ctx)
}

impl Deps {
    /// Where the IdP's session ends, if its connection can do that: OpenID Connect only. Never in the way of leaving.
    async fn idp_logout(&self, session: &Session, ctx: &Ctx) -> Option<LogoutUrl> {
        let tenant = self.store.tenant(&session.organization).await.ok()??.tenant;
        let connection = tenant.connection(&session.connection)?;
        if !workos::ConnectionType::from(connection.connection_type.clone()).is_oidc() {
            return None;
        }
        let key = self.api_key.get().await.ok()?;
        match self.workos.logout_authorize(&key, &session.profile, ctx.deadline).await {
            Ok(url) => Some(url),
            Err(error) => {
                tracing::warn!(error = %error, "the IdP's session was not ended: {error}");
                None
            }
        }
    }
}
