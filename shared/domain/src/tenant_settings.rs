//! What an adopter decides about a tenant beyond what WorkOS knows: its login address, the names of its connections,
//! how our pages look to its people.
//!
//! All of it ends on pages and in addresses, so every value is parsed into something that can do no harm there: a
//! logo is an https URL, a colour is three bytes, a label is one line. A colour is used only where it can be read.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::email::{Domain, EmailAddress};
use crate::ids::ConnectionId;

/// Longest URL and label that are kept.
const LONGEST_URL: usize = 512;
const LONGEST_LABEL: usize = 60;
/// Hosts and connection settings of one tenant: the item stays small, and so does the transaction that writes it.
pub const MOST_HOSTS: usize = 10;
pub const MOST_CONNECTION_SETTINGS: usize = 100;

/// A tenant's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// `/login/{slug}` is this tenant's login address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<Slug>,
    /// Hosts of the product whose `/login` is this tenant's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Domain>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub connections: BTreeMap<ConnectionId, ConnectionSettings>,
    pub branding: Branding,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionSettings {
    /// What the picker calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The e-mail domains that may come through it; empty: all that the tenant verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Domain>,
}

/// How pages look to a tenant's people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Branding {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<HttpsUrl>,
    /// For the light theme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<Colour>,
    /// For the dark theme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent_dark: Option<Colour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<Contact>,
}

/// The text cannot be this setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    #[error("a slug is 2 to 40 of a-z, 0-9 and -, and neither begins nor ends with -")]
    Slug,
    #[error("a label is one line of at most 60 characters")]
    Label,
    #[error("must be an https URL of at most 512 characters, without user name and fragment")]
    Url,
    #[error("a colour is written #rrggbb")]
    Colour,
    #[error("must be an e-mail address or an https URL")]
    Contact,
}

/// The last part of a tenant's login address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// # Errors
    /// When the text is not a short word of lower-case letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let word =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let length = (2..=40).contains(&text.len());
        if word && length && !text.starts_with('-') && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSetting::Slug)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name for people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// # Errors
    /// When the text is empty, long or more than one line.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let text = text.trim();
        let fits = (1..=LONGEST_LABEL).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSetting::Label)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An https URL that a page may show or lead to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpsUrl(String);

impl HttpsUrl {
    /// # Errors
    /// When the text is anything but a plain https URL.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let url = Url::parse(text).map_err(|_| InvalidSetting::Url)?;
        let plain = url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url.as_str().len() <= LONGEST_URL;
        if plain { Ok(Self(url.into())) } else { Err(InvalidSetting::Url) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom a tenant's people ask for help.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Contact {
    Email(EmailAddress),
    Page(HttpsUrl),
}

impl Contact {
    /// # Errors
    /// When the text is neither an address nor an https URL.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let parsed = if text.contains("://") {
            HttpsUrl::parse(text).map(Self::Page).ok()
        } else {
            EmailAddress::parse(text).map(Self::Email).ok()
        };
        parsed.ok_or(InvalidSetting::Contact)
    }
}

/// An sRGB colour.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour([u8; 3]);

impl Colour {
    /// The cards of our pages, on which an accent colour is text.
    pub const LIGHT_CARD: Self = Self([0xff, 0xff, 0xff]);
    pub const DARK_CARD: Self = Self([0x18, 0x1f, 0x1d]);
    /// Pure, because only then one of black and white can be read on every colour.
    const BLACK: Self = Self([0, 0, 0]);

