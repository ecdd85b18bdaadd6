//! What holds for any text at the parsers of this crate: what is accepted has the form that the rest of the product relies
//! on, reads back as itself, and was not repaired into something else on the way.

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::{Clock, Timestamp, as_seconds, maybe_seconds};
use crate::login::PkceVerifier;
use crate::{
    ConnectionId, Domain, EmailAddress, OrganizationId, Origin, Provider, Rng, Selector, SessionId, UserId,
    sha256,
};

/// Text with what parsers stumble over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        "[a-zA-Z0-9._@%+:/?#\\\\\\[\\] -]{0,60}",
        "(org|conn|user|sess|prof)_[A-Za-z0-9_#/.-]{0,20}",
    ]
}

fn hostish() -> impl Strategy<Value = String> {
    prop_oneof![
        "([a-z0-9-]{0,12}\\.){1,3}[a-zA-Z0-9-]{0,6}",
        "[a-z]{60,66}\\.(com|de)",
        "([a-z]{60}\\.){4}[a-z]{1,14}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        "0x[0-9a-f]{1,8}(\\.1)?",
        "\\[[0-9a-f:.]{2,20}\\]",
        "[a-zäöüßéα-ω一-龥。．-]{1,12}\\.(com|example|ﬁ)\\.?",
        "(localhost|app\\.localhost|localhost\\.evil\\.example|\\*\\.example\\.com|xn--[a-z0-9]{1,8}\\.com)",
    ]
}

