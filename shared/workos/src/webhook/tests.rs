use std::collections::BTreeSet;

use super::*;

/// 2026-11-25T08:30:00Z.
const T: i64 = 1_795_595_400_000;
const SECRET: &str = "whsec_golden_4tS8Yk2mQxVb1nZp";
const BEFORE: &str = "whsec_before_9cH3Lw6dRyTf5kJs";
const BODY: &[u8] = br#"{"id":"event_01GOLDEN","event":"dsync.user.created"}"#;
const MAC: &str = "35bc302a73d5b27abcadbe2a4b9c9d7a169accb09057d6b8cd6c379882bf4d9f";

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(text).unwrap()
}

fn secrets() -> WebhookSecrets {
    WebhookSecrets::new(secret(SECRET), Some(secret(BEFORE)))
}

fn now() -> Timestamp {
    Timestamp::from_millis(T)
}

fn check(header: impl AsRef<[u8]>, body: &[u8]) -> Result<Signed, SignatureError> {
    secrets().verify(header.as_ref(), body, now())
}

/// R51: made with Python's `hmac` and `hashlib`, byte by byte as documented: any bytes, whatever they mean.
#[test]
fn golden_vectors_verify() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let vectors: [(i64, &[u8], &str); 5] = [
        (T, BODY, MAC),
        (T, b"", "050f96b02b05df234d5b81e1871d6bbd59b75bf288257b78807701787f60760b"),
        (
            T + 123,
            b"{ \"n\" : 1.0,\t\"s\":\"\\u00fc\" }\r\n",
            "0cc1a250b92b88752381389cbf8b7403444b201536247283338398c5384f16b9",
        ),
        (
            T,
            "{\"name\":\"Zoë 李 🚪\"}".as_bytes(),
            "80752222be6efad4e7b3f91dbc621c36c2a48e0b1dc65d1eda60cbbf13faf266",
        ),
        (T, &every_byte, "f09566de3990c2c056a484a1d98ddae8c4abef306cb07f9aa65c3b4c6daea068"),
    ];
    for (t, body, mac) in vectors {
        let header = format!("t={t}, v1={mac}");
        assert_eq!(check(&header, body), Ok(Signed { at: Timestamp::from_millis(t) }));
        assert_eq!(secret(SECRET).sign(body, Timestamp::from_millis(t)), header);
    }
}

/// R51: WorkOS's own SDKs split the header in three different ways.
#[test]
fn spaces_and_order_do_not_matter() {
    for header in [
        format!("t={T},v1={MAC}"),
        format!("v1={MAC}, t={T}"),
        format!("  t={T} ,\tv1={MAC}  "),
        format!("t={T},   v1={MAC}"),
    ] {
        assert!(check(&header, BODY).is_ok(), "{header}");
    }
}

/// R51: during a rotation the secret before counts as well, and no longer than it is kept.
#[test]
fn both_secrets_count_during_a_rotation() {
    let (new, old) = (secret(SECRET), secret(BEFORE));
    let by = |secret: &WebhookSecret| secret.sign(BODY, now());
    let both = secrets();
    let rotated = WebhookSecrets::new(new.clone(), None);
    assert!(both.verify(by(&new).as_bytes(), BODY, now()).is_ok());
    assert!(both.verify(by(&old).as_bytes(), BODY, now()).is_ok());
    assert_eq!(rotated.verify(by(&old).as_bytes(), BODY, now()), Err(SignatureError::Forged));
}

/// R51: 180 seconds in both directions and not a millisecond more, and only a genuine signature is ever stale.
#[test]
fn old_and_future_signatures_are_stale() {
    let at = |millis: i64| {
        let header = secret(SECRET).sign(BODY, Timestamp::from_millis(T + millis));
        check(header, BODY).map(drop)
    };
    for fine in [0, 1, -1, 179_999, -180_000, 180_000] {
        assert_eq!(at(fine), Ok(()), "{fine}");
    }
    for stale in [180_001, -180_001, 3_600_000, -3_600_000, 86_400_000 * 365] {
        assert_eq!(at(stale), Err(SignatureError::Stale), "{stale}");
    }
    // Seconds instead of milliseconds: 1970.
    let seconds = secret(SECRET).sign(BODY, Timestamp::from_millis(T / 1000));
    assert_eq!(check(seconds, BODY), Err(SignatureError::Stale));
    let forged = secret("whsec_somebody_elses_1").sign(BODY, Timestamp::from_millis(T - 3_600_000));
    assert_eq!(check(forged, BODY), Err(SignatureError::Forged));
}

