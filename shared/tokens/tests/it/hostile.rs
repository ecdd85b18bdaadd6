//! Tokens made on purpose. All carry a good signature unless the test is about signatures.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use tokens::{Expiry, KeyRing, PrivateKey, PublicKeys, TokenError, verify};

use crate::forge::{Forge, ISSUER, NOW, at, claims, expected, payload, rsa_key, with};

/// The forger is as able as the ring: only so do the refusals below mean something.
#[test]
fn minted_and_well_forged_tokens_verify() {
    let forge = Forge::new();
    assert_eq!(forge.verify(&forge.honest()), Ok(claims()));
    assert_eq!(forge.verify(&forge.with_payload(&payload().to_string())), Ok(claims()));
    assert_eq!(forge.verify(&forge.with_header(&forge.header().to_string())), Ok(claims()));
    let mut stepped_up = claims();
    stepped_up.mfa_time = Some(NOW - 5);
    assert_eq!(forge.verify(forge.ring.sign(&stepped_up).unwrap().expose()), Ok(stepped_up));
}

/// R29: RS256 verifies in the same way, under its own key.
#[test]
fn an_rs256_token_verifies() {
    let ring = KeyRing::new(rsa_key(), at(0));
    let token = ring.sign(&claims()).unwrap();
    let header = token.expose().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header, json!({ "alg": "RS256", "typ": "session+jwt", "kid": ring.active() }));
    let keys = ring.public(None);
    assert_eq!(verify(token.expose(), &keys, &expected(), at(NOW), Expiry::Enforced), Ok(claims()));
    let mut forged = token.expose().to_owned();
    forged.pop();
    forged.pop();
    assert!(verify(&forged, &keys, &expected(), at(NOW), Expiry::Enforced).is_err());
}

/// R29: no header member may be missing, and all are text.
#[test]
fn each_header_member_is_required() {
    let forge = Forge::new();
    for name in ["alg", "typ", "kid"] {
        for value in [None, Some(Value::Null), Some(json!(1)), Some(json!(["ES256"]))] {
            let token = forge.with_header(&with(forge.header(), name, value.clone()));
            assert_eq!(forge.verify(&token), Err(TokenError::HeaderMember(name)), "{name} {value:?}");
        }
    }
}

/// R29: `none`, HMAC, other RSA and EC algorithms, other spellings, and the algorithm of another kind of key.
#[test]
fn other_algorithms_are_refused() {
    let forge = Forge::new();
    for algorithm in [
        "none", "None", "nOnE", "", "HS256", "HS384", "HS512", "es256", "ES256 ", "ES384", "PS256", "RS256",
        "EdDSA",
    ] {
        let header = with(forge.header(), "alg", Some(json!(algorithm)));
        let token = forge.with_header(&header);
        assert_eq!(forge.verify(&token), Err(TokenError::Algorithm), "{algorithm:?}");
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(forge.verify(&unsigned), Err(TokenError::Algorithm), "{algorithm:?} without signature");
    }
    let unsigned = format!("{}.", forge.honest().rsplit_once('.').unwrap().0);
    assert_eq!(forge.verify(&unsigned), Err(TokenError::Signature));
}

/// R29: the public key, in any of its forms, is no HMAC secret (RFC 8725 section 2.1).
#[test]
fn a_public_key_does_not_pass_for_a_shared_secret() {
    let forge = Forge::new();
    let rsa = KeyRing::new(rsa_key(), at(0)).public(None);
    let mut keys = forge.keys.clone();
    keys.keys.extend(rsa.keys.clone());
    let mut secrets = vec![forge.point().to_vec(), STANDARD.encode(forge.point()).into_bytes()];
    for public in [&forge.keys, &rsa] {
        let jwks = public.jwks(at(NOW), expected().token_life);
        secrets.push(serde_json::to_vec(&jwks).unwrap());
        secrets.push(serde_json::to_vec(&jwks.keys[0]).unwrap());
    }
    for secret in &secrets {
        for (algorithm, key) in
            [("HS256", &forge.keys.keys[0]), ("ES256", &rsa.keys[0]), ("RS256", &forge.keys.keys[0])]
        {
            let header = json!({ "alg": algorithm, "typ": "session+jwt", "kid": key.kid }).to_string();
            let message = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(payload().to_string())
            );
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
            assert_eq!(
                verify(&token, &keys, &expected(), at(NOW), Expiry::Enforced),
                Err(TokenError::Algorithm),
                "{algorithm}"
            );
        }
    }
}

