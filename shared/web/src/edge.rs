//! CloudFront in front of the API: whether a request came through it, and from where then (R25).
//!
//! API Gateway names the edge as the source of whatever comes through one. The viewer's address is in a header, and a
//! header is whatever the caller wrote: the API's own address stays open to everybody. So the distribution sends a
//! secret along, and what comes without it is refused before any handler sees it. With it, and only then, the
//! address that CloudFront wrote counts. Two secrets are good at a time, so that a rotation refuses nobody.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use aws_config::SdkConfig;
use domain::{Clock, sha256};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq};

use crate::config::Reader;
use crate::secrets::{Secret, SecretError, Secrets};

/// What the distribution sends to its origin, besides what the viewer sent.
pub(crate) const ORIGIN_VERIFY: HeaderName = HeaderName::from_static("x-origin-verify");
/// The viewer's address and port, as CloudFront saw them.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
/// Shorter ones can be guessed.
const SHORTEST: usize = 32;

/// Whom to believe about where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrustedProxy {
    None,
    CloudFront,
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must be one of: none, cloudfront")]
struct UnknownProxy;

impl FromStr for TrustedProxy {
    type Err = UnknownProxy;
    fn from_str(text: &str) -> Result<Self, UnknownProxy> {
        match text {
            "none" => Ok(Self::None),
            "cloudfront" => Ok(Self::CloudFront),
            _ => Err(UnknownProxy),
        }
    }
}

/// Reads `TRUSTED_PROXY` and `ORIGIN_SECRET`. Gives the name of the secret where an edge is trusted.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<String> {
    let secret = reader.optional("ORIGIN_SECRET");
    match reader.parsed_or("TRUSTED_PROXY", TrustedProxy::None) {
        TrustedProxy::None => None,
        TrustedProxy::CloudFront => {
            if secret.is_none() {
                reader.problem("ORIGIN_SECRET", "is required with TRUSTED_PROXY=cloudfront");
            }
            secret
        }
    }
}

/// The distribution, as far as it can prove itself. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    secrets: Secrets,
    known: Secret<OriginSecrets>,
}

/// Why a request is not let through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotThroughEdge {
    #[error("the request did not come through the distribution")]
    Unproven,
    #[error("the origin secret cannot be read: {0}")]
    Secret(#[from] SecretError),
}

impl Edge {
    pub(crate) fn new(config: &SdkConfig, clock: Clock, secret: &str) -> Self {
        let secrets = Secrets::new(config, clock);
        Self { known: Secret::new(secrets.clone(), secret, OriginSecrets::from_json), secrets }
    }

    /// Fetches the secret during the init phase.
    pub(crate) async fn prefetch(&self) {
        self.secrets.prefetch(&[self.known.id()]).await;
    }

    /// The viewer's address, of a request that proves that it came through the distribution. `None` where the
    /// distribution does not send it.
    ///
    /// # Errors
    /// When the request proves nothing, or there is nothing to compare with.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Option<IpAddr>, NotThroughEdge> {
        let mut presented = headers.get_all(ORIGIN_VERIFY).iter();
        let (Some(presented), None) = (presented.next(), presented.next()) else {
            return Err(NotThroughEdge::Unproven);
        };
        let presented = presented.to_str().map_err(|_| NotThroughEdge::Unproven)?;
        // A secret that is not known here may be younger than what is remembered: asked for once in ten seconds at most.
        if !self.known.get().await?.include(presented) && !self.known.refresh().await?.include(presented) {
            return Err(NotThroughEdge::Unproven);
        }
        Ok(viewer(headers))
    }
}

/// The secrets that are good now. Only their hashes are kept, so there is nothing here to print.
struct OriginSecrets(Vec<String>);

/// `{"current": "…", "previous": "…"}`; the second may be absent or empty.
#[derive(Deserialize)]
struct Stored {
    current: String,
    #[serde(default)]
    previous: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NotOriginSecrets {
    #[error("must be JSON with `current`, and `previous` during a rotation")]
    Json,
    #[error("`current` and `previous` must have at least {SHORTEST} visible ASCII characters")]
    Weak,
}

impl OriginSecrets {
    fn from_json(text: &str) -> Result<Self, NotOriginSecrets> {
        let Stored { current, previous } = serde_json::from_str(text).map_err(|_| NotOriginSecrets::Json)?;
        let good: Vec<String> =
            [Some(current), previous.filter(|text| !text.is_empty())].into_iter().flatten().collect();
        if good.iter().any(|text| text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(NotOriginSecrets::Weak);
        }
        Ok(Self(good.iter().map(|text| sha256(text)).collect()))
    }

    /// Takes as long whichever it is, and however much of it is right.
    fn include(&self, presented: &str) -> bool {
        let presented = sha256(presented);
        let same = |good: &String| good.as_bytes().ct_eq(presented.as_bytes());
        self.0.iter().map(same).fold(Choice::from(0), |any, one| any | one).into()
    }
}

impl fmt::Debug for OriginSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OriginSecrets")
    }
}

/// `203.0.113.7:46532`; an IPv6 address comes without brackets, `2001:db8::7:46532`.
fn viewer(headers: &HeaderMap) -> Option<IpAddr> {
    let mut values = headers.get_all(VIEWER_ADDRESS).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    address(value.to_str().ok()?)
}

