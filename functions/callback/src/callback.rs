//! `GET /auth/callback`: the browser comes back from WorkOS.
//!
//! What it brings is worthless unless this very browser started the login: the state must have a flow cookie here
//! and a pending login on the server that belongs to that cookie (login CSRF, RFC 9700 section 4.7). The login is
//! consumed by one conditional delete before WorkOS is asked, so a code is redeemed at most once (R03). The
//! profile must match what was asked for (mix-up, section 4.4). The code leaves the address bar with a 303, and
//! nothing of it is ever logged.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::audit::AuditContext;
use domain::login_trace::Step;
use domain::routing::Remembered;
use domain::tenant::{self, Rules};
use domain::{Login, Profile, ReturnUrl, Selector, Session, Timestamp, sha256};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use store::{SessionRef, StoreError, Taken, TenantRecord, Verdict};
use tokens::{Expiry, KeyRing, SessionClaims};
use web::cookies::{FlowCookie, Presented, RememberedCookie, RequestCookies, SetCookie};
use web::pages::Link;
use web::{Ctx, Navigation};
use workos::ApiKey;

use crate::Deps;
use crate::arrival::Arrival;
use crate::failure::Failure;
use crate::journey::Journey;
use crate::sign_in::SignIn;
use crate::tenancy::{Tenancy, TenancyError};

/// Tenant data of this age is not asked for again because of a refusal: refused logins must not become calls upstream.
const JUST_ASKED: Duration = Duration::from_secs(10);

/// A failure with the way back into the login that it ended.
pub(crate) struct Ended {
    failure: Failure,
    restart: Link,
    clear: Option<SetCookie>,
    /// What is told of it afterwards, if anything is.
    journey: Option<Journey>,
}

/// One request at the callback.
pub(crate) struct Visit<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) ctx: &'a Ctx,
    pub(crate) cookies: RequestCookies,
    pub(crate) now: Timestamp,
}

pub(crate) async fn callback(
    State(deps): State<Deps>,
    ctx: Ctx,
    navigation: Navigation,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if matches!(navigation, Navigation::NotGet | Navigation::Prefetch) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let cookies = RequestCookies::from_headers(&headers);
    let visit = Visit { deps: &deps, ctx: &ctx, cookies, now: deps.shared.clock().now() };
    let outcome = match Arrival::parse(&query.unwrap_or_default()) {
        Arrival::Code { code, state } => visit.finish(&code, &state).await,
        Arrival::Error { error, state } => visit.refused_upstream(&error, &state).await,
        Arrival::Unsolicited { connection } => visit.unsolicited(connection).await,
        Arrival::Stray { error } => Err(visit.ended(Failure::upstream(&error))),
        Arrival::Unusable => visit.no_login("unusable query").await,
    };
    match outcome {
        Ok(response) => response,
        Err(ended) => visit.answer(ended).await,
    }
}

