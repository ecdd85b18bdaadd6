//! Which tokens are taken, said a second time and in other words, and held against the code for any mixture of claims. The
//! signature is always good: what is refused here is refused for what the token says.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::tests::{Bench, NOW, OWN};

/// A claim as it may come, and whether a token may have it so.
type Case = (Option<Value>, bool);

/// The first case most of the time, so that a token often hangs on one claim alone.
fn one_of(cases: Vec<Case>) -> impl Strategy<Value = Case> {
    let usual = cases[0].clone();
    prop_oneof![5 => Just(usual), 1 => prop::sample::select(cases)]
}

fn required(cases: Vec<(Value, bool)>) -> impl Strategy<Value = Case> {
    one_of(cases.into_iter().map(|(value, good)| (Some(value), good)).chain([(None, false)]).collect())
}

fn optional(cases: Vec<(Value, bool)>) -> impl Strategy<Value = Case> {
    one_of(cases.into_iter().map(|(value, good)| (Some(value), good)).chain([(None, true)]).collect())
}

#[derive(Debug)]
struct Mixture {
    claims: Value,
    good: bool,
}

fn mixtures() -> impl Strategy<Value = Mixture> {
    let issuer = required(vec![
        (json!("https://api.workos.com"), true),
        (json!("https://acme.authkit.app"), true),
        (json!("https://api.workos.com/"), false),
        (json!("https://acme.authkit.app.evil.example"), false),
        (json!(["https://api.workos.com"]), false),
    ]);
    let exp = required(vec![
        (json!(NOW + 300), true),
        (json!(NOW - 59), true),
        (json!(NOW - 60), false),
        (json!(-1), false),
        (json!((NOW + 300).to_string()), false),
        (json!(1.9e9), false),
    ]);
    let sub = required(vec![(json!("user_01"), true), (json!("client_m2m"), true), (json!(7), false)]);
    let start = || {
        optional(vec![
            (json!(NOW), true),
            (json!(NOW + 60), true),
            (json!(NOW + 61), false),
            (json!("now"), false),
        ])
    };
    let org = optional(vec![
        (json!("org_01"), true),
        (json!(null), true),
        (json!("acme"), false),
        (json!(""), false),
    ]);
    let text = || optional(vec![(json!("word"), true), (json!(null), true), (json!(7), false)]);
    let roles = optional(vec![
        (json!(["a", "b"]), true),
        (json!([]), true),
        (json!("a"), false),
        (json!([1]), false),
    ]);
    // Whether the client is another one; then the audience must name us.
    let client = prop::sample::select(vec![
        None,
        Some(json!(null)),
        Some(json!(OWN)),
        Some(json!("client_other")),
        Some(json!(7)),
    ]);
    let audience = prop::sample::select(vec![
        (None, false),
        (Some(json!(OWN)), true),
        (Some(json!("client_other")), false),
        (Some(json!(["x", OWN])), true),
        (Some(json!(["x"])), false),
        (Some(json!(null)), false),
        (Some(json!([OWN, 7])), false),
        (Some(json!(format!("{OWN} "))), false),
    ]);
    let first = (issuer, exp, sub, start(), start(), org);
    (first, text(), text(), roles, client, audience).prop_map(
        |((issuer, exp, sub, nbf, iat, org), sid, scope, roles, client, (audience, names_us))| {
            let mut claims = json!({ "role": "member" });
            let mut good = true;
            for (name, (value, fits)) in [
                ("iss", issuer),
                ("exp", exp),
                ("sub", sub),
                ("nbf", nbf),
                ("iat", iat),
                ("org_id", org),
                ("sid", sid),
                ("scope", scope),
                ("roles", roles),
            ] {
                good &= fits;
                if let Some(value) = value {
                    claims[name] = value;
                }
            }
            good &= match client.as_ref().map(Value::as_str) {
                None | Some(None) if client.as_ref().is_none_or(Value::is_null) => true,
                Some(Some(OWN)) => true,
                Some(Some(_)) => names_us,
                _ => false,
            };
            for (name, value) in [("client_id", client), ("aud", audience)] {
                if let Some(value) = value {
                    claims[name] = value;
                }
            }
            Mixture { claims, good }
        },
    )
}

/// R29: a token is taken exactly when issuer, times and client are right and every claim that is there has its form.
#[test]
fn a_token_is_taken_exactly_when_every_claim_fits() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(Bench::new());
    let taken = Cell::new(0);
    let mut runner = TestRunner::new(Config::with_cases(400));
    runner
        .run(&mixtures(), |Mixture { claims, good }| {
            let verified = runtime.block_on(bench.verify(&claims));
            prop_assert_eq!(verified.is_ok(), good, "{} {:?}", claims, verified);
            taken.set(taken.get() + u32::from(good));
            Ok(())
        })
        .unwrap();
    assert!((40..360).contains(&taken.get()), "both kinds are among the cases: {}", taken.get());
}
