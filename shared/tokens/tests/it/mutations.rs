//! Every small change of a good token, and everything else a browser or an attacker may send.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;
use tokens::{Expiry, verify};

use crate::forge::{Forge, NOW, at, expected, payload, with};

/// R29: no bit of header, payload or signature can change.
#[test]
fn every_flipped_bit_is_refused() {
    let forge = Forge::new();
    let honest = forge.honest();
    let parts: Vec<Vec<u8>> = honest.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    for (part, bytes) in parts.iter().enumerate() {
        for bit in 0..bytes.len() * 8 {
            let mut changed = parts.clone();
            changed[part][bit / 8] ^= 1 << (bit % 8);
            let token = changed.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect::<Vec<_>>().join(".");
            assert!(forge.verify(&token).is_err(), "part {part}, bit {bit}");
        }
    }
}

/// R30: no character can be changed, removed, doubled or added.
#[test]
fn every_changed_character_is_refused() {
    let forge = Forge::new();
    let honest = forge.honest();
    for index in 0..honest.len() {
        let (before, rest) = honest.split_at(index);
        let (this, after) = rest.split_at(1);
        for other in ["A", "z", "-", "=", ".", " ", "\n", "\u{e9}", ""] {
            if other != this {
                assert!(forge.verify(&format!("{before}{other}{after}")).is_err(), "{index} {other:?}");
            }
        }
        assert!(forge.verify(&format!("{before}{this}{this}{after}")).is_err(), "{index} doubled");
        assert!(forge.verify(before).is_err(), "cut at {index}");
    }
    for around in
        [format!(" {honest}"), format!("{honest}\n"), format!("\"{honest}\""), format!("Bearer {honest}")]
    {
        assert!(forge.verify(&around).is_err());
    }
}

/// Parts of two good tokens make no third one.
#[test]
fn parts_of_two_tokens_do_not_mix() {
    let forge = Forge::new();
    let mine = forge.honest();
    let other = forge.with_payload(&with(payload(), "sub", Some(json!("user_other"))));
    assert!(forge.verify(&other).is_ok());
    let (message, _) = mine.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    assert!(forge.verify(&format!("{message}.{signature}")).is_err());
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| json!(value).to_string()),
        any::<String>().prop_map(|value| json!(value).to_string()),
    ];
    let name = prop_oneof![
        proptest::sample::select(vec!["iss", "aud", "sub", "exp", "nbf", "alg", "typ", "kid"])
            .prop_map(str::to_owned),
        any::<String>(),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    /// R30: any text is answered with a refusal and never with a panic.
    #[test]
    fn any_text_is_refused(text in any::<String>()) {
        prop_assert!(Forge::new().verify(&text).is_err());
    }

    /// R30
    #[test]
    fn any_three_parts_are_refused(text in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert!(Forge::new().verify(&text).is_err());
    }

    /// R30: also behind a good signature, where every byte reaches the parser.
    #[test]
    fn any_signed_bytes_are_refused(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        let forge = Forge::new();
        prop_assert!(forge.verify(&forge.raw(&header, &payload)).is_err());
        prop_assert!(forge.verify(&forge.raw(forge.header().to_string(), &payload)).is_err());
    }

    /// R30
    #[test]
    fn any_signed_json_is_refused(header in any_json(), payload in any_json()) {
        let forge = Forge::new();
        prop_assert!(forge.verify(&forge.with_header(&header)).is_err());
        prop_assert!(forge.verify(&forge.with_payload(&payload)).is_err());
    }

    /// R30: times at the edge of the number range do not overflow.
    #[test]
    fn any_times_are_answered(iat in any::<i64>(), nbf in any::<i64>(), exp in any::<i64>(), now in any::<i64>()) {
        let forge = Forge::new();
        let mut claims = crate::forge::claims();
        (claims.iat, claims.nbf, claims.exp) = (iat, nbf, exp);
        let token = forge.ring.sign(&claims).unwrap();
        for now in [now, NOW, i64::MAX, i64::MIN] {
            for expiry in [Expiry::Enforced, Expiry::Waived] {
                let _answer = verify(token.expose(), &forge.keys, &expected(), at(now), expiry);
            }
        }
    }
}
