//! The signature of a webhook: who may speak for WorkOS.
//!
//! Everything that a directory event does rests on this one check, so it is made before the body is looked at, over the
//! bytes exactly as they came, and in constant time. A header that is not exactly of the one known form is refused: a
//! component that this version does not know could be the weaker half of a scheme to come. Too old and too new are told
//! apart from forged only after the MAC has proved that WorkOS wrote the moment, and only for metrics (R51).
//!
//! Source: WorkOS documentation, "Webhooks", and its SDKs: `WorkOS-Signature: t=<milliseconds>, v1=<lower-case hex>`,
//! HMAC-SHA256 of `<t>.<body>` under the endpoint's secret as it is written.

use std::fmt;
use std::time::Duration;

use domain::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Name of the header.
pub const SIGNATURE_HEADER: &str = "workos-signature";
/// Where webhooks come from, as WorkOS's documentation lists it. The list may change; the signature is what counts.
pub const WEBHOOK_ADDRESSES: [&str; 9] = [
    "3.217.146.166",
    "23.21.184.92",
    "34.204.154.149",
    "44.213.245.178",
    "44.215.236.82",
    "50.16.203.9",
    "52.1.251.34",
    "52.21.49.187",
    "174.129.36.47",
];
/// How far the moment of signing may lie from now, in both directions.
pub const SIGNATURE_TOLERANCE: Duration = Duration::from_secs(180);
/// The longest header that is looked at. A real one has 86 characters.
const LONGEST_HEADER: usize = 256;
/// Digits of a moment in milliseconds: thirteen until the year 2286.
const MOST_DIGITS: usize = 16;
/// HMAC-SHA256 in hex.
const MAC_DIGITS: usize = 64;
const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 512;

/// The secret of one webhook endpoint. A prefix such as `whsec_` is part of it.
#[derive(Clone)]
pub struct WebhookSecret(SecretString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a webhook secret has {SHORTEST_SECRET} to {LONGEST_SECRET} visible characters and no space; \
     copy it from the endpoint's page in the WorkOS dashboard"
)]
pub struct InvalidWebhookSecret;

impl WebhookSecret {
    /// # Errors
    /// When the text cannot be a secret. The error does not carry it.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookSecret> {
        let fits = (SHORTEST_SECRET..=LONGEST_SECRET).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(SecretString::from(text))) } else { Err(InvalidWebhookSecret) }
    }

    /// The text itself, for whoever signs with it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret().as_bytes())
    }

    /// The header that WorkOS would send with this body at this moment: for the sandbox, for samples and for tests.
    pub fn sign(&self, body: &[u8], at: Timestamp) -> String {
        let t = at.millis().to_string();
        let mut context = hmac::Context::with_key(&self.key());
        context.update(t.as_bytes());
        context.update(b".");
        context.update(body);
        let mac: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={t}, v1={mac}")
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([redacted])")
    }
}

/// The secrets that count now: one, and during a rotation the one before as well.
#[derive(Clone, Debug)]
pub struct WebhookSecrets {
    current: WebhookSecret,
    previous: Option<WebhookSecret>,
}

impl WebhookSecrets {
    pub const fn new(current: WebhookSecret, previous: Option<WebhookSecret>) -> Self {
        Self { current, previous }
    }

    /// Reads the secret's document: `{"current": "…", "previous": "…"}`, the latter optional.
    ///
    /// # Errors
    /// When the text is not that. The error does not carry it.
    pub fn from_secret(text: &str) -> Result<Self, InvalidWebhookSecret> {
        #[derive(Deserialize)]
        struct Document {
            current: String,
            previous: Option<String>,
        }
        let Document { current, previous } = serde_json::from_str(text).map_err(|_| InvalidWebhookSecret)?;
        let previous = previous.filter(|text| !text.is_empty());
        Ok(Self {
            current: WebhookSecret::parse(&current)?,
            previous: previous.as_deref().map(WebhookSecret::parse).transpose()?,
        })
    }

    /// The one that signs.
    pub const fn current(&self) -> &WebhookSecret {
        &self.current
    }

    /// Whether WorkOS sent these bytes, and did so just now.
    ///
    /// # Errors
    /// When it did not. Whoever sent them must not learn which error it was.
    pub fn verify(&self, header: &[u8], body: &[u8], now: Timestamp) -> Result<Signed, SignatureError> {
        let signature = Signature::parse(header).ok_or(SignatureError::Malformed)?;
        // Both are tried whatever the first one says: the time tells nothing of which secret is in use.
        let mut genuine = false;
        for secret in [Some(&self.current), self.previous.as_ref()].into_iter().flatten() {
            genuine |= signature.is_of(secret, body);
        }
        if !genuine {
            return Err(SignatureError::Forged);
        }
        if signature.at.millis().abs_diff(now.millis()) > SIGNATURE_TOLERANCE.as_millis() as u64 {
            return Err(SignatureError::Stale);
        }
        Ok(Signed { at: signature.at })
    }
}

/// A body that WorkOS signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The moment of this delivery.
    pub at: Timestamp,
}

/// Why a body counts for nothing. For metrics and logs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature header is not of the known form")]
    Malformed,
    #[error("the signature is of no secret that counts")]
    Forged,
    #[error("the signature is genuine and was made too long ago, or too far ahead")]
    Stale,
}

impl SignatureError {
    /// Stable word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "signature_malformed",
            Self::Forged => "signature_forged",
            Self::Stale => "signature_stale",
        }
    }
}

/// A header that was understood.
struct Signature<'a> {
    /// As it was written: that is what was signed.
    t: &'a str,
    at: Timestamp,
    mac: [u8; 32],
}

impl<'a> Signature<'a> {
    /// `t=…` and `v1=…`, each once, in any order, with any spaces around them, and nothing else.
    fn parse(header: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok().filter(|text| text.len() <= LONGEST_HEADER)?;
        let (mut t, mut v1) = (None, None);
        for component in text.split(',') {
            let (name, value) = component.trim_matches([' ', '\t']).split_once('=')?;
            let place = match name {
                "t" => &mut t,
                "v1" => &mut v1,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let (t, v1) = (t?, v1?);
        if t.is_empty() || t.len() > MOST_DIGITS || !t.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { t, at: Timestamp::from_millis(t.parse().ok()?), mac: mac(v1)? })
    }

    fn is_of(&self, secret: &WebhookSecret, body: &[u8]) -> bool {
        let mut context = Vec::with_capacity(self.t.len().saturating_add(body.len()).saturating_add(1));
        context.extend_from_slice(self.t.as_bytes());
        context.push(b'.');
        context.extend_from_slice(body);
        hmac::verify(&secret.key(), &context, &self.mac).is_ok()
    }
}

/// Lower-case hex, as WorkOS writes it: any other spelling is not its own.
fn mac(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    if hex.len() != MAC_DIGITS {
        return None;
    }
    let mut mac = [0; 32];
    for (byte, pair) in mac.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(mac)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
