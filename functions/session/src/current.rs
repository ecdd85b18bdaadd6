//! Who the browser is, by its session cookie and the record behind it.
//!
//! A token that expired is good here as long as its session lives: this is where a fresh one is made. The record
//! decides, read strongly consistent, so what was ended a moment ago is over (R35). A cookie that cannot be read
//! counts as signed out and is to be cleared; a database that does not answer never does.

use std::sync::Arc;

use domain::Timestamp;
use domain::session::Ended;
use secrecy::ExposeSecret;
use store::{SessionFacts, StoreError};
use tokens::{Expiry, PublicKeys, SessionClaims, TokenError};
use web::cookies::{Presented, RequestCookies};

use crate::Deps;

#[derive(Debug)]
pub(crate) enum Current {
    /// No session cookie at all.
    Nobody,
    /// A cookie that is worth nothing: to be cleared.
    Over(Ended),
    Live(Box<SessionFacts>),
}

impl Deps {
    pub(crate) async fn current(
        &self,
        cookies: &RequestCookies,
        now: Timestamp,
    ) -> Result<Current, StoreError> {
        let token = match self.settings.cookie.read(cookies) {
            Presented::Nothing => return Ok(Current::Nobody),
            Presented::Undecodable => return Ok(Current::Over(Ended::Gone)),
            Presented::Token(token) => token,
        };
        let keys = self.keys.get(now).await?;
        let (claims, keys) = match self.verify(token.expose_secret(), keys, now).await? {
            Ok(verified) => verified,
            Err(TokenError::Revoked) => return Ok(Current::Over(Ended::EnvironmentRevoked)),
            Err(error) => {
                tracing::warn!(error = %error, "a session cookie was refused: {error}");
                return Ok(Current::Over(Ended::Gone));
            }
        };
        let Some(facts) = self.store.session(&claims.org, &claims.sub, &claims.sid).await? else {
            return Ok(Current::Over(Ended::Gone));
        };
        Ok(match facts.check(keys.sessions_not_before, now) {
            Ok(()) => Current::Live(Box::new(facts)),
            Err(ended) => Current::Over(ended),
        })
    }

    async fn verify(
        &self,
        token: &str,
        keys: Arc<PublicKeys>,
        now: Timestamp,
    ) -> Result<Result<(SessionClaims, Arc<PublicKeys>), TokenError>, StoreError> {
        let expected = &self.settings.expected;
        match tokens::verify(token, &keys, expected, now, Expiry::Waived) {
            Err(TokenError::UnknownKey) => {
                let keys = self.keys.again(now).await?;
                Ok(tokens::verify(token, &keys, expected, now, Expiry::Waived).map(|claims| (claims, keys)))
            }
            verified => Ok(verified.map(|claims| (claims, keys))),
        }
    }
}
