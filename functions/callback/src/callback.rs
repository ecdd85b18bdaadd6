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
use domain::tenant::{self, IdpInitiated};
use domain::{ConnectionId, EmailAddress, Login, Profile, ReturnUrl, Selector, Session, Timestamp, sha256};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use store::{SessionRef, StoreError, Taken, TenantRecord, Verdict};
use tokens::{Expiry, KeyRing, SessionClaims};
use web::cookies::{BounceCookie, FlowCookie, Presented, RequestCookies, SetCookie};
use web::pages::Link;
use web::{Ctx, Navigation};
use workos::{ApiKey, TokenResponse};

use crate::Deps;
use crate::arrival::Arrival;
use crate::failure::{Failure, client_refused, exchange_failure};
use crate::sign_in::SignIn;
use crate::tenancy::{Tenancy, TenancyError};

/// Tenant data of this age is not asked for again because of a refusal: refused logins must not become calls upstream.
const JUST_ASKED: Duration = Duration::from_secs(10);

/// A failure with the way back into the login that it ended.
struct Ended {
    failure: Failure,
    restart: Link,
    clear: Option<SetCookie>,
}

/// One request at the callback.
struct Visit<'a> {
    deps: &'a Deps,
    ctx: &'a Ctx,
    cookies: RequestCookies,
    now: Timestamp,
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
    outcome.unwrap_or_else(|ended| visit.answer(ended))
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
        let outcome = match self.sign_in(&login, code, &login_hash, key).await {
            Ok(session) => self.welcome(&session, &ring),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(response) => Ok((flow.clear(), response).into_response()),
            Err(failure) => {
                Err(Ended { failure, restart: self.deps.restart(Some(&login)), clear: Some(flow.clear()) })
            }
        }
    }

    /// Counts the callback and takes the pending login, side by side: one round trip. An address that is known to be
    /// over its limit is refused before it can spend anybody's login.
    async fn take(&self, flow: &FlowCookie, login_hash: &str) -> Result<Option<Login>, Ended> {
        let (limit, address) = (&self.deps.settings.callbacks, self.ctx.client.limit_key());
        if let Some(Verdict::Over { retry_after }) = self.deps.limiter.known_over(limit, &address, self.now) {
            return Err(self.ended(Failure::TooMany(retry_after)));
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
    ) -> Result<Session, Failure> {
        let tenancy = self.tenancy(&key);
        let (token, expected, replaced) = tokio::join!(
            self.redeem(login, code, &key),
            tenancy.expected(&login.selector),
            self.presented(),
        );
        let profile = profile(token?)?;
        let organization = tenant::organization_of(&profile, &login.selector).map_err(Failure::Refused)?;
        let known = match expected? {
            Some(record) if record.tenant.organization == organization => record,
            _ => tenancy.tenant(&organization).await?,
        };
        let record = self.admitted(&profile, login, known, tenancy).await?;
        let policy = &record.gate.policy;
        let lifetime = |own: Option<u64>, usual: Duration| own.map_or(usual, Duration::from_secs);
        let usual = &self.deps.settings.session;
        let return_to = self.return_url(&login.return_to);
        let context = AuditContext {
            location: self.ctx.client.to_string(),
            user_agent: self.ctx.user_agent.clone(),
            request_id: self.ctx.request_id.clone(),
        };
        let sign_in = SignIn {
            profile: &profile,
            gate: &record.gate,
            idle: lifetime(policy.session_idle_seconds, usual.idle),
            absolute: lifetime(policy.session_absolute_seconds, usual.absolute).min(usual.absolute),
            login_hash,
            return_to: return_to.as_str(),
            replaces: replaced.as_ref(),
            context: &context,
            now: self.now,
        };
        Ok(sign_in.commit(&self.deps.store, self.deps.shared.rng()).await?)
    }

    /// Redeems the code, and verifies the token beside the profile where that is asked for.
    async fn redeem(&self, login: &Login, code: &str, key: &Arc<ApiKey>) -> Result<TokenResponse, Failure> {
        let token = self.exchange(login, code, key).await?;
        if let Some(tokens) = &self.deps.sso_tokens {
            tokens.verify_exchange(&token, self.now, self.ctx.deadline).await?;
        }
        Ok(token)
    }

    /// Exchanges the code. A refused client, not a refused code, may mean that the API key was rotated a moment ago: the
    /// code is then untouched, and is offered once more with the key as it is now.
    async fn exchange(&self, login: &Login, code: &str, key: &Arc<ApiKey>) -> Result<TokenResponse, Failure> {
        let (workos, verifier) = (&self.deps.workos, login.verifier.expose());
        let first = workos.exchange_code(key, code, verifier, self.ctx.deadline).await;
        let error = match first {
            Ok(token) => return Ok(token),
            Err(error) if client_refused(&error) => error,
            Err(error) => return Err(exchange_failure(error)),
        };
        match self.deps.api_key.refresh().await {
            Ok(current) if !Arc::ptr_eq(&current, key) => workos
                .exchange_code(&current, code, verifier, self.ctx.deadline)
                .await
                .map_err(exchange_failure),
            _ => Err(exchange_failure(error)),
        }
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
            let unverified = record.gate.policy.unverified_domains.unwrap_or(settings.unverified_domains);
            tenant::admit(profile, &login.selector, &record.tenant, unverified, &settings.providers)
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
        let claims = self.claims().await.ok()??;
        Some(SessionRef { organization: claims.org, user: claims.sub, session: claims.sid })
    }

    async fn claims(&self) -> Result<Option<SessionClaims>, StoreError> {
        let Presented::Token(token) = self.deps.settings.cookie.read(&self.cookies) else { return Ok(None) };
        let keys = self.deps.keys.get(self.now).await?;
        let expected = &self.deps.settings.expected;
        Ok(tokens::verify(token.expose_secret(), &keys, expected, self.now, Expiry::Waived).ok())
    }

    /// Step six: the cookie and the way to the app.
    fn welcome(&self, session: &Session, ring: &KeyRing) -> Result<Response, Failure> {
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
        Ok((cookie, Redirect::to(&session.return_to)).into_response())
    }

    /// No login is waiting for this state: a reload, the back button, a second tab, or an attack. Somebody who is signed in
    /// goes on to the app (R07); everybody else sees the page, before any I/O when there is no session cookie either.
    async fn no_login(&self, why: &'static str) -> Result<Response, Ended> {
        if let Some(onward) = self.onward().await? {
            return Ok(onward);
        }
        let (limit, address) = (&self.deps.settings.invalid_states, self.ctx.client.limit_key());
        Err(self.ended(match self.deps.limiter.count_here(limit, &address, self.now) {
            Verdict::Over { retry_after } => Failure::TooMany(retry_after),
            Verdict::Within | Verdict::Uncounted => Failure::InvalidState(why),
        }))
    }

    /// The browser has the cookie of this login, and the login was used, has expired or is another's. It was counted as a
    /// callback already: the reloads of a whole office behind one address must not pass for guesses as well.
    async fn login_over(&self) -> Result<Response, Ended> {
        match self.onward().await? {
            Some(onward) => Ok(onward),
            None => Err(self.ended(Failure::InvalidState("no pending login"))),
        }
    }

    /// The way to the app, for somebody who is signed in already.
    async fn onward(&self) -> Result<Option<Response>, Ended> {
        let url = self.already_signed_in().await.map_err(|error| self.ended(Failure::Store(error)))?;
        Ok(url.map(|url| Redirect::to(url.as_str()).into_response()))
    }

    /// Where the live session of this browser belongs: the address its own login asked for, else the app's front page.
    async fn already_signed_in(&self) -> Result<Option<ReturnUrl>, StoreError> {
        let Some(claims) = self.claims().await? else { return Ok(None) };
        let facts = self.deps.store.session(&claims.org, &claims.sub, &claims.sid).await?;
        let live = facts.filter(|facts| facts.check(None, self.now).is_ok());
        Ok(live.map(|facts| self.return_url(&facts.session.return_to)))
    }

    async fn refused_upstream(&self, error: &str, state: &str) -> Result<Response, Ended> {
        let Some(flow) = FlowCookie::find(&self.cookies, state) else {
            return self.no_login("no flow cookie").await;
        };
        let Some(login) = self.take(&flow, &sha256(state)).await? else {
            return self.login_over().await;
        };
        let failure = Failure::upstream(error);
        Err(Ended { failure, restart: self.deps.restart(Some(&login)), clear: Some(flow.clear()) })
    }

    /// A code that nobody here asked for is never redeemed (R06): whose it is cannot be known, and redeeming it would
    /// sign somebody in as somebody else. Where the connection allows it a login of our own starts, once a minute.
    async fn unsolicited(&self, connection: Option<ConnectionId>) -> Result<Response, Ended> {
        if let Some(onward) = self.onward().await? {
            return Ok(onward);
        }
        let selector =
            connection.map(Selector::Connection).or_else(|| self.deps.settings.default_selector.clone());
        let unsolicited =
            || self.ended(Failure::Unsolicited { start: self.deps.settings.default_selector.is_some() });
        let Some(selector) = selector else { return Err(unsolicited()) };
        let allowed =
            self.idp_initiated(&selector).await.map_err(|error| self.ended(Failure::Store(error)))?;
        if allowed != IdpInitiated::Restart || BounceCookie::present(&self.cookies) {
            return Err(unsolicited());
        }
        let login = Link::path("/login").with_query(&selector.to_query());
        Ok((BounceCookie::set(), Redirect::to(login.as_str())).into_response())
    }

    async fn idp_initiated(&self, selector: &Selector) -> Result<IdpInitiated, StoreError> {
        let organization = match selector {
            Selector::Connection(connection) => self.deps.store.organization_of(connection).await?,
            Selector::Organization(id) | Selector::Provider { organization: id, .. } => Some(id.clone()),
        };
        let record = match &organization {
            Some(organization) => self.deps.store.tenant(organization).await?,
            None => None,
        };
        Ok(record
            .and_then(|known| known.gate.policy.idp_initiated)
            .unwrap_or(self.deps.settings.idp_initiated))
    }

    async fn secrets(&self) -> Result<(Arc<ApiKey>, Arc<KeyRing>), Failure> {
        let (key, ring) = tokio::join!(self.deps.api_key.get(), self.deps.ring.get());
        Ok((key?, ring?))
    }

    fn tenancy<'k>(&'k self, key: &'k ApiKey) -> Tenancy<'k> {
        let Deps { store, workos, .. } = self.deps;
        Tenancy { store, workos, key, now: self.now, deadline: self.ctx.deadline }
    }

    /// R09: checked again when it is used; what is no longer allowed leads to the front page.
    fn return_url(&self, stored: &str) -> ReturnUrl {
        let returns = &self.deps.shared.site().returns;
        returns.check(stored).unwrap_or_else(|_| returns.default().clone())
    }

    fn ended(&self, failure: Failure) -> Ended {
        Ended { failure, restart: self.deps.restart(None), clear: None }
    }

    fn answer(&self, Ended { failure, restart, clear }: Ended) -> Response {
        let reason = failure.reason();
        self.deps.shared.metrics().count_by("login_failure", "reason", reason);
        if failure.is_trouble() {
            tracing::error!(login.reason = reason, error = %failure, "login failed: {failure}");
        } else {
            tracing::warn!(login.reason = reason, error = %failure, "login refused: {failure}");
        }
        let page = failure.page(restart).respond(self.deps.shared.site(), self.ctx);
        match clear {
            Some(cookie) => (cookie, page).into_response(),
            None => page,
        }
    }
}

fn profile(token: TokenResponse) -> Result<Profile, Failure> {
    let from = token.profile;
    Ok(Profile {
        email: EmailAddress::parse(&from.email).map_err(|_| Failure::Email)?,
        id: from.id,
        connection: from.connection_id,
        connection_type: from.connection_type.as_str().to_owned(),
        organization: from.organization_id,
        idp_id: from.idp_id,
        first_name: from.first_name,
        last_name: from.last_name,
        roles: from.roles,
    })
}
