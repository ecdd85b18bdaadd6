//! Signatures of webhooks that leave for the app, as Standard Webhooks has them: `webhook-id`, `webhook-timestamp`, and
//! `webhook-signature: v1,BASE64` over `id.timestamp.body` with HMAC-SHA256.
//!
//! The app has libraries for it in every language, and nothing of ours to learn. The id is signed, so that a recorded
//! message cannot be sent again as another one; so is the time, so that it cannot be sent again later. During a
//! rotation both secrets sign, so that the app can change over at its own pace.
//! Source: Standard Webhooks, specification 1.0.0.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::Timestamp;
use ring::hmac;
use serde::Deserialize;

pub const WEBHOOK_ID: &str = "webhook-id";
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

const SECRET_PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";
/// By how much the clocks of sender and receiver may differ, in seconds, both ways.
const TOLERANCE: u64 = 5 * 60;

/// The current secret, and the one before while both count. Never shown.
pub struct WebhookSecrets {
    current: hmac::Key,
    previous: Option<hmac::Key>,
}

/// The text is no pair of secrets. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    #[error(
        "must be JSON: {{\"current\": \"whsec_…\", \"previous\": \"whsec_…\"}}, the latter only during a rotation"
    )]
    NotJson,
    #[error("a secret must be whsec_ and 24 to 64 bytes in base64")]
    NotASecret,
}

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    #[error("the signature does not verify")]
    Signature,
    #[error("the timestamp is too far from now")]
    Time,
}

#[derive(Deserialize)]
struct Text {
    current: String,
    #[serde(default)]
    previous: Option<String>,
}

impl WebhookSecrets {
    /// Reads `{"current": "whsec_…", "previous": "whsec_…"}`. The prefix may be absent, as the standard's own libraries
    /// allow: a stack makes a secret of plain letters.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(json: &str) -> Result<Self, WebhookSecretError> {
        let text: Text = serde_json::from_str(json).map_err(|_| WebhookSecretError::NotJson)?;
        let previous = text.previous.filter(|previous| !previous.is_empty());
        Ok(Self { current: key(&text.current)?, previous: previous.as_deref().map(key).transpose()? })
    }

    /// The value of the signature header: one signature for each secret that counts.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let content = content(id, &at.seconds().to_string(), body);
        let sign = |key| format!("{VERSION}{}", BASE64_STANDARD.encode(hmac::sign(key, &content)));
        let all: Vec<String> =
            [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(sign).collect();
        all.join(" ")
    }

    /// What the app does with the three headers and the raw body. In constant time for each signature.
    ///
    /// # Errors
    /// When no signature of a secret that counts is among them, or the message is old or from the future.
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), WebhookRefused> {
        let content = content(id, timestamp, body);
        let keys = [Some(&self.current), self.previous.as_ref()];
        let genuine = signatures
            .split(' ')
            .filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
            .any(|tag| keys.iter().flatten().any(|key| hmac::verify(key, &content, &tag).is_ok()));
        if !genuine {
            return Err(WebhookRefused::Signature);
        }
        let at = timestamp.parse::<i64>().map_err(|_| WebhookRefused::Time)?;
        if at.abs_diff(now.seconds()) > TOLERANCE { Err(WebhookRefused::Time) } else { Ok(()) }
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecrets([redacted])")
    }
}

fn key(text: &str) -> Result<hmac::Key, WebhookSecretError> {
    let text = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| WebhookSecretError::NotASecret)?;
    if !(24..=64).contains(&bytes.len()) {
        return Err(WebhookSecretError::NotASecret);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn secrets(current: &str, previous: Option<&str>) -> WebhookSecrets {
        WebhookSecrets::parse(&serde_json::json!({ "current": current, "previous": previous }).to_string())
            .unwrap()
    }

    /// The vector of the standard's reference libraries.
    #[test]
    fn the_reference_vector_is_reproduced() {
        let at = Timestamp::from_seconds(1_614_265_330);
        let signed = secrets(SECRET, None).sign(ID, at, BODY);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn both_secrets_sign_during_a_rotation_and_either_verifies() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let (old, new) = (secrets(SECRET, None), secrets(OTHER, None));
        let signed = secrets(OTHER, Some(SECRET)).sign(ID, at, BODY);
        assert_eq!(signed.split(' ').count(), 2);
        for receiver in [&old, &new, &secrets(OTHER, Some(SECRET))] {
            assert_eq!(receiver.verify(ID, "1800000000", &signed, BODY, at), Ok(()));
        }
        let alone = new.sign(ID, at, BODY);
        assert_eq!(old.verify(ID, "1800000000", &alone, BODY, at), Err(WebhookRefused::Signature));
    }

    #[test]
    fn whatever_was_touched_is_refused() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let secrets = secrets(SECRET, None);
        let signed = secrets.sign(ID, at, BODY);
        let verify = |id, time, signature: &str, body| secrets.verify(id, time, signature, body, at);
        assert_eq!(verify(ID, "1800000000", &signed, BODY), Ok(()));
        assert_eq!(verify("msg_2", "1800000000", &signed, BODY), Err(WebhookRefused::Signature));
        assert_eq!(verify(ID, "1800000001", &signed, BODY), Err(WebhookRefused::Signature));
        assert_eq!(verify(ID, "1800000000", &signed, b"{}"), Err(WebhookRefused::Signature));
        for signature in ["", "v1,", "v1", &signed.replace("v1,", "v2,"), &signed[..20], "v1,AAAA"] {
            assert_eq!(
                verify(ID, "1800000000", signature, BODY),
                Err(WebhookRefused::Signature),
                "{signature}"
            );
        }
        let later =
            |seconds| secrets.verify(ID, "1800000000", &signed, BODY, Timestamp::from_seconds(seconds));
        assert_eq!((later(1_800_000_300), later(1_799_999_700)), (Ok(()), Ok(())));
        assert_eq!(later(1_800_000_301), Err(WebhookRefused::Time));
        assert_eq!(later(1_799_999_699), Err(WebhookRefused::Time));
    }

    #[test]
    fn secrets_have_a_form_and_are_never_shown() {
        let parse = |json: &str| WebhookSecrets::parse(json).map(|_| ()).unwrap_err();
        assert_eq!(parse("whsec_MfKQ"), WebhookSecretError::NotJson);
        assert_eq!(parse(r#"{"placeholder": "x"}"#), WebhookSecretError::NotJson);
        for bad in ["", "whsec_", "whsec_AAAA", "whsec_!!!!", "c2hvcnQ="] {
            assert_eq!(parse(&format!(r#"{{"current": "{bad}"}}"#)), WebhookSecretError::NotASecret, "{bad}");
        }
        // As a stack makes it: letters and digits.
        let made = secrets("AbCdEfGhIjKlMnOpQrStUvWxYz012345", Some(""));
        assert_eq!(format!("{made:?}"), "WebhookSecrets([redacted])");
    }
}
