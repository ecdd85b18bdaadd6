//! The access token that comes with a profile: verified only where a setting asks for it.
//!
//! The profile arrives over TLS from the token endpoint, so nothing depends on this token and it is never a session.
//! Whoever wants the signature checked as well switches it on; then a login fails with a token that is not WorkOS's own,
//! and with no keys to check it by.

use workos::{AccessTokens, BaseUrl, Client, ClientId, Issuer, Jwks, JwksFreshness};

use web::Reader;

/// What the settings say; `None` while tokens are left alone.
pub(crate) struct Wanted {
    issuers: Vec<Issuer>,
    freshness: JwksFreshness,
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Wanted> {
    let issuers = reader.list_with("ACCEPTED_WORKOS_ISSUERS", str::parse);
    let freshness = reader.parsed_or("WORKOS_JWKS_SECONDS", JwksFreshness::default());
    reader.parsed_or("VERIFY_SSO_TOKEN", false).then_some(Wanted { issuers, freshness })
}

impl Wanted {
    /// Without issuers of its own choice, those that WorkOS uses at this address.
    pub(crate) fn verifier(self, client: &Client, base: &BaseUrl, client_id: &ClientId) -> AccessTokens {
        let issuers = if self.issuers.is_empty() { Issuer::usual(base, client_id) } else { self.issuers };
        AccessTokens::new(Jwks::new(client.clone(), self.freshness), issuers, client_id.clone())
    }
}