impl Visit<'_> {
    /// The main path: six steps, in the order in which they can be refused at the least cost.
    async fn finish(&self, code: &str, state: &str) -> Result<Response, Ended> {
        let Some(flow) = FlowCookie::find(&self.cookies, state) else {
            return self.no_login("no flow cookie").await;
        };
        // Secrets first: nothing that works only once may be spent before everything else is at hand.
        let (key, ring) = self.secrets().await.map_err(|failure| self.ended(failure))?;
        let login_hash = sha256(state);
        let Some(login) = self.take(&flow, &login_hash).await? else {
            return self.login_over().await;
        };
        let mut journey = self.journey().resumed(&login);
        let outcome = match self.sign_in(&login, code, &login_hash, key, &mut journey).await {
            Ok(session) => self.published(ring).await.and_then(|ring| self.welcome(&login, &session, &ring)),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(response) => Ok((flow.clear(), response).into_response()),
            Err(failure) => Err(Ended {
                failure,
                restart: self.deps.restart(Some(&login)),
                clear: Some(flow.clear()),
                journey: Some(journey),
            }),
        }
    }

    /// Counts the callback and takes the pending login, side by side: one round trip. An address that is known to be
    /// over its limit is refused before it can spend anybody's login.
    async fn take(&self, flow: &FlowCookie, login_hash: &str) -> Result<Option<Login>, Ended> {
        let (limit, address) = (&self.deps.settings.callbacks, self.ctx.client.limit_key());
        if let Some(Verdict::Over { retry_after }) = self.deps.limiter.known_over(limit, &address, self.now) {
            return Err(self.untold(Failure::TooMany(retry_after)));
        }
        let browser = flow.browser_hash();
        let (counted, taken) = tokio::join!(
            self.deps.limiter.count(limit, &address, self.now),
            self.deps.store.take_login(login_hash, &browser, self.now),
        );
        if counted == Verdict::Uncounted {
            self.deps.shared.metrics().count_by("limit_uncounted", "limit", limit.name);
        }
        match taken.map_err(|error| self.ended(Failure::Store(error)))? {
            Taken::Login(login) => Ok(Some(*login)),
            Taken::Absent | Taken::Foreign | Taken::Expired => Ok(None),
        }
    }

    /// Steps two to five: profile, tenant, admission, session.
    async fn sign_in(
        &self,
        login: &Login,
        code: &str,
        login_hash: &str,
        key: Arc<ApiKey>,
        journey: &mut Journey,
    ) -> Result<Session, Failure> {
        let tenancy = self.tenancy(&key);
        let (profile, expected, replaced) =
            tokio::join!(self.redeem(login, code, &key), tenancy.expected(login), self.presented(),);
        let profile = profile?;
        journey.profile(&profile);
        let organization = tenant::organization_of(&profile, &login.selector).map_err(Failure::Refused)?;
        // An e-mail address or a login address led to this company's connection: it must have stayed this company's.
        if login.organization.as_ref().is_some_and(|wanted| *wanted != organization) {
            return Err(Failure::Refused(tenant::Refusal::OrganizationMismatch));
        }
        journey.tenant(&organization);
        journey.step(Step::Matched, Some(organization.as_str()));
        let known = match expected? {
            Some(record) if record.tenant.organization == organization => record,
            _ => tenancy.tenant(&organization).await?,
        };
        let record = self.admitted(&profile, login, known, tenancy).await?;
        journey.step(Step::Admitted, None);
        let (idle, absolute) = self.deps.settings.session.lifetimes(&record.gate.policy);
        let return_to = self.return_url(&login.return_to);
        let context = AuditContext {
            location: self.ctx.client.to_string(),
            user_agent: self.ctx.user_agent.clone(),
            request_id: self.ctx.request_id.clone(),
        };
        let sign_in = SignIn {
            profile: &profile,
            tenant: &record.tenant,
            gate: &record.gate,
            idle,
            absolute,
            login_hash,
            return_to: return_to.as_str(),
            replaces: replaced.as_ref(),
            context: &context,
            journey,
            now: self.now,
        };
        Ok(sign_in.commit(&self.deps.store, self.deps.shared.rng()).await?)
    }

    /// Holds the profile against the tenant; once more against the tenant as WorkOS describes it now, when the stored
    /// data says no.
    async fn admitted(
        &self,
        profile: &Profile,
        login: &Login,
        known: TenantRecord,
        tenancy: Tenancy<'_>,
    ) -> Result<TenantRecord, Failure> {
        let settings = &self.deps.settings;
        let decide = |record: &TenantRecord| {
            let policy = &record.gate.policy;
            let own = record.settings.connections.get(&profile.connection);
            let rules = Rules {
                unverified: policy.unverified_domains.unwrap_or(settings.unverified_domains),
                providers: &policy.providers(&settings.providers),
                domains: own.map(|own| own.domains.as_slice()).unwrap_or_default(),
            };
            tenant::admit(profile, &login.selector, &record.tenant, &rules)
        };
        let refusal = match decide(&known) {
            Ok(()) => return Ok(known),
            Err(refusal) => refusal,
        };
        let just_asked = self.now.since(known.tenant.refreshed_at) < JUST_ASKED;
        if just_asked || refusal == tenant::Refusal::ProviderNotAllowed {
            return Err(Failure::Refused(refusal));
        }
        let organization = known.tenant.organization.clone();
        let current = tenancy.refreshed(&organization, &known).await.map_err(|error| match error {
            TenancyError::Store(error) => Failure::Store(error),
            // Without a newer answer the stored one stands.
            TenancyError::WorkOs(_) => Failure::Refused(refusal),
            TenancyError::Gone => Failure::OrganizationGone,
        })?;
        decide(&current).map(|()| current).map_err(Failure::Refused)
    }

    /// The session that this browser holds already, by its signature alone. Without the public keys it is left to end by
    /// itself: that must not stand in the way of a login.
    async fn presented(&self) -> Option<SessionRef> {
        // In any case: beside the exchange they cost no time, and the token of this login is signed by one of them.
        self.deps.keys.get(self.now).await.ok()?;
        let claims = self.claims().await.ok()??;
        Some(SessionRef { organization: claims.org, user: claims.sub, session: claims.sid })
    }

    pub(crate) async fn claims(&self) -> Result<Option<SessionClaims>, StoreError> {
        let Presented::Token(token) = self.deps.settings.cookie.read(&self.cookies) else { return Ok(None) };
        let keys = self.deps.keys.get(self.now).await?;
        let expected = &self.deps.settings.expected;
        Ok(tokens::verify(token.expose_secret(), &keys, expected, self.now, Expiry::Waived).ok())
    }

    /// Step six: the cookie and the way to the app.
    fn welcome(&self, login: &Login, session: &Session, ring: &KeyRing) -> Result<Response, Failure> {
        let settings = &self.deps.settings;
        let claims = SessionClaims::of(session, &settings.expected, self.now);
        let token = ring.sign(&claims).map_err(|error| Failure::Token(error.to_string()))?;
        let life = session.expires_at.since(self.now);
        let cookie =
            settings.cookie.set(token.expose(), life).map_err(|error| Failure::Token(error.to_string()))?;
        self.deps.shared.metrics().count("login_success");
        tracing::info!(
            organization.id = %session.organization,
            user.id = %session.user,
            session.id = %session.id,
            "user {} signed in", session.user
        );
        let onward = (cookie, Redirect::to(&session.return_to)).into_response();
        Ok(match login.selector {
            // A public provider is no connection of the tenant's: there is nothing to come back by.
            Selector::Provider { .. } => onward,
            Selector::Organization(_) | Selector::Connection(_) => {
                let connection = session.connection.clone();
                let last = Remembered { organization: session.organization.clone(), connection };
                let cookie = RememberedCookie::set(&RememberedCookie::read(&self.cookies), &last);
                (cookie, onward).into_response()
            }
        })
    }

    async fn refused_upstream(&self, error: &str, state: &str) -> Result<Response, Ended> {
        let Some(flow) = FlowCookie::find(&self.cookies, state) else {
            return self.no_login("no flow cookie").await;
        };
        let Some(login) = self.take(&flow, &sha256(state)).await? else {
            return self.login_over().await;
        };
        Err(Ended {
            failure: Failure::upstream(error),
            restart: self.deps.restart(Some(&login)),
            clear: Some(flow.clear()),
            journey: Some(self.journey().resumed(&login)),
        })
    }

    async fn secrets(&self) -> Result<(Arc<ApiKey>, Arc<KeyRing>), Failure> {
        let (key, ring) = tokio::join!(self.deps.api_key.get(), self.deps.ring.get());
        Ok((key?, ring?))
    }

    /// A ring whose key verifiers know. In an emergency the published keys are replaced while older rings are still
    /// remembered: what those sign nobody accepts, and the login would have led nowhere.
    async fn published(&self, ring: Arc<KeyRing>) -> Result<Arc<KeyRing>, Failure> {
        let known = async |ring: &KeyRing| match self.deps.keys.publishes(&ring.active(), self.now).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(error = %error, "signing without a look at the published keys: {error}");
                true
            }
        };
        if known(&ring).await {
            return Ok(ring);
        }
        let ring = self.deps.ring.refresh().await?;
        if known(&ring).await {
            Ok(ring)
        } else {
            Err(Failure::Token("the key that signs is not published".to_owned()))
        }
    }

    fn tenancy<'k>(&'k self, key: &'k Arc<ApiKey>) -> Tenancy<'k> {
        let Deps { store, workos, api_key, .. } = self.deps;
        Tenancy { store, workos, api_key, key, now: self.now, deadline: self.ctx.deadline }
    }

    /// R09: checked again when it is used; what is no longer allowed leads to the front page.
    pub(crate) fn return_url(&self, stored: &str) -> ReturnUrl {
        let returns = &self.deps.shared.site().returns;
        returns.check(stored).unwrap_or_else(|_| returns.default().clone())
    }

    /// What is told of this request, as long as no login is known.
    fn journey(&self) -> Journey {
        let shared = &self.deps.shared;
        Journey::stray(&self.ctx.request_id, shared.clock(), shared.rng())
    }

    /// An end of which no more is known than that it came. Told as long as nobody makes a habit of it: such a request
    /// needs nothing that is hard to make up.
    pub(crate) fn ended(&self, failure: Failure) -> Ended {
        let (limit, address) = (&self.deps.settings.stray_traces, self.ctx.client.limit_key());
        let journey = match self.deps.limiter.count_here(limit, &address, self.now) {
            Verdict::Over { .. } => None,
            Verdict::Within | Verdict::Uncounted => Some(self.journey()),
        };
        Ended { journey, ..self.untold(failure) }
    }

    /// An end that is not worth a write.
    pub(crate) fn untold(&self, failure: Failure) -> Ended {
        Ended { failure, restart: self.deps.restart(None), clear: None, journey: None }
    }

    async fn answer(&self, Ended { failure, restart, clear, journey }: Ended) -> Response {
        let reason = failure.reason();
        let metrics = self.deps.shared.metrics();
        metrics.count_by("login_failure", "reason", reason);
        if failure.is_trouble() {
            tracing::error!(login.reason = reason, error = %failure, "login failed: {failure}");
        } else {
            tracing::warn!(login.reason = reason, error = %failure, "login refused: {failure}");
        }
        if let Some(journey) = journey {
            let (request, deadline) = (failure.workos_request(), self.ctx.deadline);
            if !journey.failed(&self.deps.store, reason, request, deadline).await {
                metrics.count("login_trace_lost");
            }
        }
        let page = failure.page(restart).respond(self.deps.shared.site(), self.ctx);
        match clear {
            Some(cookie) => (cookie, page).into_response(),
            None => page,
        }
    }
}
