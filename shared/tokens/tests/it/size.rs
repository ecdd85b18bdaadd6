//! R18: the cookie's value stays under 1.5 KB, whoever signs in.

use domain::{OrganizationId, SessionId, UserId};
use proptest::prelude::*;
use tokens::{
    Expiry, ISSUER_BYTES, KeyRing, PrivateKey, ROLES, ROLES_BYTES, SessionClaims, SignError, TOKEN_BYTES,
    clip_roles, verify,
};

use crate::forge::{NOW, at, claims, expected, rsa_key};

fn largest(roles: Vec<String>) -> SessionClaims {
    let origin = format!("https://{}", "a".repeat(ISSUER_BYTES - 8));
    let ulid = "01EHZNVPK3SFK441A1RGBFSHRT";
    SessionClaims {
        iss: origin.clone(),
        aud: origin,
        sub: UserId::parse(&format!("user_{ulid}")).unwrap(),
        org: OrganizationId::parse(&format!("org_{ulid}")).unwrap(),
        sid: SessionId::parse(&format!("sess_{ulid}")).unwrap(),
        roles,
        amr: vec!["sso".into(), "mfa".into()],
        auth_time: NOW,
        mfa_time: Some(NOW),
        iat: NOW,
        nbf: NOW,
        exp: NOW + 300,
    }
}

fn rings() -> [KeyRing; 2] {
    [KeyRing::new(PrivateKey::generate_es256().unwrap(), at(0)), KeyRing::new(rsa_key(), at(0))]
}

/// R18: the fullest list of roles there is, with both algorithms.
#[test]
fn the_largest_token_fits() {
    let full =
        clip_roles(std::iter::once("role-1234567".into()).chain((0..300).map(|n| format!("role-{n:08}"))));
    assert_eq!((full.len(), serde_json::to_string(&full).unwrap().len()), (ROLES, ROLES_BYTES));
    for ring in rings() {
        assert!(ring.sign(&largest(full.clone())).unwrap().expose().len() <= TOKEN_BYTES);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// R18: 300 groups, long names, control characters, four-byte characters; and it still verifies.
    #[test]
    fn clipped_roles_always_fit(roles in proptest::collection::vec("\\PC{0,80}|[\u{0}-\u{1f}\"\\\\]{0,70}|\u{1F600}{0,20}|[a-z]{1,64}", 0..300)) {
        for ring in rings() {
            let claims = largest(clip_roles(roles.clone()));
            let token = ring.sign(&claims).unwrap();
            prop_assert!(token.expose().len() <= TOKEN_BYTES);
            let mut expected = expected();
            expected.issuer = claims.iss.clone();
            expected.audience = claims.aud.clone();
            let read = verify(token.expose(), &ring.public(None), &expected, at(NOW), Expiry::Enforced);
            prop_assert_eq!(read, Ok(claims));
        }
    }
}

/// R18: what does not fit is refused here and not dropped by the browser.
#[test]
fn a_token_that_does_not_fit_is_not_made() {
    let [ring, _] = rings();
    let mut unclipped = claims();
    unclipped.roles = (0..300).map(|n| format!("group-{n}")).collect();
    assert!(matches!(ring.sign(&unclipped), Err(SignError::TooLong(bytes)) if bytes > TOKEN_BYTES));
}
