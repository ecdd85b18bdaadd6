//! E-mail addresses and their domains, compared only in parsed form.
//!
//! A domain decides which tenant may vouch for a person, so look-alikes are refused rather than repaired:
//! several `@`, control characters, trailing dots, and characters that IDNA would silently map to ASCII
//! (full-width letters, soft hyphens, ligatures). See R43 and GHSA-c5c4-8r6x-56w3.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A DNS domain in its one comparable form: lower-case ASCII (A-labels), no trailing dot, at least two labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

/// An e-mail address: the local part as it was written, the domain as a [`Domain`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: Domain,
}

/// Why a text is not an address or a domain. Never carries the text: addresses stay out of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    #[error("an e-mail address needs exactly one @")]
    AtSigns,
    #[error("the part before the @ is empty, too long or has characters that are not allowed")]
    Local,
    #[error("the domain is not valid")]
    Domain,
}

impl Domain {
    /// # Errors
    /// When the text is not a host name of two or more labels, or only becomes one by IDNA's mappings.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let lower = if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() };
        let ascii = idna::domain_to_ascii_strict(&lower).map_err(|_| InvalidEmail::Domain)?;
        let (unicode, result) = idna::domain_to_unicode(&ascii);
        // What does not come back as it went in was mapped: a look-alike, not a spelling.
        if result.is_err() || (unicode != lower && ascii != lower) {
            return Err(InvalidEmail::Domain);
        }
        let labels: Vec<&str> = ascii.split('.').collect();
        let label_ok = |label: &&str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let numeric_tld = labels.last().is_none_or(|tld| tld.bytes().all(|byte| byte.is_ascii_digit()));
        if labels.len() < 2 || ascii.len() > 253 || numeric_tld || !labels.iter().all(label_ok) {
            return Err(InvalidEmail::Domain);
        }
        Ok(Self(ascii))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EmailAddress {
    /// # Errors
    /// When the text is not one plain `local@domain`; quoted local parts and comments are refused.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::AtSigns)?;
        if domain.contains('@') {
            return Err(InvalidEmail::AtSigns);
        }
        let allowed = |c: char| !c.is_control() && !c.is_whitespace() && !"\"(),:;<>[\\]".contains(c);
        if local.is_empty() || local.len() > 64 || !local.chars().all(allowed) {
            return Err(InvalidEmail::Local);
        }
        Ok(Self { local: local.to_owned(), domain: Domain::parse(domain)? })
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The form for look-ups inside one tenant: both parts lower-cased.
    pub fn folded(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// For log lines: `a…@acme.com`. A full address is personal data and stays out of logs (R73).
    pub fn masked(&self) -> String {
        format!("{}…@{}", self.local.chars().next().unwrap_or('?'), self.domain)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Masked, because `{:?}` ends in logs.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidEmail;
            fn try_from(text: String) -> Result<Self, InvalidEmail> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

text_form!(Domain);
text_form!(EmailAddress);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// R43: compare parsed, lower-cased, IDNA domains; refuse everything that only looks like one.
    #[test]
    fn look_alikes_are_refused() {
        for wrong in [
            "",
            "a",
            "@acme.com",
            "a@",
            "a@b@acme.com",
            "a@evil.com\n@acme.com",
            "a@acme.com\n",
            "a@acme.com\r\nBcc: x",
            "a@acme.com.",
            "a@acme..com",
            "a@.acme.com",
            "a@acme",
            "a@-acme.com",
            "a@acme-.com",
            "a@acme_x.com",
            "a@ａｃｍｅ.com",
            "a@acme。com",
            "a@ac\u{ad}me.com",
            "a@ac\u{200b}me.com",
            "a@\u{fb01}nance.com",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@acme.com%00",
            "a b@acme.com",
            "\"a@b\"@acme.com",
            "a\u{0}@acme.com",
            "a@acme.com ",
            " a@acme.com",
            "a@xn--a.com",
            "a@xn--\u{fc}.com",
        ] {
            assert!(EmailAddress::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    /// R43: a Cyrillic `а` is another domain, never ours.
    #[test]
    fn confusables_are_another_domain() {
        if let Ok(other) = Domain::parse("\u{430}cme.com") {
            assert_ne!(other, Domain::parse("acme.com").unwrap());
        }
    }

    #[test]
    fn spelling_does_not_matter_but_identity_does() {
        let address = EmailAddress::parse("Ada.Lovelace+sso@ACME.com").unwrap();
        assert_eq!(address.domain(), &Domain::parse("acme.com").unwrap());
        assert_eq!(address.to_string(), "Ada.Lovelace+sso@acme.com");
        assert_eq!(address.folded(), "ada.lovelace+sso@acme.com");
        assert_eq!(format!("{address:?}"), "A…@acme.com");
        assert_eq!(Domain::parse("BÜCHER.example").unwrap(), Domain::parse("xn--bcher-kva.example").unwrap());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_panic(text in "\\PC*") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(&address.to_string()).unwrap(), address);
            }
        }

        #[test]
        fn a_domain_reads_back_as_itself(text in "[a-zA-Z0-9.äöüßæ-]{1,40}") {
            if let Ok(domain) = Domain::parse(&text) {
                prop_assert_eq!(Domain::parse(domain.as_str()).unwrap(), domain);
            }
        }
    }
}
