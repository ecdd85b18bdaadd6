//! Tokens of another issuer: what its key signed is still not believed without a second look.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use tokens::{IssuerKeys, TokenError, claims_to_be_session};

use crate::forge::{Forge, NOW, at, pem, with};

const KID: &str = "sso_oidc_key_pair_01";

struct Issuer(KeyPair);

impl Issuer {
    fn new() -> Self {
        Self(KeyPair::from_pkcs8(&pem(include_str!("rsa-2048.test-only.pem"))).unwrap())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "ring asks for its own generator; PKCS#1 v1.5 draws nothing"
    )]
    fn raw(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn jwk(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.0.public());
        json!({
            "alg": "RS256", "kty": "RSA", "use": "sig", "kid": KID,
            "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e),
            "x5c": ["MII"], "x5t#S256": "x",
        })
    }

    fn keys(&self) -> IssuerKeys {
        IssuerKeys::from_jwks(&json!({ "keys": [self.jwk()] })).unwrap()
    }
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": KID })
}

fn payload() -> Value {
    json!({ "iss": "https://api.workos.com", "sub": "user_01", "iat": NOW, "exp": NOW + 300 })
}

fn refusal(issuer: &Issuer, header: &str, payload: &str) -> Option<TokenError> {
    issuer.keys().verify(&issuer.raw(header, payload), at(NOW)).err()
}

#[test]
fn a_token_of_the_published_key_is_read() {
    let issuer = Issuer::new();
    for header in [header().to_string(), with(header(), "typ", Some(json!("JWT")))] {
        let token = issuer.raw(&header, &payload().to_string());
        let claims = issuer.keys().verify(&token, at(NOW)).unwrap();
        assert_eq!((claims.text("sub"), claims.has("sid")), (Ok("user_01"), false));
        assert!(!claims_to_be_session(&token));
    }
    assert!(claims_to_be_session(&Forge::new().honest()));
}

/// R29: RS256 and a known key id; no other algorithm, no key in the header, and never one of our own types.
#[test]
fn other_headers_are_refused() {
    let issuer = Issuer::new();
    for algorithm in ["none", "HS256", "RS384", "PS256", "ES256", "rs256", ""] {
        let header = with(header(), "alg", Some(json!(algorithm)));
        assert_eq!(refusal(&issuer, &header, &payload().to_string()), Some(TokenError::Algorithm));
    }
    for name in ["crit", "jku", "jwk", "x5c", "x5u"] {
        let header = with(header(), name, Some(json!("https://evil.example/")));
        assert_eq!(refusal(&issuer, &header, &payload().to_string()), Some(TokenError::HeaderExtra));
    }
    for (name, value, wanted) in [
        ("kid", None, TokenError::HeaderMember("kid")),
        ("kid", Some(json!(1)), TokenError::HeaderMember("kid")),
        ("kid", Some(json!("other")), TokenError::UnknownKey),
        ("typ", Some(json!("session+jwt")), TokenError::Type),
        ("typ", Some(json!(7)), TokenError::HeaderMember("typ")),
    ] {
        assert_eq!(refusal(&issuer, &with(header(), name, value), &payload().to_string()), Some(wanted));
    }
}

/// R29: a changed payload, a signature of somebody else, and a MAC made with the public key.
#[test]
fn other_signatures_are_refused() {
    let issuer = Issuer::new();
    let honest = issuer.raw(&header().to_string(), &payload().to_string());
    let (message, signature) = honest.rsplit_once('.').unwrap();
    let (first, _) = message.split_once('.').unwrap();
    let other = URL_SAFE_NO_PAD.encode(with(payload(), "sub", Some(json!("user_02"))));
    let modulus = issuer.jwk()["n"].as_str().unwrap().to_owned();
    let tag = |secret: &[u8]| {
        URL_SAFE_NO_PAD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()))
    };
    for forged in [
        format!("{first}.{other}.{signature}"),
        format!("{message}."),
        format!("{message}.{}", tag(modulus.as_bytes())),
        format!("{message}.{}", tag(issuer.jwk().to_string().as_bytes())),
        format!("{message}.{}", STANDARD.encode([0; 255]).trim_end_matches('=')),
    ] {
        let refused = issuer.keys().verify(&forged, at(NOW)).unwrap_err();
        assert!(matches!(refused, TokenError::Signature | TokenError::Encoding), "{refused}");
    }
}