/// R29: a token for something else (identity, access, logout) is not a session.
#[test]
fn other_types_are_refused() {
    let forge = Forge::new();
    for typ in
        ["JWT", "jwt", "at+jwt", "logout+jwt", "Session+JWT", "application/session+jwt", "session+jwt ", ""]
    {
        let token = forge.with_header(&with(forge.header(), "typ", Some(json!(typ))));
        assert_eq!(forge.verify(&token), Err(TokenError::Type), "{typ:?}");
    }
}

/// R29: nothing in the header may bring a key along or change the rules.
#[test]
fn further_header_members_are_refused() {
    let forge = Forge::new();
    let jwk = serde_json::to_value(&forge.keys.jwks(at(NOW), expected().token_life).keys[0]).unwrap();
    for (name, value) in [
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("abc")),
        ("x5t#S256", json!("abc")),
        ("jwk", jwk),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("x", Value::Null),
    ] {
        let token = forge.with_header(&with(forge.header(), name, Some(value)));
        assert_eq!(forge.verify(&token), Err(TokenError::HeaderExtra), "{name}");
    }
}

/// R29, R33: an unknown `kid` is its own outcome, and never a path, a URL or a query.
#[test]
fn an_unknown_key_is_refused() {
    let forge = Forge::new();
    let other = Forge::new();
    assert_eq!(forge.verify(&other.honest()), Err(TokenError::UnknownKey));
    assert_eq!(
        verify(&forge.honest(), &PublicKeys::default(), &expected(), at(NOW), Expiry::Enforced),
        Err(TokenError::UnknownKey)
    );
    let half = forge.ring.active().as_str()[..8].to_owned();
    for kid in ["", "../../etc/passwd", "' OR 1=1 --", "https://attacker.example/", half.as_str()] {
        let token = forge.with_header(&with(forge.header(), "kid", Some(json!(kid))));
        assert_eq!(forge.verify(&token), Err(TokenError::UnknownKey), "{kid:?}");
    }
    // Our `kid`, somebody else's signature.
    let token = other.raw(forge.header().to_string(), payload().to_string());
    assert_eq!(forge.verify(&token), Err(TokenError::Signature));
}

/// R29
#[test]
fn each_claim_is_required_and_has_its_form() {
    let forge = Forge::new();
    let wrong = |name: &str| match name {
        "iss" | "aud" => vec![json!(null), json!(1), json!([ISSUER]), json!({ "0": ISSUER })],
        "sub" => {
            vec![json!(null), json!(""), json!("org_1"), json!("user_"), json!("user_a#b"), json!(["user_1"])]
        }
        "org" => vec![json!(null), json!(""), json!("user_1"), json!("org_a/b"), json!(7)],
        "sid" => vec![json!(null), json!(""), json!("sess_\u{0}"), json!(true)],
        "roles" | "amr" => vec![json!(null), json!("admin"), json!([1]), json!([null]), json!({})],
        _ => vec![json!(null), json!("1764000000"), json!([NOW]), json!(true), json!(-1)],
    };
    for name in ["iss", "aud", "sub", "org", "sid", "roles", "amr", "auth_time", "iat", "nbf", "exp"] {
        let token = forge.with_payload(&with(payload(), name, None));
        assert_eq!(forge.verify(&token), Err(TokenError::MissingClaim(name)));
        for value in wrong(name) {
            let token = forge.with_payload(&with(payload(), name, Some(value.clone())));
            assert_eq!(forge.verify(&token), Err(TokenError::InvalidClaim(name)), "{name} {value}");
        }
    }
    let token = forge.with_payload(&with(payload(), "mfa_time", Some(Value::Null)));
    assert_eq!(forge.verify(&token), Err(TokenError::InvalidClaim("mfa_time")));
}