fn stored<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// R47: an id is its prefix and a short word, to the letter; nothing in it can leave a key, a path or a log line.
    #[test]
    fn ids_are_words(text in text(), word in "[A-Za-z0-9_-]{1,124}") {
        if let Ok(id) = OrganizationId::parse(&text) {
            let rest = text.strip_prefix("org_").unwrap();
            prop_assert!(!rest.is_empty() && text.len() <= 128);
            prop_assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
            prop_assert_eq!(id.to_string(), text.clone());
            prop_assert_eq!(format!("{id:?}"), id.as_str());
        }
        for other in [ConnectionId::parse(&text).is_ok(), UserId::parse(&text).is_ok(), SessionId::parse(&text).is_ok()] {
            prop_assert!(!other || OrganizationId::parse(&text).is_err(), "an id is of one kind: {}", text);
        }
        let id = OrganizationId::parse(&format!("org_{word}")).unwrap();
        prop_assert_eq!(stored(&id), id);
        // 128 characters are an id, 129 are not.
        let longest = format!("org_{}", "x".repeat(124));
        let longer = format!("{longest}x");
        prop_assert!(OrganizationId::parse(&longest).is_ok() && OrganizationId::parse(&longer).is_err());
    }

    /// R43: a domain is two or more plain labels in lower case, never an address, and is what was written: case and Unicode
    /// are the only spellings that change.
    #[test]
    fn domains_are_plain_names(text in prop_oneof![hostish(), text()]) {
        let Ok(domain) = Domain::parse(&text) else { return Ok(()) };
        let ascii = domain.as_str();
        let labels: Vec<&str> = ascii.split('.').collect();
        prop_assert!(labels.len() >= 2 && ascii.len() <= 253, "{}", ascii);
        prop_assert!(labels.iter().all(|label| is_label(label)), "{}", ascii);
        prop_assert!(ascii.parse::<std::net::IpAddr>().is_err());
        prop_assert!(!labels.last().unwrap().bytes().all(|byte| byte.is_ascii_digit()), "{}", ascii);
        prop_assert_eq!(Domain::parse(ascii).unwrap(), domain.clone());
        prop_assert_eq!(stored(&domain), domain.clone());
        prop_assert_eq!((domain.to_string(), format!("{domain:?}")), (ascii.to_owned(), ascii.to_owned()));
        if text.is_ascii() {
            prop_assert_eq!(text.to_ascii_lowercase(), ascii);
        } else {
            let (unicode, _) = idna::domain_to_unicode(ascii);
            prop_assert_eq!(text.to_lowercase(), unicode, "a look-alike was repaired");
        }
    }

    /// R43: an address has one @, and its domain is what stands behind it.
    #[test]
    fn addresses_have_one_at(local in "[a-zA-Z0-9._%+@'\\\\ \"-]{0,70}", host in hostish(), text in text()) {
        for text in [format!("{local}@{host}"), text] {
            let Ok(address) = EmailAddress::parse(&text) else { continue };
            let (local, host) = text.split_once('@').unwrap();
            prop_assert!(!host.contains('@') && (1..=64).contains(&local.len()), "{}", text);
            prop_assert!(!local.chars().any(|c| c.is_control() || c.is_whitespace() || "\"(),:;<>[\\]".contains(c)));
            prop_assert_eq!(address.domain(), &Domain::parse(host).unwrap());
            prop_assert_eq!(address.to_string(), format!("{local}@{}", address.domain()));
            prop_assert_eq!(stored(&address), address.clone());
            let folded = EmailAddress::parse(&text.to_lowercase()).unwrap();
            prop_assert_eq!(folded.folded(), address.folded());
        }
    }

    /// R08, R22: an origin is https, or http on this machine; it has a host and nothing behind it, and was written so.
    #[test]
    fn origins_are_exact(
        scheme in "https?|HTTPS|ftp|javascript|",
        between in "://|:/|:|//|:///",
        host in hostish(),
        port in "(:(443|80|8443|0443|))?",
        tail in "(/|/x|\\?|#|/\\?a|@evil\\.example| )?",
    ) {
        let text = format!("{scheme}{between}{host}{port}{tail}");
        let Ok(origin) = Origin::parse(&text) else { return Ok(()) };
        let url = Url::parse(&text).unwrap();
        prop_assert_eq!(url.origin().ascii_serialization(), origin.as_str());
        prop_assert!(url.username().is_empty() && url.query().is_none() && url.fragment().is_none() && url.path() == "/");
        let name = url.host_str().unwrap();
        let local = name == "localhost" || name.ends_with(".localhost") || name.starts_with("127.") || name == "[::1]";
        prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && local), "{}", text);
        prop_assert_eq!(Origin::parse(origin.as_str()).unwrap(), origin.clone());
        let usual = if url.scheme() == "https" { ":443" } else { ":80" };
        let written = text.strip_suffix('/').unwrap_or(&text).to_ascii_lowercase();
        prop_assert_eq!(written.strip_suffix(usual).unwrap_or(&written), origin.as_str(), "repaired");
    }

    /// R16: a selector is its query, and no other query is one.
    #[test]
    fn selectors_are_their_queries(
        org in "org_[A-Za-z0-9_-]{1,20}", conn in "conn_[A-Za-z0-9_-]{1,20}", name in "[A-Za-z0-9]{1,35}", any in text(),
    ) {
        let organization = OrganizationId::parse(&org).unwrap();
        let provider = format!("{name}OAuth");
        for (query, owner) in [
            (format!("organization={org}"), Some(&organization)),
            (format!("connection={conn}"), None),
            (format!("provider={provider}&organization={org}"), Some(&organization)),
        ] {
            let selector: Selector = query.parse().unwrap();
            prop_assert_eq!(selector.to_query(), query.clone());
            prop_assert_eq!(selector.organization(), owner);
            prop_assert_eq!(stored(&selector), selector);
            for more in ["&", "&organization=org_2", "&connection=conn_2", "&x=y", "&provider=", "\n"] {
                let longer = format!("{query}{more}");
                prop_assert!(longer.parse::<Selector>().is_err() || more == "&organization=org_2" && query.starts_with("provider"));
            }
        }
        if let Ok(selector) = any.parse::<Selector>() {
            prop_assert_eq!(selector.to_query().parse(), Ok(selector));
        }
        let provider = Provider::parse(&provider).unwrap();
        prop_assert_eq!(provider.name(), name.as_str());
        prop_assert_eq!((format!("{provider:?}"), stored(&provider)), (provider.as_str().to_owned(), provider));
    }

    /// RFC 7636: the challenge is the verifier's hash; the verifier itself is only handed out by name.
    #[test]
    fn the_challenge_is_the_verifiers_hash(secret in "[A-Za-z0-9_-]{43}") {
        let verifier = PkceVerifier::new(secret.clone());
        prop_assert_eq!(verifier.challenge(), sha256(&secret));
        prop_assert_eq!((verifier.expose(), format!("{verifier:?}")), (secret.as_str(), "[verifier]".to_owned()));
        prop_assert_eq!(stored(&verifier), verifier);
    }

    /// R66: times read back as they were written, for people to the millisecond and for TTL to the second.
    #[test]
    fn times_read_back(millis in 0..253_402_300_799_999_i64, text in text()) {
        let time = Timestamp::from_millis(millis);
        prop_assert_eq!(Timestamp::parse_rfc3339(&time.rfc3339()), Some(time));
        prop_assert_eq!(format!("{time:?}"), time.rfc3339());
        let _no_panic = Timestamp::parse_rfc3339(&text);

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Item {
            #[serde(with = "as_seconds")]
            end: Timestamp,
            #[serde(with = "maybe_seconds")]
            maybe: Option<Timestamp>,
        }
        let item = Item { end: time, maybe: Some(time) };
        let json = serde_json::to_value(&item).unwrap();
        prop_assert_eq!(&json["end"], &serde_json::json!(millis / 1000));
        prop_assert_eq!(&json["maybe"], &json["end"]);
        let seconds = Timestamp::from_seconds(millis / 1000);
        prop_assert_eq!(stored(&item), Item { end: seconds, maybe: Some(seconds) });
        prop_assert_eq!(stored(&Item { end: time, maybe: None }).maybe, None);
    }

    /// A ULID begins with its moment and sorts by it.
    #[test]
    fn ulids_sort_by_their_moment(seed: u64, first in 0..(1_i64 << 47), later in 1..1_000_000_i64) {
        let rng = Rng::seeded(seed);
        let [one, other] = [first, first + later].map(|millis| rng.ulid(Timestamp::from_millis(millis)).unwrap());
        prop_assert!(one < other);
        prop_assert_ne!(rng.ulid(Timestamp::from_millis(first)).unwrap(), one.clone());
        prop_assert_eq!(ulid::Ulid::from_string(&one).unwrap().timestamp_ms(), u64::try_from(first).unwrap());
        let id = SessionId::generate(&rng, Timestamp::from_millis(first)).unwrap();
        prop_assert_eq!(SessionId::parse(id.as_str()), Ok(id.clone()));
        prop_assert_eq!(&id.as_str()[5..15], &one[..10]);
    }
}

/// The longest local part has 64 bytes, as SMTP allows.
#[test]
fn a_local_part_has_sixty_four_bytes_at_most() {
    let of = |length: usize| EmailAddress::parse(&format!("{}@acme.com", "a".repeat(length)));
    assert!(of(1).is_ok() && of(64).is_ok());
    assert!(of(0).is_err() && of(65).is_err());
}

/// A domain of 253 characters is one, of 254 none; so is a label of 63 and of 64.
#[test]
fn the_longest_domain_is_that_of_the_dns() {
    let labels = |last: usize| format!("{}{}", format!("{}.", "a".repeat(49)).repeat(5), "b".repeat(last));
    assert_eq!(labels(3).len(), 253);
    assert!(Domain::parse(&labels(3)).is_ok() && Domain::parse(&labels(4)).is_err());
    let label = |length: usize| Domain::parse(&format!("{}.com", "a".repeat(length)));
    assert!(label(63).is_ok() && label(64).is_err());
}

/// The system's clock counts milliseconds since 1970: between the day this was written and the year 2100.
#[test]
fn the_system_clock_counts_milliseconds() {
    let now = Clock::system().now().rfc3339();
    assert!(("2026".."2100").contains(&&now[..4]), "{now}");
}
