//! Callbacks that no login here is waiting for: a reload, the back button, a second tab, a tile in the IdP's portal, an
//! attack.
//!
//! Somebody who is signed in goes on to the app; nobody else gets anything, and nothing is redeemed. A state without
//! its cookie is refused before any I/O, so it leaves no trace either: whoever makes up states must not make us
//! write (R02).

use axum::response::{IntoResponse, Redirect, Response};
use domain::tenant::IdpInitiated;
use domain::{ConnectionId, ReturnUrl, Selector};
use store::{StoreError, Verdict};
use web::cookies::BounceCookie;
use web::pages::Link;

use crate::callback::{Ended, Visit};
use crate::failure::Failure;

impl Visit<'_> {
    /// No login is waiting for this state. Somebody who is signed in goes on to the app (R07); everybody else sees the
    /// page, before any I/O when there is no session cookie either.
    pub(crate) async fn no_login(&self, why: &'static str) -> Result<Response, Ended> {
        if let Some(onward) = self.onward().await? {
            return Ok(onward);
        }
        let (limit, address) = (&self.deps.settings.invalid_states, self.ctx.client.limit_key());
        Err(self.untold(match self.deps.limiter.count_here(limit, &address, self.now) {
            Verdict::Over { retry_after } => Failure::TooMany(retry_after),
            Verdict::Within | Verdict::Uncounted => Failure::InvalidState(why),
        }))
    }

    /// The browser has the cookie of this login, and the login was used, has expired or is another's. It was counted as a
    /// callback already: the reloads of a whole office behind one address must not pass for guesses as well.
    pub(crate) async fn login_over(&self) -> Result<Response, Ended> {
        match self.onward().await? {
            Some(onward) => Ok(onward),
            None => Err(self.ended(Failure::InvalidState("no pending login"))),
        }
    }

    /// A code that nobody here asked for is never redeemed (R06): whose it is cannot be known, and redeeming it would
    /// sign somebody in as somebody else. Where the connection allows it a login of our own starts, once a minute.
    pub(crate) async fn unsolicited(&self, connection: Option<ConnectionId>) -> Result<Response, Ended> {
        if let Some(onward) = self.onward().await? {
            return Ok(onward);
        }
        let selector =
            connection.map(Selector::Connection).or_else(|| self.deps.settings.default_selector.clone());
        let allowed = match &selector {
            Some(selector) => self.idp_initiated(selector).await,
            None => Ok(IdpInitiated::Refuse),
        };
        let allowed = allowed.map_err(|error| self.ended(Failure::Store(error)))?;
        let bounced = BounceCookie::present(&self.cookies);
        let start = self.deps.settings.default_selector.is_some();
        match selector {
            Some(selector) if allowed == IdpInitiated::Restart && !bounced => {
                let login = Link::path("/login").with_query(&selector.to_query());
                Ok((BounceCookie::set(), Redirect::to(login.as_str())).into_response())
            }
            _ => Err(self.ended(Failure::Unsolicited { start })),
        }
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
}