/// R29: exact text. Not a prefix, not another case, not a list that has us in it.
#[test]
fn issuer_and_audience_are_compared_exactly() {
    let forge = Forge::new();
    for other in
        ["https://app.example.com/", "https://APP.example.com", "https://app.example.com.evil.example", ""]
    {
        let token = forge.with_payload(&with(payload(), "iss", Some(json!(other))));
        assert_eq!(forge.verify(&token), Err(TokenError::Issuer), "{other}");
        let token = forge.with_payload(&with(payload(), "aud", Some(json!(other))));
        assert_eq!(forge.verify(&token), Err(TokenError::Audience), "{other}");
    }
}

/// A release that adds a claim can be rolled out: the release before still verifies.
#[test]
fn unknown_claims_are_left_alone() {
    let forge = Forge::new();
    let token = forge.with_payload(&with(payload(), "act", Some(json!({ "sub": "user_1" }))));
    assert_eq!(forge.verify(&token), Ok(claims()));
}

/// R30: in header and payload, known and unknown names, equal and different values, escaped and nested.
#[test]
fn duplicate_names_are_refused() {
    let forge = Forge::new();
    let twice = |object: &str, member: &str| format!("{},{member}}}", &object[..object.len() - 1]);
    let header = forge.header().to_string();
    for member in
        [r#""alg":"ES256""#, r#""alg":"none""#, r#""\u0061lg":"ES256""#, r#""kid":"x""#, r#""typ":"JWT""#]
    {
        let token = forge.with_header(&twice(&header, member));
        assert_eq!(forge.verify(&token), Err(TokenError::HeaderJson), "{member}");
    }
    let payload = payload().to_string();
    for member in [
        r#""sub":"user_2""#,
        r#""exp":9007199254740991"#,
        r#""\u0065xp":9007199254740991"#,
        r#""aud":"https://app.example.com""#,
        r#""x":1,"x":1"#,
        r#""x":{"a":1,"a":2}"#,
        r#""x":[{"a":1,"a":2}]"#,
    ] {
        let token = forge.with_payload(&twice(&payload, member));
        assert_eq!(forge.verify(&token), Err(TokenError::PayloadJson), "{member}");
    }
}

/// R30: numbers beyond 2^53, fractions and exponents have several readings.
#[test]
fn huge_and_inexact_numbers_are_refused() {
    let forge = Forge::new();
    for number in [
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "1764000300.0",
        "1.7640003e9",
        "-0",
        "-1",
    ] {
        for name in ["exp", "nbf", "iat", "auth_time"] {
            let honest = payload()[name].to_string();
            let text = payload().to_string().replacen(
                &format!("\"{name}\":{honest}"),
                &format!("\"{name}\":{number}"),
                1,
            );
            let refused = forge.verify(&forge.with_payload(&text));
            // `1e400` is no number at all for the parser.
            assert!(
                matches!(refused, Err(TokenError::InvalidClaim(claim)) if claim == name)
                    || (number == "1e400" && refused == Err(TokenError::PayloadJson)),
                "{name} {number}: {refused:?}"
            );
        }
    }
    let far = forge.with_payload(&with(payload(), "exp", Some(json!((1_i64 << 53) - 1))));
    assert!(forge.verify(&far).is_ok());
}

/// R30
#[test]
fn other_spellings_of_base64_are_refused() {
    let forge = Forge::new();
    let honest = forge.honest();
    let [header, payload, signature] = honest.split('.').collect::<Vec<_>>().try_into().unwrap();
    let forms = |part: &str| {
        [
            format!("{part}="),
            format!("{part}=="),
            format!("{part}A"),
            format!("{part}\n"),
            format!("{part} "),
            format!("+{part}"),
        ]
    };
    for part in forms(header) {
        assert!(forge.verify(&forge.seal(&format!("{part}.{payload}"))).is_err());
    }
    for part in forms(payload) {
        assert!(forge.verify(&forge.seal(&format!("{header}.{part}"))).is_err());
    }
    for part in forms(signature) {
        // With an `A` more it is good base64 again, of 65 bytes.
        let error =
            if part == format!("{signature}A") { TokenError::Signature } else { TokenError::Encoding };
        assert_eq!(forge.verify(&format!("{header}.{payload}.{part}")), Err(error), "{part:?}");
    }
    // 64 bytes leave four unused bits in the last character: fifteen other spellings of the same signature.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for last in alphabet.chars().filter(|last| !signature.ends_with(*last)) {
        let other = format!("{}{last}", &signature[..signature.len() - 1]);
        assert!(forge.verify(&format!("{header}.{payload}.{other}")).is_err());
    }
    // The same for a payload of a length that leaves unused bits, with a signature over the other spelling.
    let mut text = crate::forge::payload().to_string();
    while text.len() % 3 != 1 {
        text.push(' ');
    }
    let honest = forge.with_payload(&text);
    assert!(forge.verify(&honest).is_ok());
    let message = honest.rsplit_once('.').unwrap().0;
    for last in alphabet.chars().filter(|last| !message.ends_with(*last)) {
        let other = format!("{}{last}", &message[..message.len() - 1]);
        let error = forge.verify(&forge.seal(&other)).unwrap_err();
        assert!(matches!(error, TokenError::Encoding | TokenError::PayloadJson), "{last} {error}");
    }
}

