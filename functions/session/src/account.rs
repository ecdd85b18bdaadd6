//! `GET /auth/account` and its two forms: who is signed in here, and where else.
//!
//! Ending sessions is a POST from this very site (R23), followed by a 303, so that a reload repeats nothing. A person
//! reaches their own sessions only: every key is built from the ids of the session that asks (R36, R47). The id of somebody
//! else's session gets the answer of one that ended meanwhile, as in a tab that was left open: the list, and that it is gone.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::SessionId;
use domain::audit::AuditAction;
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use store::SessionFacts;
use url::form_urlencoded;
use web::Ctx;
use web::cookies::RequestCookies;
use web::origin::same_origin;
use web::pages::{Account, AccountNotice, AccountSession, Link, Page};

use crate::Deps;
use crate::current::Current;
use crate::trouble::Trouble;

pub(crate) const ACCOUNT: &str = "/auth/account";
pub(crate) const END_ONE: &str = "/auth/account/end";
pub(crate) const END_OTHERS: &str = "/auth/account/end-others";

#[derive(Deserialize)]
pub(crate) struct EndOne {
    session: SessionId,
}

pub(crate) async fn account(
    State(deps): State<Deps>,
    ctx: Ctx,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if method != Method::GET {
        return StatusCode::NO_CONTENT.into_response();
    }
    let notice = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, value)| if name == "notice" { AccountNotice::from_code(&value) } else { None });
    let page = async {
        let now = deps.shared.clock().now();
        match deps.current(&RequestCookies::from_headers(&headers), now).await? {
            Current::Live(facts) => Ok(page(&deps, &facts, notice).await?.respond(deps.shared.site(), &ctx)),
            over @ (Current::Nobody | Current::Over(_)) => Ok(not_signed_in(&deps, &ctx, &over)),
        }
    };
    page.await.unwrap_or_else(|trouble: Trouble| trouble.respond(&deps, &ctx))
}

async fn page(deps: &Deps, facts: &SessionFacts, notice: Option<AccountNotice>) -> Result<Page, Trouble> {
    let now = deps.shared.clock().now();
    let SessionFacts { session: own, user, gate } = facts;
    let (tenant, sessions) =
        tokio::join!(deps.store.tenant(&own.organization), deps.store.sessions(&own.organization, &own.user));
    let floor = deps.keys.get(now).await?.sessions_not_before;
    let live = sessions?.into_iter().filter(|session| session.check(user, gate, floor, now).is_ok());
    Ok(Page::Account(Account {
        name: (user.display_name() != user.address()).then(|| user.display_name()),
        email: user.address(),
        company: tenant?.map(|record| record.tenant.name).unwrap_or_default(),
        sessions: live
            .map(|session| AccountSession {
                current: session.id == own.id,
                id: session.id,
                device: session.device,
                started: session.created_at,
                last_seen: session.last_seen_at,
            })
            .collect(),
        notice,
        now,
        end_one: Link::path(END_ONE),
        end_others: Link::path(END_OTHERS),
        sign_out: Link::path(crate::logout::LOGOUT),
    }))
}

pub(crate) async fn end_one(
    State(deps): State<Deps>,
    ctx: Ctx,
    headers: HeaderMap,
    form: Result<Form<EndOne>, FormRejection>,
) -> Response {
    if same_origin(&headers, &deps.shared.site().public_url).is_err() {
        return cross_site(&deps, &ctx);
    }
    let Ok(Form(EndOne { session })) = form else {
        return Page::BadRequest.respond(deps.shared.site(), &ctx);
    };
    let end = async {
        let now = deps.shared.clock().now();
        let facts = match deps.current(&RequestCookies::from_headers(&headers), now).await? {
            Current::Live(facts) => facts,
            over @ (Current::Nobody | Current::Over(_)) => return Ok(not_signed_in(&deps, &ctx, &over)),
        };
        let own = &facts.session;
        let audit = deps.audit(&facts, AuditAction::SessionEnded, &ctx)?;
        let ended = deps.store.end_session(&own.organization, &own.user, &session, &audit).await?;
        if session == own.id {
            return Ok((deps.settings.cookie.clear(), Redirect::to(crate::logout::LOGOUT)).into_response());
        }
        Ok(back(if ended { AccountNotice::Ended } else { AccountNotice::Gone }))
    };
    end.await.unwrap_or_else(|trouble: Trouble| trouble.respond(&deps, &ctx))
}

pub(crate) async fn end_others(State(deps): State<Deps>, ctx: Ctx, headers: HeaderMap) -> Response {
    if same_origin(&headers, &deps.shared.site().public_url).is_err() {
        return cross_site(&deps, &ctx);
    }
    let end = async {
        let now = deps.shared.clock().now();
        match deps.current(&RequestCookies::from_headers(&headers), now).await? {
            Current::Live(facts) => {
                let audit = deps.audit(&facts, AuditAction::UserSessionsEnded, &ctx)?;
                let done = deps.store.end_other_sessions(&facts, &audit).await?;
                Ok(back(if done { AccountNotice::OthersEnded } else { AccountNotice::Failed }))
            }
            over @ (Current::Nobody | Current::Over(_)) => Ok(not_signed_in(&deps, &ctx, &over)),
        }
    };
    end.await.unwrap_or_else(|trouble: Trouble| trouble.respond(&deps, &ctx))
}

fn back(notice: AccountNotice) -> Response {
    Redirect::to(Link::path(ACCOUNT).with("notice", notice.code()).as_str()).into_response()
}

fn not_signed_in(deps: &Deps, ctx: &Ctx, current: &Current) -> Response {
    let page = Page::NotSignedIn { sign_in: Link::path("/login") }.respond(deps.shared.site(), ctx);
    match current {
        Current::Over(_) => (deps.settings.cookie.clear(), page).into_response(),
        Current::Nobody | Current::Live(_) => page,
    }
}

pub(crate) fn cross_site(deps: &Deps, ctx: &Ctx) -> Response {
    tracing::warn!("a state-changing request came without proof that it is from this site");
    Page::CrossSite { back: Link::path(ACCOUNT) }.respond(deps.shared.site(), ctx)
}
