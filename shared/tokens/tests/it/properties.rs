//! What holds for any claims, key set and document: what was signed is read back and nothing else, a set of keys is read as
//! exactly those of its members that are fit, and a ring survives its own text.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{OrganizationId, SessionId, Timestamp, UserId};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokens::{
    Expiry, IssuerKeys, KeyRing, LEEWAY, PrivateKey, PublicKeys, SessionClaims, TokenError,
    claims_to_be_session, verify,
};

use crate::forge::{Forge, ISSUER, NOW, at, expected, rsa_key};

fn id<T>(prefix: &'static str) -> impl Strategy<Value = T>
where
    T: TryFrom<String, Error: std::fmt::Debug> + std::fmt::Debug,
{
    "[A-Za-z0-9_-]{1,60}".prop_map(move |rest| T::try_from(format!("{prefix}{rest}")).unwrap())
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z0-9_-]{1,20}|\\PC{1,8}", 0..6)
}

/// Claims of a session that is good at [`NOW`].
fn good_claims() -> impl Strategy<Value = SessionClaims> {
    let ids = (id::<UserId>("user_"), id::<OrganizationId>("org_"), id::<SessionId>("sess_"));
    (ids, words(), words(), 0..86_400_i64, prop::option::of(0..86_400_i64), 0..300_i64).prop_map(
        |((sub, org, sid), roles, amr, auth, mfa, age)| SessionClaims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub,
            org,
            sid,
            roles,
            amr,
            auth_time: NOW - auth,
            mfa_time: mfa.map(|mfa| NOW - mfa),
            iat: NOW - age,
            nbf: NOW - age,
            exp: NOW - age + 300,
        },
    )
}

fn rings() -> [KeyRing; 2] {
    [KeyRing::new(PrivateKey::generate_es256().unwrap(), at(0)), KeyRing::new(rsa_key(), at(0))]
}

