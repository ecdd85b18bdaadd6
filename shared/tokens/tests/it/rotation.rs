//! Keys follow one another without a refusal, and their private halves stay private.

use std::time::Duration;

use domain::Timestamp;
use secrecy::ExposeSecret;
use tokens::{
    Expiry, KeyRing, KeyRingError, KeyState, PrivateKey, PublicKeys, RotationError, TokenError, verify,
};

use crate::forge::{NOW, at, claims, expected, rsa_key};

const CACHES: Duration = Duration::from_secs(600);

fn key() -> PrivateKey {
    PrivateKey::generate_es256().unwrap()
}

fn minutes(n: i64) -> Timestamp {
    at(NOW + n * 60)
}

/// The ring's text, as it is in the secret at some moment, and the keys published beside it.
struct History(Vec<(Timestamp, String, PublicKeys)>);

impl History {
    fn record(&mut self, now: Timestamp, ring: &KeyRing) {
        self.0.push((now, ring.to_json().unwrap().expose_secret().to_owned(), ring.public(None)));
    }

    fn seen(&self, at: Timestamp) -> &(Timestamp, String, PublicKeys) {
        self.0.iter().rev().find(|(since, _, _)| *since <= at).unwrap_or(&self.0[0])
    }
}

/// R32, R34: two rotations (the second to RS256). Whoever signs, with a fresh ring or one as old as caches
/// allow, and whoever verifies, with fresh keys or as old ones: every token is good for its whole life, and for
/// the whole session where a record is checked. The JWKS has its key all the time.
#[test]
fn no_token_is_refused_while_keys_rotate() {
    let (session, token_life) = (expected().longest_session, expected().token_life);
    let mut history = History(Vec::new());
    let mut ring = KeyRing::new(key(), minutes(0));
    history.record(minutes(0), &ring);
    for (start, next) in [(30, key()), (60, rsa_key())] {
        ring = ring.publish(next, minutes(start)).unwrap();
        history.record(minutes(start), &ring);
        ring = ring.promote(minutes(start + 10), CACHES).unwrap();
        history.record(minutes(start + 10), &ring);
    }
    // Tidied up every quarter of an hour, as early as a timer can.
    let mut rest = ring.to_json().unwrap().expose_secret().to_owned();
    for minute in (75..3100).step_by(15) {
        let ring = KeyRing::from_json(&rest).unwrap().forget(minutes(minute), session);
        rest = ring.to_json().unwrap().expose_secret().to_owned();
        history.record(minutes(minute), &ring);
    }
    assert_eq!(history.0.last().unwrap().2.keys.len(), 1);

    let lag = CACHES - Duration::from_millis(1);
    for minted_at in (0..100 * 4).map(|quarter| at(NOW + quarter * 15)) {
        let mut claims = claims();
        (claims.iat, claims.nbf) = (minted_at.seconds(), minted_at.seconds());
        claims.exp = minted_at.plus(token_life).seconds();
        for signer in [minted_at, minted_at.minus(lag)] {
            let ring = KeyRing::from_json(&history.seen(signer).1).unwrap();
            let token = ring.sign(&claims).unwrap();
            let ages = [0, 1, 120, 299, 359].map(|age| (age, Expiry::Enforced));
            let old = [360, 3600, 86_399, 86_459].map(|age| (age, Expiry::Waived));
            for (age, expiry) in ages.into_iter().chain(old) {
                let now = minted_at.plus(Duration::from_secs(age));
                for reader in [now, now.minus(lag)] {
                    let keys = &history.seen(reader).2;
                    let answer = verify(token.expose(), keys, &expected(), now, expiry).map(|_| ());
                    assert_eq!(answer, Ok(()), "minted {minted_at:?} age {age} {expiry:?}");
                    if expiry == Expiry::Enforced {
                        let jwks = serde_json::to_string(&keys.jwks(reader, token_life)).unwrap();
                        assert!(jwks.contains(ring.active().as_str()), "minted {minted_at:?} age {age}");
                    }
                }
            }
        }
    }
}

/// R32: a retired key is good for what it signed, no longer; sooner where `exp` is enforced.
#[test]
fn a_retired_key_ends() {
    let ring = KeyRing::new(key(), minutes(0));
    let mut stolen = claims();
    stolen.exp = NOW + 1_000_000;
    let ring = ring.publish(key(), minutes(0)).unwrap();
    let old = KeyRing::from_json(ring.to_json().unwrap().expose_secret()).unwrap();
    let ring = ring.promote(minutes(10), CACHES).unwrap();
    let keys = ring.public(None);
    let retired_at = minutes(20).seconds();
    let check = |seconds: i64, expiry| {
        let now = at(retired_at + seconds);
        let mut forged = stolen.clone();
        (forged.iat, forged.nbf) = (now.seconds(), now.seconds());
        verify(old.sign(&forged).unwrap().expose(), &keys, &expected(), now, expiry).map(|_| ())
    };
    assert_eq!(check(359, Expiry::Enforced), Ok(()));
    assert_eq!(check(360, Expiry::Enforced), Err(TokenError::RetiredKey));
    assert_eq!(check(86_459, Expiry::Waived), Ok(()));
    assert_eq!(check(86_460, Expiry::Waived), Err(TokenError::RetiredKey));
    assert_eq!(ring.forget(at(retired_at + 86_459), expected().longest_session).public(None).keys.len(), 2);
    let ring = old.promote(minutes(10), CACHES).unwrap();
    assert_eq!(ring.forget(at(retired_at + 86_460), expected().longest_session).public(None).keys.len(), 1);
}

