//! What holds for any setting and any answer of WorkOS: the API key goes nowhere else, no segment leaves its place, no text
//! becomes a parameter of its own, and the ids that a login is compared with are those of the answer or an error.

use std::collections::BTreeMap;

use domain::{Selector, sha256};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{AuthorizationUrl, BaseUrl, ClientId, Connection, Organization, Profile};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,30}",
        "[a-z0-9.:/?#@%&=+\\\\ -]{0,40}",
        "(https?|ftp|file|javascript)://[a-z0-9.:@/?#%\\[\\]\\\\-]{0,40}",
        "(http|https)://(localhost|127\\.0\\.0\\.1|\\[::1\\]|api\\.workos\\.com|10\\.0\\.0\\.1)[a-z0-9.:@/?#%-]{0,20}",
    ]
}

/// An answer's member: fit, odd, or of another kind altogether.
fn member() -> impl Strategy<Value = Value> {
    prop_oneof![
        "(prof|conn|org|user)_[A-Za-z0-9]{1,10}".prop_map(Value::from),
        "\\PC{0,10}".prop_map(Value::from),
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        prop::collection::vec("[a-z]{0,4}".prop_map(|slug| json!({ "slug": slug })), 0..3)
            .prop_map(Value::from),
        Just(json!({ "slug": "admin" })),
    ]
}

fn answer(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(names), member(), 0..=names.len()).prop_map(|members| {
        Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

/// What the answer says under this name, if that is text.
fn said<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer.get(name).and_then(Value::as_str)
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    })
}