    /// # Errors
    /// When the text is not `#rrggbb`.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii());
        let byte = |from: usize| {
            let digits = hex?.get(from..from + 2)?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
        };
        match (byte(0), byte(2), byte(4)) {
            (Some(red), Some(green), Some(blue)) => Ok(Self([red, green, blue])),
            _ => Err(InvalidSetting::Colour),
        }
    }

    /// WCAG 2.2, "contrast ratio": from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Whether text of this colour can be read on that ground (WCAG 2.2, success criterion 1.4.3).
    pub fn readable_on(self, ground: Self) -> bool {
        self.contrast(ground) >= 4.5
    }

    /// What can be read on a button of this colour.
    pub fn ink(self) -> Self {
        if Self::LIGHT_CARD.contrast(self) >= Self::BLACK.contrast(self) {
            Self::LIGHT_CARD
        } else {
            Self::BLACK
        }
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl Branding {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The accent colour for the light theme, where it can be read there.
    pub fn light(&self) -> Option<Colour> {
        self.accent.filter(|colour| colour.readable_on(Colour::LIGHT_CARD))
    }

    /// The accent colour for the dark theme, where it can be read there. No colour can be read on both cards, so
    /// without one of its own the dark theme takes the light one's only when that is bright enough.
    pub fn dark(&self) -> Option<Colour> {
        self.accent_dark.or(self.accent).filter(|colour| colour.readable_on(Colour::DARK_CARD))
    }
}

impl TenantSettings {
    /// Whether an address of this domain may come through the connection.
    pub fn admits(&self, connection: &ConnectionId, domain: &Domain) -> bool {
        self.connections
            .get(connection)
            .is_none_or(|own| own.domains.is_empty() || own.domains.contains(domain))
    }
}

macro_rules! text_form {
    ($($name:ident)*) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidSetting;
            fn try_from(text: String) -> Result<Self, InvalidSetting> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidSetting;
            fn from_str(text: &str) -> Result<Self, InvalidSetting> {
                Self::parse(text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

text_form! { Slug Label HttpsUrl Contact Colour }

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(address) => address.fmt(f),
            Self::Page(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_plain_words() {
        for fine in ["acme", "a1", "acme-corp-2"] {
            assert_eq!(Slug::parse(fine).unwrap().as_str(), fine);
        }
        let long = "a".repeat(41);
        for wrong in ["", "a", "Acme", "-acme", "acme-", "acme corp", "acme/..", "é", "a%2f", long.as_str()]
        {
            assert_eq!(Slug::parse(wrong), Err(InvalidSetting::Slug), "{wrong}");
        }
    }

    /// What ends on a page can do no harm there.
    #[test]
    fn only_plain_https_reaches_a_page() {
        assert!(HttpsUrl::parse("https://cdn.acme.com/logo.svg?v=2").is_ok());
        let long = format!("https://a.example/{}", "x".repeat(600));
        for wrong in [
            "http://cdn.acme.com/logo.svg",
            "//cdn.acme.com/logo.svg",
            "javascript:alert(1)",
            "data:image/svg+xml,<svg/onload=alert(1)>",
            "https://user@cdn.acme.com/",
            "https://cdn.acme.com/#x",
            "",
            long.as_str(),
        ] {
            assert_eq!(HttpsUrl::parse(wrong), Err(InvalidSetting::Url), "{wrong}");
        }
        assert!(matches!(Contact::parse("it@acme.com"), Ok(Contact::Email(_))));
        assert!(matches!(Contact::parse("https://acme.com/help"), Ok(Contact::Page(_))));
        for wrong in ["javascript:alert(1)", "http://acme.com", "it", "mailto:it@acme.com"] {
            assert_eq!(Contact::parse(wrong), Err(InvalidSetting::Contact), "{wrong}");
        }
    }

    /// Pages and item show them as they were given.
    #[test]
    fn settings_are_written_as_they_are_read() {
        let logo = HttpsUrl::parse("https://cdn.acme.com/logo.svg?v=2").unwrap();
        assert_eq!(
            (logo.as_str(), logo.to_string().as_str()),
            ("https://cdn.acme.com/logo.svg?v=2", logo.as_str())
        );
        for contact in ["it@acme.com", "https://acme.com/help"] {
            assert_eq!(Contact::parse(contact).unwrap().to_string(), contact);
        }
        assert_eq!(Slug::parse("acme").unwrap().to_string(), "acme");
        let brand = Branding { accent: Some(Colour::parse("#0b5fff").unwrap()), ..Branding::default() };
        assert!(Branding::default().is_empty() && !brand.is_empty());
    }

    /// The pairs are examples of WCAG's own contrast tools.
    #[test]
    fn contrast_is_the_one_of_wcag() {
        let colour = |text| Colour::parse(text).unwrap();
        let ratio = |one, two| (colour(one).contrast(colour(two)) * 100.0).round() / 100.0;
        assert_eq!(ratio("#000000", "#ffffff"), 21.0);
        assert_eq!(ratio("#767676", "#ffffff"), 4.54);
        assert_eq!(ratio("#777777", "#ffffff"), 4.48);
        assert_eq!(ratio("#0a0a0a", "#ffffff"), 19.8);
        assert_eq!(ratio("#0e6655", "#0e6655"), 1.0);
    }

    /// A colour that cannot be read is not used: our own is, theme by theme.
    #[test]
    fn an_accent_is_used_only_where_it_can_be_read() {
        let brand = |light: &str, dark: Option<&str>| Branding {
            accent: Some(Colour::parse(light).unwrap()),
            accent_dark: dark.map(|dark| Colour::parse(dark).unwrap()),
            ..Branding::default()
        };
        let used = |brand: Branding| (brand.light().is_some(), brand.dark().is_some());
        assert_eq!(used(brand("#0b5fff", None)), (true, false));
        assert_eq!(used(brand("#0b5fff", Some("#8ab4ff"))), (true, true));
        assert_eq!(used(brand("#ffd500", None)), (false, true));
        assert_eq!(used(brand("#ffd500", Some("#222222"))), (false, false));
        for byte in 0..=255_u8 {
            for colour in [[byte; 3], [byte, 0, 0], [0, byte, 0], [0, 0, byte], [255, byte, 0]] {
                let colour = Colour(colour);
                assert!(colour.ink().readable_on(colour), "{colour}");
            }
        }
    }

    #[test]
    fn colours_and_labels_are_checked_when_read_back() {
        assert_eq!(serde_json::from_str::<Colour>("\"#A0b1C2\"").unwrap().to_string(), "#a0b1c2");
        for wrong in ["red", "#fff", "#gggggg", "#12345", "#1234567", "#+1+2+3", "url(x)"] {
            assert_eq!(Colour::parse(wrong), Err(InvalidSetting::Colour), "{wrong}");
        }
        assert!(serde_json::from_str::<Label>("\"Okta for staff\"").is_ok());
        let long = "x".repeat(61);
        assert_eq!(Label::parse(" Okta for staff ").unwrap().as_str(), "Okta for staff");
        for wrong in ["", " ", "two\nlines", long.as_str()] {
            assert_eq!(Label::parse(wrong), Err(InvalidSetting::Label), "{wrong:?}");
        }
    }

    #[test]
    fn a_connection_without_domains_of_its_own_admits_all() {
        let okta = ConnectionId::parse("conn_okta").unwrap();
        let other = ConnectionId::parse("conn_other").unwrap();
        let domain = |text| Domain::parse(text).unwrap();
        let mut settings = TenantSettings::default();
        assert!(settings.admits(&okta, &domain("acme.com")));
        let own = ConnectionSettings { label: None, domains: vec![domain("acme.com")] };
        settings.connections.insert(okta.clone(), own);
        assert!(settings.admits(&okta, &domain("acme.com")));
        assert!(!settings.admits(&okta, &domain("sub.acme.com")));
        assert!(settings.admits(&other, &domain("elsewhere.com")));
    }

    #[test]
    fn empty_settings_are_an_empty_item() {
        let text = serde_json::to_string(&TenantSettings::default()).unwrap();
        assert_eq!(text, r#"{"branding":{}}"#);
        assert_eq!(serde_json::from_str::<TenantSettings>("{}").unwrap(), TenantSettings::default());
    }
}
