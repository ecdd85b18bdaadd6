//! A page in a tenant's colours: its logo, its accent colour where it can be read, its own contact.
//!
//! What came from a tenant's settings is parsed already: a logo is an https URL, a colour three bytes, a contact an
//! address or an https URL. The colours become a second inline stylesheet made of nothing else, allowed by its own hash.

use domain::sha256;
use domain::tenant_settings::{Branding, Colour, Contact};

use super::link::Link;
use crate::config::SupportContact;

/// How a page looks to a tenant's people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// The company, for those who cannot see its logo.
    pub(super) company: String,
    pub(super) logo: Option<String>,
    pub(super) style: Option<String>,
    pub(super) support: Option<SupportContact>,
}

impl Brand {
    /// `None` when the tenant has nothing of its own.
    pub fn of(company: &str, branding: &Branding) -> Option<Self> {
        if branding.is_empty() {
            return None;
        }
        let support = branding.support.as_ref().and_then(|contact| match contact {
            Contact::Email(address) => Some(SupportContact::Email(address.clone())),
            Contact::Page(url) => Link::absolute(url.as_str()).ok().map(SupportContact::Url),
        });
        Some(Self {
            company: company.to_owned(),
            logo: branding.logo.as_ref().map(|logo| logo.as_str().to_owned()),
            style: style(branding),
            support,
        })
    }

    /// The hash under which the policy allows the brand's stylesheet.
    pub(super) fn style_hash(&self) -> Option<String> {
        // CSP writes base64 with the standard alphabet and padding.
        let standard = |hash: String| format!("'sha256-{}='", hash.replace('-', "+").replace('_', "/"));
        self.style.as_deref().map(|style| standard(sha256(style)))
    }
}

fn style(branding: &Branding) -> Option<String> {
    let rule = |colour: Colour| format!(":root{{--accent:{colour};--on:{}}}", colour.ink());
    let light =
        branding.light().map(|colour| format!("@media not (prefers-color-scheme:dark){{{}}}", rule(colour)));
    let dark = branding.dark().map(|colour| format!("@media(prefers-color-scheme:dark){{{}}}", rule(colour)));
    let both: String = [light, dark].into_iter().flatten().collect();
    (!both.is_empty()).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branding(accent: Option<&str>, dark: Option<&str>) -> Branding {
        let colour = |text: Option<&str>| text.map(|text| Colour::parse(text).unwrap());
        Branding { accent: colour(accent), accent_dark: colour(dark), ..Branding::default() }
    }

    #[test]
    fn colours_are_used_where_they_can_be_read() {
        let style = |accent, dark| Brand::of("Acme", &branding(accent, dark)).and_then(|brand| brand.style);
        assert_eq!(
            style(Some("#0b5fff"), Some("#8ab4ff")).unwrap(),
            "@media not (prefers-color-scheme:dark){:root{--accent:#0b5fff;--on:#ffffff}}\
             @media(prefers-color-scheme:dark){:root{--accent:#8ab4ff;--on:#000000}}"
        );
        assert_eq!(
            style(Some("#0b5fff"), None).unwrap(),
            "@media not (prefers-color-scheme:dark){:root{--accent:#0b5fff;--on:#ffffff}}"
        );
        assert_eq!(style(Some("#777777"), Some("#222222")), None);
        assert_eq!(Brand::of("Acme", &Branding::default()), None);
    }

    /// The example of the standard: SHA-256 of the empty text.
    #[test]
    fn the_hash_is_the_one_of_the_policy() {
        let brand = Brand { company: String::new(), logo: None, style: Some(String::new()), support: None };
        assert_eq!(brand.style_hash().unwrap(), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
}
