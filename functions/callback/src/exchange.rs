//! From a code to a profile: the one call that works once.
//!
//! Never retried blindly: WorkOS spends a code whether or not its answer arrives. Only where the client was refused,
//! and so the code left untouched, is it offered again, with the API key as it is now.

use std::sync::Arc;

use domain::{EmailAddress, Login, Profile};
use workos::{ApiKey, TokenResponse};

use crate::callback::Visit;
use crate::failure::Failure;

impl Visit<'_> {
    /// Redeems the code, and verifies the token beside the profile where that is asked for.
    pub(crate) async fn redeem(
        &self,
        login: &Login,
        code: &str,
        key: &Arc<ApiKey>,
    ) -> Result<Profile, Failure> {
        let token = self.exchange(login, code, key).await?;
        if let Some(tokens) = &self.deps.sso_tokens {
            tokens.verify_exchange(&token, self.now, self.ctx.deadline).await?;
        }
        profile(token)
    }

    /// Exchanges the code. A refused client, not a refused code, may mean that the API key was rotated a moment ago.
    async fn exchange(&self, login: &Login, code: &str, key: &Arc<ApiKey>) -> Result<TokenResponse, Failure> {
        let (workos, verifier) = (&self.deps.workos, login.verifier.expose());
        let first = workos.exchange_code(key, code, verifier, self.ctx.deadline).await;
        let error = match first {
            Ok(token) => return Ok(token),
            Err(error) if client_refused(&error) => error,
            Err(error) => return Err(failure(error)),
        };
        match self.deps.api_key.refresh().await {
            Ok(current) if !Arc::ptr_eq(&current, key) => {
                workos.exchange_code(&current, code, verifier, self.ctx.deadline).await.map_err(failure)
            }
            _ => Err(failure(error)),
        }
    }
}

fn client_refused(error: &workos::Error) -> bool {
    match &error.kind {
        workos::Kind::Rejected { status: 401, .. } => true,
        workos::Kind::Rejected { code, .. } => {
            matches!(code.as_deref(), Some("invalid_client" | "unauthorized_client"))
        }
        _ => false,
    }
}

/// A code that is refused ends this login. A client that is refused is our own misconfiguration, never the person's.
fn failure(error: workos::Error) -> Failure {
    if error.is_rejection() && !client_refused(&error) {
        Failure::CodeRefused(error)
    } else {
        Failure::WorkOs(error)
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
