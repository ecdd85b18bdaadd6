//! Where a login sends the browser: `GET /sso/authorize`.
//!
//! Made from values alone, without client or secret. Only the fields below can become parameters, each
//! exactly once, and nothing a visitor typed can add or override one (R14): a smuggled `redirect_uri`,
//! `client_id` or `state` would hand a code to somebody else. Source: WorkOS API reference, "Get an
//! authorization URL"; RFC 7636 for PKCE.

use domain::Selector;
use url::Url;

use crate::base_url::BaseUrl;
use crate::credentials::ClientId;

/// The parameters of one authorization request. `response_type` is always `code`, the challenge always S256.
pub struct AuthorizationUrl<'a> {
    pub base: &'a BaseUrl,
    pub client_id: &'a ClientId,
    /// Registered with WorkOS, letter by letter.
    pub redirect_uri: &'a Url,
    pub selector: &'a Selector,
    /// Comes back unchanged.
    pub state: &'a str,
    pub nonce: Option<&'a str>,
    /// Base64url SHA-256 of the verifier.
    pub code_challenge: &'a str,
    /// Fills in the user name at IdPs that can.
    pub login_hint: Option<&'a str>,
    /// Fills in the domain at IdPs that can. Selects nothing.
    pub domain_hint: Option<&'a str>,
    /// Asks the IdP to authenticate again, where it supports that. A request, not a proof.
    pub prompt_login: bool,
}

impl AuthorizationUrl<'_> {
    pub fn build(&self) -> Url {
        let mut url = self.base.join(&["sso", "authorize"]);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id.as_str())
            .append_pair("redirect_uri", self.redirect_uri.as_str())
            .append_pair("state", self.state)
            .append_pair("code_challenge", self.code_challenge)
            .append_pair("code_challenge_method", "S256");
        match self.selector {
            Selector::Organization(id) => query.append_pair("organization", id.as_str()),
            Selector::Connection(id) => query.append_pair("connection", id.as_str()),
            // WorkOS takes one selector. The organization is ours to remember.
            Selector::Provider { provider, organization: _ } => {
                query.append_pair("provider", provider.as_str())
            }
        };
        let optional =
            [("nonce", self.nonce), ("login_hint", self.login_hint), ("domain_hint", self.domain_hint)];
        for (name, value) in optional {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        if self.prompt_login {
            query.append_pair("prompt", "login");
        }
        drop(query);
        url
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{ConnectionId, OrganizationId, Provider};

    use super::*;

    struct Parts {
        base: BaseUrl,
        client_id: ClientId,
        redirect_uri: Url,
    }

    fn parts() -> Parts {
        Parts {
            base: BaseUrl::parse(BaseUrl::DEFAULT).unwrap(),
            client_id: ClientId::parse("client_01").unwrap(),
            redirect_uri: Url::parse("https://app.example/auth/callback").unwrap(),
        }
    }

    fn url<'a>(parts: &'a Parts, selector: &'a Selector) -> AuthorizationUrl<'a> {
        AuthorizationUrl {
            base: &parts.base,
            client_id: &parts.client_id,
            redirect_uri: &parts.redirect_uri,
            selector,
            state: "the-state",
            nonce: None,
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            login_hint: None,
            domain_hint: None,
            prompt_login: false,
        }
    }

    fn query(url: &Url) -> BTreeMap<String, String> {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(pairs.len(), map.len(), "a parameter came twice: {url}");
        map
    }

    /// R01: state and an S256 challenge go along, and exactly one selector.
    #[test]
    fn the_url_is_the_documented_one() {
        let parts = parts();
        let organization = Selector::Organization(OrganizationId::parse("org_01").unwrap());
        assert_eq!(
            url(&parts, &organization).build().as_str(),
            "https://api.workos.com/sso/authorize?response_type=code&client_id=client_01\
             &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback&state=the-state\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
             &organization=org_01"
        );
        let connection = Selector::Connection(ConnectionId::parse("conn_01").unwrap());
        let built = query(&url(&parts, &connection).build());
        assert_eq!(built.get("connection").map(String::as_str), Some("conn_01"));
        assert!(!built.contains_key("organization") && !built.contains_key("provider"));
        let provider = Selector::Provider {
            provider: Provider::parse("GoogleOAuth").unwrap(),
            organization: OrganizationId::parse("org_01").unwrap(),
        };
        let built = query(&url(&parts, &provider).build());
        assert_eq!(built.get("provider").map(String::as_str), Some("GoogleOAuth"));
        assert!(!built.contains_key("organization") && !built.contains_key("connection"));
    }

    /// R14: whatever a visitor types stays inside its own value.
    #[test]
    fn hints_cannot_add_or_override_parameters() {
        let parts = parts();
        let selector = Selector::Organization(OrganizationId::parse("org_01").unwrap());
        let hostile = [
            "a&client_id=client_evil",
            "a&redirect_uri=https://evil.example",
            "a#fragment",
            "a?state=mine",
            "a\r\nLocation: https://evil.example",
            "a;state=mine",
            "%26state%3Dmine",
            "\u{0}\u{2028}ü&provider=authkit",
        ];
        let known: Vec<&str> = "client_id code_challenge code_challenge_method domain_hint login_hint nonce \
                                organization prompt redirect_uri response_type state"
            .split_whitespace()
            .collect();
        for value in hostile {
            let request = AuthorizationUrl {
                nonce: Some(value),
                login_hint: Some(value),
                domain_hint: Some(value),
                prompt_login: true,
                ..url(&parts, &selector)
            };
            let built = request.build();
            let query = query(&built);
            assert_eq!(query.keys().map(String::as_str).collect::<Vec<_>>(), known, "{value:?}");
            assert_eq!(query.get("login_hint").map(String::as_str), Some(value));
            assert_eq!(query.get("client_id").map(String::as_str), Some("client_01"));
            assert_eq!(query.get("redirect_uri").map(String::as_str), Some(parts.redirect_uri.as_str()));
            assert_eq!(query.get("state").map(String::as_str), Some("the-state"));
            assert_eq!(query.get("prompt").map(String::as_str), Some("login"));
            assert_eq!(built.fragment(), None);
        }
    }
}
