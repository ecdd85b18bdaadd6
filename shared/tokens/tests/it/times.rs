//! Leeway, expiry waived, and the floor: to the second.

use domain::Timestamp;
use serde_json::json;
use tokens::{Expiry, LEEWAY, SessionClaims, TokenError, verify};

use crate::forge::{Forge, NOW, at, claims, expected, payload, with};

const EXP: i64 = NOW + 300;

fn check(forge: &Forge, claims: &SessionClaims, now: Timestamp, expiry: Expiry) -> Result<(), TokenError> {
    let token = forge.ring.sign(claims).unwrap();
    verify(token.expose(), &forge.keys, &expected(), now, expiry).map(|_| ())
}

/// R31: good before `exp` + 60 s ("on or after" `exp` it is not, RFC 7519 section 4.1.4).
#[test]
fn leeway_after_exp_is_exactly_sixty_seconds() {
    let forge = Forge::new();
    assert_eq!(LEEWAY.as_secs(), 60);
    for (after, good) in [(-61, true), (-1, true), (0, true), (59, true), (60, false), (61, false)] {
        let expected = if good { Ok(()) } else { Err(TokenError::Expired) };
        assert_eq!(check(&forge, &claims(), at(EXP + after), Expiry::Enforced), expected, "{after}");
    }
    let last = Timestamp::from_millis((EXP + 60) * 1000 - 1);
    assert_eq!(check(&forge, &claims(), last, Expiry::Enforced), Ok(()));
}

/// R31: good from `nbf` - 60 s on, whether or not `exp` is waived.
#[test]
fn leeway_before_nbf_is_exactly_sixty_seconds() {
    let forge = Forge::new();
    for expiry in [Expiry::Enforced, Expiry::Waived] {
        for (before, good) in [(61, false), (60, true), (59, true), (0, true)] {
            let expected = if good { Ok(()) } else { Err(TokenError::NotYetValid) };
            assert_eq!(check(&forge, &claims(), at(NOW - before), expiry), expected, "{before}");
        }
        let early = Timestamp::from_millis((NOW - 60) * 1000 - 1);
        assert_eq!(check(&forge, &claims(), early, expiry), Err(TokenError::NotYetValid));
        let mut later = claims();
        later.nbf = NOW + 61;
        assert_eq!(check(&forge, &later, at(NOW), expiry), Err(TokenError::NotYetValid));
        let mut made_later = claims();
        made_later.iat = NOW + 61;
        assert_eq!(check(&forge, &made_later, at(NOW), expiry), Err(TokenError::NotYetValid));
    }
}

/// R29: `exp` is waived on request, but required all the same, and never beyond the longest session.
#[test]
fn waived_expiry_ends_with_the_longest_session() {
    let forge = Forge::new();
    assert_eq!(check(&forge, &claims(), at(EXP + 3600), Expiry::Enforced), Err(TokenError::Expired));
    assert_eq!(check(&forge, &claims(), at(EXP + 3600), Expiry::Waived), Ok(()));
    assert_eq!(check(&forge, &claims(), at(NOW + 86_400 + 59), Expiry::Waived), Ok(()));
    assert_eq!(check(&forge, &claims(), at(NOW + 86_400 + 60), Expiry::Waived), Err(TokenError::TooOld));
    for (value, error) in
        [(None, TokenError::MissingClaim("exp")), (Some(json!("soon")), TokenError::InvalidClaim("exp"))]
    {
        let token = forge.with_payload(&with(payload(), "exp", value));
        assert_eq!(verify(&token, &forge.keys, &expected(), at(NOW), Expiry::Waived), Err(error));
    }
}

/// R34: "end everybody" reaches even those who only check signatures, as soon as they read the keys again.
#[test]
fn tokens_from_before_the_floor_are_dead() {
    let mut forge = Forge::new();
    for (floor, good) in
        [(NOW * 1000 - 1, true), (NOW * 1000, true), (NOW * 1000 + 1, false), (NOW * 1000 + 5000, false)]
    {
        forge.keys.sessions_not_before = Some(Timestamp::from_millis(floor));
        let expected = if good { Ok(()) } else { Err(TokenError::Revoked) };
        for expiry in [Expiry::Enforced, Expiry::Waived] {
            assert_eq!(check(&forge, &claims(), at(NOW + 10), expiry), expected, "{floor}");
        }
    }
}