/// R51: forty ways and more to be somebody else. Each differs from the genuine delivery in one thing.
#[test]
fn forgeries_are_refused() {
    let other = secret("whsec_somebody_elses_1");
    let resigned = |t: i64| other.sign(BODY, Timestamp::from_millis(t));
    let zeros = "0".repeat(64);
    let mut headers: Vec<String> = vec![
        String::new(),
        ",".into(),
        "=".into(),
        format!("t={T}"),
        format!("v1={MAC}"),
        format!("t={T}, v1="),
        format!("t=, v1={MAC}"),
        format!("t={T}, v1={zeros}"),
        format!("t={T}, v1={}", &MAC[..62]),
        format!("t={T}, v1={MAC}00"),
        format!("t={T}, v1={}", MAC.to_uppercase()),
        format!("t={T}, v1=\"{MAC}\""),
        format!("t={T}, v1 ={MAC}"),
        format!("t={T}, v1= {MAC}"),
        format!("T={T}, V1={MAC}"),
        format!("t={}, v1={MAC}", T + 1),
        format!("t={}, v1={MAC}", T / 1000),
        format!("t=+{T}, v1={MAC}"),
        format!("t=-{T}, v1={MAC}"),
        format!("t=0{T}, v1={MAC}"),
        format!("t={T}.0, v1={MAC}"),
        format!("t=1.795595400000e12, v1={MAC}"),
        format!("t=0x{T:x}, v1={MAC}"),
        format!("t=99999999999999999999, v1={MAC}"),
        format!("t={T}, v0={MAC}"),
        format!("t={T}, v2={MAC}"),
        format!("t={T}, v1={MAC}, v2={MAC}"),
        format!("t={T}, v1={zeros}, v1={MAC}"),
        format!("t={T}, v1={MAC}, v1={zeros}"),
        format!("t={T}, t={T}, v1={MAC}"),
        format!("t={}, v1={MAC}, t={T}", T - 1),
        format!("t={T}, v1={MAC},"),
        format!(", t={T}, v1={MAC}"),
        format!("t={T}; v1={MAC}"),
        format!("t={T} v1={MAC}"),
        format!("t={T}, v1={MAC}, alg=none"),
        format!("Bearer t={T}, v1={MAC}"),
        format!("t={T}\n, v1={MAC}"),
        format!("t={T}, v1={MAC}\u{a0}"),
        format!("t={T}, v1={MAC}{}", " ".repeat(4000)),
        format!("{}t={T}, v1={MAC}", "x=y, ".repeat(1000)),
        "t=1, ".repeat(100_000),
        resigned(T),
        resigned(T - 1),
    ];
    headers.extend((0..64).map(|digit| {
        let mut mac = MAC.to_owned().into_bytes();
        mac[digit] = if mac[digit] == b'0' { b'1' } else { b'0' };
        format!("t={T}, v1={}", String::from_utf8(mac).unwrap())
    }));
    let distinct: BTreeSet<&String> = headers.iter().collect();
    assert!(distinct.len() == headers.len() && headers.len() >= 100);
    for header in &headers {
        let refused = check(header, BODY).unwrap_err();
        assert_ne!(refused, SignatureError::Stale, "{header:.200}");
    }
    assert_eq!(check(b"t=\xff, v1=\xff", BODY), Err(SignatureError::Malformed));
    assert!(check(format!("t={T}, v1={MAC}"), BODY).is_ok());
}

/// R51: another byte anywhere, or the same JSON written anew, is another body.
#[test]
fn changed_bodies_are_refused() {
    let header = format!("t={T}, v1={MAC}");
    let parsed: serde_json::Value = serde_json::from_slice(BODY).unwrap();
    let mut bodies = vec![
        serde_json::to_vec_pretty(&parsed).unwrap(),
        serde_json::to_vec(&serde_json::json!({"event": parsed["event"], "id": parsed["id"]})).unwrap(),
        [BODY, b"\n"].concat(),
        [b" ", BODY].concat(),
        [b"\xef\xbb\xbf", BODY].concat(),
        BODY[..BODY.len() - 1].to_vec(),
        Vec::new(),
    ];
    bodies.extend((0..BODY.len()).map(|index| {
        let mut body = BODY.to_vec();
        body[index] ^= 1;
        body
    }));
    // The moment and the body are joined by a dot: what moves over it is another message.
    assert_eq!(check(format!("t={}, v1={MAC}", T / 10), BODY), Err(SignatureError::Forged));
    for body in bodies {
        assert_eq!(check(&header, &body), Err(SignatureError::Forged), "{body:?}");
    }
}

#[test]
fn a_secret_is_taken_as_it_is_written_or_not_at_all() {
    let read = |text: &str| WebhookSecrets::from_secret(text);
    let both = read(&format!(r#"{{"current":"{SECRET}","previous":"{BEFORE}"}}"#)).unwrap();
    assert!(both.previous.is_some());
    for alone in [
        format!(r#"{{"current":"{SECRET}"}}"#),
        format!(r#"{{"current":"{SECRET}","previous":null}}"#),
        format!(r#"{{"current":"{SECRET}","previous":""}}"#),
    ] {
        assert!(read(&alone).unwrap().previous.is_none(), "{alone}");
    }
    for wrong in [
        "",
        "{}",
        SECRET,
        r#"{"placeholder":"x"}"#,
        r#"{"current":""}"#,
        r#"{"current":"short"}"#,
        r#"{"current":"with a space in it"}"#,
        r#"{"current":"0123456789abcdef","previous":"short"}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    assert!(!format!("{both:?}").contains("golden"));
    assert_eq!(secret(SECRET).expose(), SECRET);
    assert_eq!(format!("{:?}", secret(SECRET)), "WebhookSecret([redacted])");
}

#[test]
fn refusals_have_words_of_their_own() {
    for (error, word) in [
        (SignatureError::Malformed, "signature_malformed"),
        (SignatureError::Forged, "signature_forged"),
        (SignatureError::Stale, "signature_stale"),
    ] {
        assert_eq!(error.as_str(), word);
    }
}

/// R51: even WorkOS's own signature counts only under a moment that is written in plain digits, and not in too many.
#[test]
fn a_genuine_signature_needs_a_plain_moment() {
    let signed = |t: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let mac = hmac::sign(&key, &[t.as_bytes(), b".", BODY].concat());
        let hex: String = mac.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        check(format!("t={t}, v1={hex}"), BODY)
    };
    assert!(signed(&T.to_string()).is_ok() && signed(&format!("{T:016}")).is_ok());
    for odd in [format!("{T:017}"), format!("{T:018}"), format!("+{T}"), format!("-{T}"), String::new()] {
        assert_eq!(signed(&odd), Err(SignatureError::Malformed), "{odd}");
    }
}