/// R32: never sign with a key that some cache may not know.
#[test]
fn steps_out_of_order_are_refused() {
    let ring = || KeyRing::new(key(), minutes(0));
    assert_eq!(ring().promote(minutes(9), CACHES).map(|_| ()), Err(RotationError::NothingPublished));
    let published = || ring().publish(key(), minutes(1)).unwrap();
    assert_eq!(published().publish(key(), minutes(2)).map(|_| ()), Err(RotationError::AlreadyPublished));
    let just_before = Timestamp::from_millis(minutes(11).millis() - 1);
    assert_eq!(
        published().promote(just_before, CACHES).map(|_| ()),
        Err(RotationError::TooEarly { ready_at: minutes(11) })
    );
    assert!(published().promote(minutes(11), CACHES).is_ok());
    let same = KeyRing::new(rsa_key(), minutes(0)).publish(rsa_key(), minutes(1));
    assert_eq!(same.map(|_| ()), Err(RotationError::SameKey));
}

/// R34: after a leak nothing that the old keys signed, or will sign, is taken.
#[test]
fn starting_over_ends_every_token() {
    let old = KeyRing::new(key(), minutes(0));
    let token = old.sign(&claims()).unwrap();
    let keys = KeyRing::new(key(), at(NOW)).public(Some(at(NOW)));
    for expiry in [Expiry::Enforced, Expiry::Waived] {
        let answer = verify(token.expose(), &keys, &expected(), at(NOW + 1), expiry);
        assert_eq!(answer, Err(TokenError::UnknownKey));
    }
}

#[test]
fn the_ring_survives_its_text() {
    let ring = KeyRing::new(key(), minutes(0)).publish(rsa_key(), minutes(1)).unwrap();
    let ring = ring.promote(minutes(11), CACHES).unwrap().publish(key(), minutes(30)).unwrap();
    let again = KeyRing::from_json(ring.to_json().unwrap().expose_secret()).unwrap();
    assert_eq!(again.public(Some(at(5))), ring.public(Some(at(5))));
    let states: Vec<_> = ring.public(None).keys.into_iter().map(|key| key.state).collect();
    assert_eq!(
        states,
        [
            KeyState::Active { published_at: minutes(1), promoted_at: minutes(11) },
            KeyState::Next { published_at: minutes(30) },
            KeyState::Retired { published_at: minutes(0), promoted_at: minutes(0), retired_at: minutes(21) },
        ]
    );
}

/// The private half is in the secret's text and nowhere else: not in what is published, printed or complained of,
/// and not in the secret either once its key has retired.
#[test]
fn private_keys_do_not_leak() {
    let secrets = |ring: &KeyRing| -> Vec<String> {
        let text = ring.to_json().unwrap();
        text.expose_secret().split('"').filter(|word| word.len() > 100).map(str::to_owned).collect()
    };
    let ring = KeyRing::new(key(), minutes(0)).publish(key(), minutes(0)).unwrap();
    let before = secrets(&ring);
    assert_eq!(before.len(), 2);
    let printed = format!("{ring:?} {:?} {:?}", key(), ring.to_json().unwrap());
    let public = serde_json::to_string(&ring.public(None)).unwrap();
    for secret in &before {
        // Behind the private number the document repeats the public point, which is no secret.
        let private = &secret[..90];
        for at in 0..private.len() - 24 {
            let piece = &private[at..at + 24];
            assert!(!printed.contains(piece) && !public.contains(piece), "{piece}");
        }
    }
    let ring = ring.promote(minutes(10), CACHES).unwrap();
    assert_eq!(secrets(&ring), before[1..]);

    let secret = &before[0];
    for broken in [
        format!(r#"{{"v":1,"active":"{secret}"}}"#),
        format!(r#"{{"v":"{secret}"}}"#),
        format!(r#"{{"v":1,"active":{{"pkcs8":"{secret}","published_at":0,"promoted_at":"{secret}"}}}}"#),
        format!(r#"{{"v":1,"active":{{"pkcs8":"x{secret}","published_at":0,"promoted_at":0}}}}"#),
        format!(r#"{{"v":1,"active":{{"pkcs8":"AAAA{secret}","published_at":0,"promoted_at":0}}}}"#),
        secret.clone(),
    ] {
        let error = KeyRing::from_json(&broken).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains(&secret[..16]), "{told}");
    }
}

#[test]
fn other_texts_are_not_rings() {
    let ring = KeyRing::new(key(), minutes(0));
    let text = ring.to_json().unwrap().expose_secret().to_owned();
    let newer = text.replacen("\"v\":1", "\"v\":2", 1);
    assert_eq!(KeyRing::from_json(&newer).map(|_| ()), Err(KeyRingError::Version(2)));
    assert!(matches!(KeyRing::from_json("{}").map(|_| ()), Err(KeyRingError::Json { .. })));
    let mut twice: serde_json::Value = serde_json::from_str(&text).unwrap();
    twice["next"] = twice["active"].clone();
    assert_eq!(KeyRing::from_json(&twice.to_string()).map(|_| ()), Err(KeyRingError::SameKeyTwice));
}