/// A member of a JWKS, and whether it may verify RS256.
fn jwk() -> impl Strategy<Value = (Value, Option<String>)> {
    let modulus = prop_oneof![Just(256_usize), Just(255), Just(384), Just(0), Just(32)];
    let text = |choices: &[Option<&'static str>]| prop::sample::select(choices.to_vec());
    (
        text(&[Some("RSA"), Some("RSA"), Some("RSA"), Some("EC"), Some("oct"), None]),
        text(&[Some("sig"), Some("sig"), None, Some("enc"), Some("")]),
        text(&[
            Some("RS256"),
            Some("RS256"),
            None,
            Some("ES256"),
            Some("HS256"),
            Some("none"),
            Some("RS384"),
        ]),
        prop_oneof!["[a-c]", Just(String::new())],
        modulus,
        prop_oneof![Just(0x80_u8), Just(0)],
        prop_oneof![Just("AQAB".to_owned()), Just("AQAB=".to_owned()), Just("A+".to_owned())],
    )
        .prop_map(|(kty, usage, alg, kid, length, first, exponent)| {
            let mut n = vec![7_u8; length];
            if let Some(byte) = n.first_mut() {
                *byte = first;
            }
            let fit = kty == Some("RSA")
                && matches!(usage, Some("sig") | None)
                && matches!(alg, Some("RS256") | None)
                && !kid.is_empty()
                && length >= 256
                && first != 0
                && exponent == "AQAB";
            let mut key = json!({ "kid": kid, "n": URL_SAFE_NO_PAD.encode(n), "e": exponent });
            for (name, value) in [("kty", kty), ("use", usage), ("alg", alg)] {
                if let Some(value) = value {
                    key[name] = json!(value);
                }
            }
            (key, fit.then_some(kid))
        })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("keys|kid|kty|n|e|v|active|[a-z]{1,4}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// R29: what was signed is read back, claim by claim, until a minute after its end and not a second longer; of another
    /// issuer or for another audience it is refused.
    #[test]
    fn what_was_signed_is_read_back(claims in good_claims()) {
        for ring in rings() {
            let Ok(token) = ring.sign(&claims) else { continue };
            let keys = ring.public(None);
            let read = |now, expiry| verify(token.expose(), &keys, &expected(), now, expiry);
            prop_assert_eq!(read(at(NOW), Expiry::Enforced), Ok(claims.clone()));
            prop_assert!(claims_to_be_session(token.expose()));
            let end = Timestamp::from_seconds(claims.exp).plus(LEEWAY);
            let moment = Duration::from_millis(1);
            prop_assert_eq!(read(end.minus(moment), Expiry::Enforced), Ok(claims.clone()));
            prop_assert_eq!(read(end, Expiry::Enforced), Err(TokenError::Expired));
            prop_assert_eq!(read(end, Expiry::Waived), Ok(claims.clone()));
            let mut other = expected();
            other.issuer.push('/');
            prop_assert_eq!(verify(token.expose(), &keys, &other, at(NOW), Expiry::Waived), Err(TokenError::Issuer));
            let mut other = expected();
            other.audience = "https://api.example.com".into();
            prop_assert_eq!(verify(token.expose(), &keys, &other, at(NOW), Expiry::Waived), Err(TokenError::Audience));
        }
    }

    /// R29: another ring's key verifies nothing of it, even under the same key id in the header.
    #[test]
    fn another_key_verifies_nothing(claims in good_claims()) {
        let (one, other) = (Forge::new(), Forge::new());
        let token = one.ring.sign(&claims).unwrap();
        prop_assert_eq!(other.verify(token.expose()), Err(TokenError::UnknownKey));
        let (_, rest) = token.expose().split_once('.').unwrap();
        let renamed = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(other.header().to_string()));
        prop_assert_eq!(other.verify(&renamed), Err(TokenError::Signature));
    }

    /// R29, R30: of a mixed set exactly the fit keys are taken, each id once; of a set without any, none.
    #[test]
    fn a_key_set_is_read_as_its_fit_keys(members in prop::collection::vec(jwk(), 0..8), junk in prop::collection::vec(any_value(), 0..3)) {
        let mut fit: Vec<String> = Vec::new();
        for kid in members.iter().filter_map(|(_, kid)| kid.clone()) {
            if !fit.contains(&kid) {
                fit.push(kid);
            }
        }
        let keys: Vec<Value> = junk.into_iter().chain(members.into_iter().map(|(key, _)| key)).collect();
        match IssuerKeys::from_jwks(&json!({ "keys": keys })) {
            None => prop_assert_eq!(fit, Vec::<String>::new()),
            Some(read) => prop_assert_eq!(format!("{read:?}"), format!("IssuerKeys {{ keys: [{}] }}", fit.join(", "))),
        }
    }

    /// R30: no other document is a key set, a ring or a set of public keys.
    #[test]
    fn other_documents_are_nothing(document in any_value()) {
        prop_assert!(IssuerKeys::from_jwks(&document).is_none());
        prop_assert!(KeyRing::from_json(&document.to_string()).is_err());
        prop_assert!(serde_json::from_value::<PublicKeys>(document).is_err());
    }

    /// A ring is its own text, wherever it is in its life, and no cut of that text is one.
    #[test]
    fn a_ring_survives_its_text(steps in 0..4_usize, cut in any::<prop::sample::Index>(), floor in prop::option::of(0..NOW)) {
        let mut ring = KeyRing::new(PrivateKey::generate_es256().unwrap(), at(0));
        for step in 0..steps {
            let now = at(i64::try_from(step).unwrap() * 1000);
            ring = if step % 2 == 0 {
                ring.publish(PrivateKey::generate_es256().unwrap(), now).unwrap()
            } else {
                ring.promote(now, Duration::ZERO).unwrap()
            };
        }
        let text = ring.to_json().unwrap();
        let text = text.expose_secret();
        let floor = floor.map(at);
        prop_assert_eq!(KeyRing::from_json(text).unwrap().public(floor), ring.public(floor));
        prop_assert!(KeyRing::from_json(&text[..cut.index(text.len())]).is_err());
        let public = serde_json::to_string(&ring.public(floor)).unwrap();
        prop_assert_eq!(serde_json::from_str::<PublicKeys>(&public).unwrap(), ring.public(floor));
        prop_assert!(serde_json::from_str::<PublicKeys>(&public[..cut.index(public.len())]).is_err());
    }
}