fn address(text: &str) -> Option<IpAddr> {
    let (address, port) = text.rsplit_once(':')?;
    if port.is_empty() || port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    port.parse::<u16>().ok()?;
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6),
        None => address.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Vars;
    use proptest::prelude::*;

    const NEW: &str = "new-0123456789abcdef0123456789abcdef";
    const OLD: &str = "old-0123456789abcdef0123456789abcdef";

    fn secrets(current: &str, previous: Option<&str>) -> Result<OriginSecrets, NotOriginSecrets> {
        OriginSecrets::from_json(&serde_json::json!({"current": current, "previous": previous}).to_string())
    }

    #[test]
    fn an_edge_is_trusted_only_with_a_secret() {
        let read = |pairs: &[(&str, &str)]| {
            let vars = Vars::from_iter(pairs.iter().copied());
            let mut reader = Reader::new(&vars);
            let edge = read(&mut reader);
            reader.finish(Some(edge)).map_err(|errors| errors.lines().to_vec())
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("ORIGIN_SECRET", "arn")]), Ok(None));
        assert_eq!(read(&[("TRUSTED_PROXY", "none"), ("ORIGIN_SECRET", "arn")]), Ok(None));
        let on = [("TRUSTED_PROXY", "cloudfront"), ("ORIGIN_SECRET", "arn")];
        assert_eq!(read(&on), Ok(Some("arn".to_owned())));
        assert!(read(&[("TRUSTED_PROXY", "cloudfront")]).unwrap_err()[0].starts_with("ORIGIN_SECRET"));
        assert!(read(&[("TRUSTED_PROXY", "cloudflare")]).unwrap_err()[0].starts_with("TRUSTED_PROXY"));
    }

    #[test]
    fn both_secrets_are_good_during_a_rotation_and_weak_ones_never() {
        let both = secrets(NEW, Some(OLD)).unwrap();
        assert!(both.include(NEW) && both.include(OLD));
        let one = secrets(NEW, Some("")).unwrap();
        assert!(one.include(NEW) && !one.include(OLD) && !one.include(""));
        assert_eq!(secrets("short", None).unwrap_err(), NotOriginSecrets::Weak);
        assert_eq!(secrets(NEW, Some("short")).unwrap_err(), NotOriginSecrets::Weak);
        assert_eq!(secrets(&format!("{NEW} "), None).unwrap_err(), NotOriginSecrets::Weak);
        for text in ["", "{}", NEW, r#"{"placeholder": "x"}"#, r#"{"current": 7}"#] {
            assert_eq!(OriginSecrets::from_json(text).unwrap_err(), NotOriginSecrets::Json, "{text}");
        }
        assert_eq!(format!("{both:?}"), "OriginSecrets");
    }

    /// R25: an address is read from exactly one header of exactly CloudFront's form.
    #[test]
    fn the_viewers_address_has_one_form() {
        let read = |values: &[&str]| {
            let values = values.iter().map(|value| (VIEWER_ADDRESS, value.parse().unwrap()));
            viewer(&values.collect::<HeaderMap>()).map(|ip| ip.to_string())
        };
        for (value, ip) in [
            ("203.0.113.7:46532", "203.0.113.7"),
            ("2001:db8::7:46532", "2001:db8::7"),
            ("2001:db8:0:0:0:0:0:7:443", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
        ] {
            assert_eq!(read(&[value]).as_deref(), Some(ip), "{value}");
        }
        for wrong in [
            "",
            "203.0.113.7",
            "203.0.113.7:",
            "203.0.113.7:65536",
            "203.0.113.7:+443",
            "203.0.113.7 :443",
            "[203.0.113.7]:443",
            "203.0.113.07:443",
            "203.0.113.7:443, 198.51.100.9:1",
            "198.51.100.9:1,203.0.113.7:443",
            "login.example.com:443",
            "2001:db8::7:",
            "[2001:db8::7:443",
            "fe80::1%eth0:443",
        ] {
            assert_eq!(read(&[wrong]), None, "{wrong}");
        }
        assert_eq!(read(&["203.0.113.7:1", "203.0.113.7:1"]), None, "twice");
        assert_eq!(read(&[]), None);
    }

    proptest! {
        /// R25: what CloudFront writes is read back, whatever the address.
        #[test]
        fn addresses_survive_the_header(v4: [u8; 4], v6: [u8; 16], port: u16) {
            for ip in [IpAddr::from(v4), IpAddr::from(v6)] {
                prop_assert_eq!(address(&format!("{ip}:{port}")), Some(ip));
            }
        }

        /// R25: what is read is an address and a port and nothing else: the text can be written back from them.
        #[test]
        fn nothing_else_is_an_address(text in "[0-9a-f:.\\[\\], %]{0,40}|\\PC{0,20}") {
            if let Some(ip) = address(&text) {
                let (host, port) = text.rsplit_once(':').unwrap();
                prop_assert!(port.parse::<u16>().is_ok());
                prop_assert_eq!(host.trim_matches(['[', ']']).parse::<IpAddr>().unwrap(), ip);
                prop_assert!(!host.contains([',', ' ', '%']));
            }
        }

        /// R25: no text but the secrets themselves is one, least of all a part of one.
        #[test]
        fn only_the_secrets_are_secrets(text in "[!-~]{0,40}", cut in 0..NEW.len()) {
            let good = secrets(NEW, Some(OLD)).unwrap();
            prop_assert_eq!(good.include(&text), text == NEW || text == OLD);
            prop_assert!(!good.include(&NEW[..cut]));
            let longer = format!("{NEW}{text}x");
            prop_assert!(!good.include(&longer));
        }
    }
}