/// R30
#[test]
fn repeated_names_and_odd_numbers_are_refused() {
    let issuer = Issuer::new();
    let twice = format!(r#"{{"sub":"user_01","sub":"user_02","exp":{}}}"#, NOW + 300);
    assert_eq!(refusal(&issuer, &header().to_string(), &twice), Some(TokenError::PayloadJson));
    let twice = format!(r#"{{"alg":"none","alg":"RS256","kid":"{KID}"}}"#);
    assert_eq!(refusal(&issuer, &twice, &payload().to_string()), Some(TokenError::HeaderJson));
    for odd in [json!(null), json!("1"), json!(1.5), json!(-1), json!(1u64 << 60)] {
        let payload = with(payload(), "exp", Some(odd));
        let refused = refusal(&issuer, &header().to_string(), &payload);
        assert_eq!(refused, Some(TokenError::InvalidClaim("exp")), "{payload}");
    }
}

/// R31: sixty seconds after `exp` and before `nbf` and `iat`, to the second; without `exp` never.
#[test]
fn times_have_a_minute_of_leeway() {
    let issuer = Issuer::new();
    let with_time = |name: &str, value: i64| with(payload(), name, Some(json!(value)));
    for (payload, refused) in [
        (with_time("exp", NOW - 59), None),
        (with_time("exp", NOW - 60), Some(TokenError::Expired)),
        (with_time("nbf", NOW + 60), None),
        (with_time("nbf", NOW + 61), Some(TokenError::NotYetValid)),
        (with_time("iat", NOW + 60), None),
        (with_time("iat", NOW + 61), Some(TokenError::NotYetValid)),
        (with(payload(), "exp", None), Some(TokenError::MissingClaim("exp"))),
        (with(payload(), "iat", None), None),
    ] {
        assert_eq!(refusal(&issuer, &header().to_string(), &payload), refused, "{payload}");
    }
}

/// Only RS256 signature keys of 2048 bits and more count, and the first of one id; none at all is no answer.
#[test]
fn keys_for_something_else_are_left_out() {
    let jwk = Issuer::new().jwk();
    let without = |name: &str, value: Value| {
        serde_json::from_str::<Value>(&with(jwk.clone(), name, Some(value))).unwrap()
    };
    let unusable = [
        without("kty", json!("EC")),
        without("use", json!("enc")),
        without("alg", json!("RS512")),
        without("kid", json!("")),
        without("kid", json!(3)),
        without("n", json!(URL_SAFE_NO_PAD.encode([7; 128]))),
        without("n", json!("not base64url!")),
        without("e", Value::Null),
        json!("key"),
        json!({}),
    ];
    for key in &unusable {
        assert!(IssuerKeys::from_jwks(&json!({ "keys": [key] })).is_none(), "{key}");
    }
    for wrong in [json!([]), json!({}), json!({ "keys": {} }), json!({ "keys": [] }), json!(null)] {
        assert!(IssuerKeys::from_jwks(&wrong).is_none(), "{wrong}");
    }
    let mut all = unusable.to_vec();
    all.push(jwk.clone());
    all.push(without("n", json!(URL_SAFE_NO_PAD.encode([7; 256]))));
    let keys = IssuerKeys::from_jwks(&json!({ "keys": all })).unwrap();
    let issuer = Issuer::new();
    assert!(keys.verify(&issuer.raw(&header().to_string(), &payload().to_string()), at(NOW)).is_ok());
    assert_eq!(format!("{keys:?}"), format!("IssuerKeys {{ keys: [{KID}] }}"));
    for name in ["use", "alg"] {
        let silent: Value = serde_json::from_str(&with(jwk.clone(), name, None)).unwrap();
        assert!(IssuerKeys::from_jwks(&json!({ "keys": [silent] })).is_some());
    }
}
