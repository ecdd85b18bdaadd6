//! Tokens that WorkOS itself signed: AuthKit sessions and machine-to-machine applications, where a setting lists their
//! issuers.
//!
//! Only as a Bearer token, and only one that does not call itself a session of ours: which of the two verifies a token
//! is never tried out. Nothing of ours can end such a token before its `exp`, in strict mode neither; and its `sub`
//! is WorkOS's own id, which only looks like one of ours. That is why the answer says `kind: workos`.

use domain::{OrganizationId, Timestamp};
use net::Deadline;
use serde::Serialize;
use web::context::REQUEST_TIME;
use web::{Platform, Reader};
use workos::{AccessClaims, AccessTokens, BaseUrl, Client, ClientId, Issuer, Jwks, JwksFreshness};

use crate::Denial;

/// Who presented the token; ids are WorkOS's. `sid` is absent for machines, `org_id` for people without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkosIdentity {
    pub sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    pub roles: Vec<String>,
    /// What a machine was granted; for the API to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// The verifier. `None` while no issuer is listed, and then nothing else of WorkOS has to be set.
pub(crate) fn read(reader: &mut Reader<'_>, platform: &Platform) -> Option<AccessTokens> {
    let issuers: Vec<Issuer> = reader.list_with("ACCEPTED_WORKOS_ISSUERS", str::parse);
    let freshness: JwksFreshness = reader.parsed_or("WORKOS_JWKS_SECONDS", JwksFreshness::default());
    if issuers.is_empty() {
        return None;
    }
    let base = BaseUrl::from_settings(|name| reader.optional(name));
    let base = base.map_err(|error| reader.problem(error.name, error.reason)).ok();
    let client_id = reader.required_with("WORKOS_CLIENT_ID", ClientId::parse)?;
    let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
    let client = Client::new(platform.http.clone(), base?, client_id.clone(), clock, rng);
    Some(AccessTokens::new(Jwks::new(client, freshness), issuers, client_id))
}

pub(crate) async fn identify(
    accepted: &AccessTokens,
    token: &str,
    now: Timestamp,
) -> Result<WorkosIdentity, Denial> {
    let claims = accepted.verify(token, now, Deadline::after(REQUEST_TIME)).await?;
    accepted.bearer(&claims).ok_or(Denial::NotABearer)?;
    let AccessClaims { subject, organization, session, roles, scope, .. } = claims;
    Ok(WorkosIdentity { sub: subject, org_id: organization, sid: session, roles, scope })
}