/// R30
#[test]
fn missing_and_trailing_parts_are_refused() {
    let forge = Forge::new();
    let honest = forge.honest();
    let message = honest.rsplit_once('.').unwrap().0;
    for token in ["", ".", message, &honest.replace('.', ""), &honest.replace('.', " ")] {
        assert_eq!(forge.verify(token), Err(TokenError::Parts), "{token}");
    }
    for token in [
        format!("{honest}."),
        format!("{honest}.{honest}"),
        format!(".{honest}"),
        "....".into(),
        honest.replacen('.', "..", 1),
    ] {
        assert_eq!(forge.verify(&token), Err(TokenError::Parts), "{token}");
    }
    for token in ["..", "a.b.c", "e30.e30.", "\u{1F600}.\u{1F600}.\u{1F600}"] {
        assert!(forge.verify(token).is_err(), "{token}");
    }
    for payload in ["", "[]", "null", "\"x\"", "{}{}"] {
        assert_eq!(forge.verify(&forge.with_payload(payload)), Err(TokenError::PayloadJson), "{payload:?}");
    }
    let trailing = format!("{}null", payload());
    assert_eq!(forge.verify(&forge.with_payload(&trailing)), Err(TokenError::PayloadJson));
    assert_eq!(forge.verify(&forge.with_header("[]")), Err(TokenError::HeaderJson));
}

/// R30: above 8 KB nothing is decoded, however good it is.
#[test]
fn oversized_tokens_are_refused() {
    let forge = Forge::new();
    let filled = |bytes: usize| forge.with_payload(&with(payload(), "x", Some(json!("x".repeat(bytes)))));
    assert_eq!(forge.verify(&filled(5000)), Ok(claims()));
    assert!(filled(6100).len() > 8192);
    assert_eq!(forge.verify(&filled(6100)), Err(TokenError::TooLong));
    assert_eq!(forge.verify(&".".repeat(9_000_000)), Err(TokenError::TooLong));
}

/// R29: what the text of a claim says never matters before the signature is good.
#[test]
fn claims_are_read_only_after_the_signature() {
    let (forge, other) = (Forge::new(), Forge::new());
    for payload in ["", "not json", r#"{"exp":1}"#, r#"{"a":1,"a":1}"#] {
        let token = other.raw(forge.header().to_string(), payload);
        assert_eq!(forge.verify(&token), Err(TokenError::Signature), "{payload}");
    }
}

/// A longer RSA key would make a signature that does not fit the cookie.
#[test]
fn only_the_two_kinds_of_key_are_taken() {
    let long = crate::forge::pem(include_str!("rsa-3072.test-only.pem"));
    assert!(PrivateKey::from_pkcs8_der(&long).is_err());
    assert!(PrivateKey::from_pkcs8_der(b"").is_err());
}