proptest! {
    /// The API key goes over TLS or stays on this machine, whatever is set; and only to the host that was read.
    #[test]
    fn a_base_url_is_confidential_and_bare(text in text()) {
        let Ok(base) = BaseUrl::parse(&text) else { return Ok(()) };
        let url = base.as_url();
        let host = url.host_str().unwrap();
        let loopback = host == "localhost"
            || host.ends_with(".localhost")
            || host == "[::1]"
            || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.octets()[0] == 127);
        prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && loopback), "{}", url);
        prop_assert!(url.username().is_empty() && url.password().is_none());
        prop_assert!(url.query().is_none() && url.fragment().is_none());
        prop_assert_eq!(BaseUrl::parse(url.as_str()), Ok(base.clone()));
    }

    /// An id in a path is one segment of it, whatever it is made of.
    #[test]
    fn segments_stay_in_their_place(path in "(/[a-z]{1,6}){0,3}/?", segment in text(), last in "[a-z]{1,5}") {
        let base = BaseUrl::parse(&format!("https://proxy.example{path}")).unwrap();
        let joined = base.join(&["sso", &segment, &last]);
        prop_assert_eq!(joined.origin(), base.as_url().origin());
        prop_assert!(joined.query().is_none() && joined.fragment().is_none());
        let place = path.trim_end_matches('/');
        let rest = joined.path().strip_prefix(&format!("{place}/sso/")).map(str::to_owned);
        let rest = rest.ok_or_else(|| TestCaseError::fail(joined.to_string()))?;
        let parts: Vec<&str> = rest.split('/').collect();
        // Dots alone are no segment to the URL parser: it leaves them out.
        prop_assert!(parts.len() <= 2, "{}", joined);
        prop_assert_eq!(parts.last(), Some(&last.as_str()));
    }

    /// R14: each parameter is there once, and says what was given, whatever it is made of.
    #[test]
    fn no_value_becomes_a_parameter(
        state in text(), nonce in prop::option::of(text()), hint in prop::option::of(text()),
        domain in prop::option::of(text()), redirect_query in "[a-z=&]{0,10}", prompt: bool, selector in 0..3_usize,
    ) {
        let base = BaseUrl::parse("https://api.workos.com").unwrap();
        let client_id = ClientId::parse("client_1").unwrap();
        let redirect_uri = Url::parse(&format!("https://app.example.com/auth/callback?{redirect_query}")).unwrap();
        let names = ["organization=org_1", "connection=conn_1", "provider=GoogleOAuth&organization=org_1"];
        let selector: Selector = names[selector].parse().unwrap();
        let challenge = sha256("verifier");
        let url = AuthorizationUrl {
            base: &base, client_id: &client_id, redirect_uri: &redirect_uri, selector: &selector, state: &state,
            nonce: nonce.as_deref(), code_challenge: &challenge, login_hint: hint.as_deref(),
            domain_hint: domain.as_deref(), prompt_login: prompt,
        }
        .build();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let read: BTreeMap<&str, &str> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(read.len(), pairs.len(), "{}", url);
        let mut wanted = BTreeMap::from([
            ("response_type", "code"), ("client_id", "client_1"), ("redirect_uri", redirect_uri.as_str()),
            ("state", state.as_str()), ("code_challenge", challenge.as_str()), ("code_challenge_method", "S256"),
        ]);
        let (name, id) = match &selector {
            Selector::Organization(id) => ("organization", id.as_str()),
            Selector::Connection(id) => ("connection", id.as_str()),
            Selector::Provider { provider, .. } => ("provider", provider.as_str()),
        };
        wanted.insert(name, id);
        for (name, value) in [("nonce", &nonce), ("login_hint", &hint), ("domain_hint", &domain)] {
            if let Some(value) = value {
                wanted.insert(name, value);
            }
        }
        if prompt {
            wanted.insert("prompt", "login");
        }
        prop_assert_eq!(read, wanted);
    }

    /// R12: a profile that is read has exactly the ids that the answer names, all of them well formed, or it is an error. An
    /// organization is never lost, and never made up.
    #[test]
    fn a_profile_has_the_ids_of_the_answer(answer in answer(&[
        "id", "connection_id", "organization_id", "idp_id", "email", "connection_type", "role", "roles", "groups", "first_name",
    ])) {
        let fit = |name: &str, prefix: &str| said(&answer, name).is_some_and(|text| is_id(text, prefix));
        let organization = match answer.get("organization_id") {
            None | Some(Value::Null) => Some(None),
            Some(_) if fit("organization_id", "org_") => Some(said(&answer, "organization_id")),
            Some(_) => None,
        };
        let idp_id = said(&answer, "idp_id").filter(|text| !text.is_empty());
        match serde_json::from_value::<Profile>(answer.clone()) {
            Ok(profile) => {
                prop_assert_eq!(Some(profile.id.as_str()), said(&answer, "id"));
                prop_assert_eq!(Some(profile.connection_id.as_str()), said(&answer, "connection_id"));
                prop_assert!(fit("id", "prof_") && fit("connection_id", "conn_"));
                prop_assert_eq!(Some(profile.organization_id.as_ref().map(domain::OrganizationId::as_str)), organization);
                prop_assert_eq!(Some(profile.idp_id.as_str()), idp_id);
                prop_assert!(profile.roles.iter().all(|role| !role.is_empty()));
            }
            Err(_) => {
                // An error has a cause: one of the ids, or a member of a kind that nobody can read.
                let readable = ["email", "connection_type", "first_name"]
                    .iter()
                    .all(|name| answer.get(*name).is_none_or(|value| value.is_string() || value.is_null()));
                prop_assert!(
                    !fit("id", "prof_") || !fit("connection_id", "conn_") || organization.is_none() || idp_id.is_none() || !readable,
                    "{}", answer
                );
            }
        }
    }

    /// R44: an organization vouches for a domain only in the two states that say so, and a connection is usable only in its two.
    #[test]
    fn only_a_known_state_counts(state in prop_oneof![
        "verified|legacy_verified|pending|unverified|failed|active|validating|inactive|draft|deleting",
        "\\PC{0,12}",
        "[Vv]erified ?", "[Aa]ctive ?",
    ], present: bool) {
        let mut domain = Map::from_iter([("domain".to_owned(), json!("acme.com"))]);
        let mut connection = Map::from_iter([("id".to_owned(), json!("conn_1"))]);
        if present {
            domain.insert("state".to_owned(), json!(state));
            connection.insert("state".to_owned(), json!(state));
        }
        let organization: Organization =
            serde_json::from_value(json!({ "id": "org_1", "domains": [domain] })).unwrap();
        let connection: Connection = serde_json::from_value(Value::Object(connection)).unwrap();
        let tenant = organization.tenant(vec![connection], domain::Timestamp::from_seconds(0));
        let vouches = present && matches!(state.as_str(), "verified" | "legacy_verified");
        let usable = present && matches!(state.as_str(), "active" | "validating");
        prop_assert_eq!(tenant.vouches_for(&domain::Domain::parse("acme.com").unwrap()), vouches);
        prop_assert_eq!(tenant.connections.iter().any(|known| known.state.usable()), usable);
    }
}
