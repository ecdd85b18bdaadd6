//! What holds for any header and any body that somebody posts to the webhook: only the two components that the secret made
//! for these very bytes count, and nothing that is not of that form is even compared (R51).

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_795_595_400_000;
const TOLERANCE: i64 = 180_000;

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(text).unwrap()
}

fn secrets() -> WebhookSecrets {
    WebhookSecrets::new(secret("whsec_current_4tS8Yk2mQx"), Some(secret("whsec_before_9cH3Lw6dRy")))
}

fn verify(header: &[u8], body: &[u8]) -> Result<Signed, SignatureError> {
    secrets().verify(header, body, Timestamp::from_millis(NOW))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof!["\\PC{0,40}".prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..60)]
}

/// Near to a header, or nothing of the kind.
fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "([tv][0-9]?|T|V1|) ?=? ?[0-9a-fA-F+.-]{0,66}(,[ \t]?(t|v1|v2|x)=[0-9a-f]{0,66}){0,3},?"
            .prop_map(String::into_bytes),
        "t=17955954[0-9]{5}, v1=([0-9a-f]{64}|[0-9A-F]{64})".prop_map(String::into_bytes),
        "t=17955954[0-9]{5}, v1=[0-9a-f]{64}(, ?(v2|v1|t|x|)=?[0-9a-f]{0,4}){1,2}"
            .prop_map(String::into_bytes),
        "\\PC{0,80}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// R51: either secret's signature counts for three minutes, both ways, and for no other secret.
    #[test]
    fn what_is_signed_verifies_in_time(
        body in body(),
        off in prop_oneof![-2 * TOLERANCE..2 * TOLERANCE, -TOLERANCE - 1..=1 - TOLERANCE, TOLERANCE - 1..=TOLERANCE + 1],
        other in "[!-~]{16,60}",
    ) {
        let at = Timestamp::from_millis(NOW + off);
        for own in ["whsec_current_4tS8Yk2mQx", "whsec_before_9cH3Lw6dRy"] {
            let expected = if off.abs() <= TOLERANCE { Ok(Signed { at }) } else { Err(SignatureError::Stale) };
            prop_assert_eq!(verify(secret(own).sign(&body, at).as_bytes(), &body), expected);
        }
        prop_assert_eq!(verify(secret(&other).sign(&body, at).as_bytes(), &body), Err(SignatureError::Forged));
    }

    /// R51: one byte changed, added or taken away, in the body or in the header, and it counts for nothing; unless it is a space
    /// beside a component.
    #[test]
    fn no_byte_can_be_touched(
        body in body(),
        place in any::<prop::sample::Index>(),
        byte: u8,
        what in 0..3_u8,
        in_header: bool,
    ) {
        let header = secret("whsec_current_4tS8Yk2mQx").sign(&body, Timestamp::from_millis(NOW)).into_bytes();
        let mut touched = if in_header { header.clone() } else { body.clone() };
        match (what, touched.len()) {
            (0, 1..) => drop(touched.remove(place.index(touched.len()))),
            (1, 1..) => *place.get_mut(&mut touched) = byte,
            (_, length) => touched.insert(place.index(length + 1), byte),
        }
        let (header_now, body_now) = if in_header { (&touched, &body) } else { (&header, &touched) };
        let bare = |text: &[u8]| text.iter().copied().filter(|byte| !b" \t".contains(byte)).collect::<Vec<_>>();
        // A space inside of a component is none beside it.
        let same = *header_now == header
            || (bare(header_now) == bare(&header) && Signature::parse(header_now).is_some());
        prop_assert_eq!(verify(header_now, body_now).is_ok(), same && *body_now == body);
    }

    /// R51: whatever the header is, it is refused without a panic; what is understood has a moment as it was written and 32
    /// bytes that are written in lower case.
    #[test]
    fn any_header_is_refused(header in header(), body in body()) {
        prop_assert!(verify(&header, &body).is_err());
        let Some(Signature { t, at, mac }) = Signature::parse(&header) else { return Ok(()) };
        prop_assert_eq!(t.parse::<i64>().unwrap(), at.millis());
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = std::str::from_utf8(&header).unwrap();
        let mut parts: Vec<&str> = text.split(',').map(|part| part.trim_matches([' ', '\t'])).collect();
        parts.sort_unstable();
        prop_assert_eq!(parts, [format!("t={t}"), format!("v1={hex}")]);
    }
}
