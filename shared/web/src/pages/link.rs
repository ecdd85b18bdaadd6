//! Where a button leads.
//!
//! A `javascript:` address in a link runs in our origin, and a hand-glued query string lets one value become two
//! parameters. A [`Link`] is a path of ours with encoded parameters, or an http(s) URL, and nothing else.

use std::fmt;

use domain::ReturnUrl;
use domain::tenant_settings::Slug;
use url::{Url, form_urlencoded};

/// A path on this site, or an absolute http(s) URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

/// The text is not an absolute http(s) URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an absolute http(s) URL")]
pub struct NotAUrl;

impl Link {
    /// A path of ours, as the code spells it: `/login`.
    pub fn path(path: &'static str) -> Self {
        Self(path.to_owned())
    }

    /// A tenant's own login address.
    pub fn tenant_login(slug: &Slug) -> Self {
        Self(format!("/login/{slug}"))
    }

    /// # Errors
    /// When the text is not an absolute http(s) URL, or carries a user name or password.
    pub fn absolute(text: &str) -> Result<Self, NotAUrl> {
        let url = Url::parse(text).map_err(|_| NotAUrl)?;
        let plain =
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        if plain { Ok(Self(url.into())) } else { Err(NotAUrl) }
    }

    /// Adds one parameter, encoded.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.with_pairs([(name, value)])
    }

    /// Adds the parameters of a query string: it is taken apart and encoded anew.
    #[must_use]
    pub fn with_query(self, query: &str) -> Self {
        self.with_pairs(form_urlencoded::parse(query.as_bytes()))
    }

    fn with_pairs<K: AsRef<str>, V: AsRef<str>>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let separator = if self.0.contains('?') { '&' } else { '?' };
        if query.is_empty() { self } else { Self(format!("{}{separator}{query}", self.0)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ReturnUrl> for Link {
    fn from(url: &ReturnUrl) -> Self {
        Self(url.as_str().to_owned())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_never_becomes_two_parameters() {
        let link = Link::path("/login")
            .with_query("organization=org_1&x=%26")
            .with("return_to", "https://a.example/?b=1&c=2");
        assert_eq!(
            link.as_str(),
            "/login?organization=org_1&x=%26&return_to=https%3A%2F%2Fa.example%2F%3Fb%3D1%26c%3D2"
        );
        assert_eq!(Link::path("/login").with_query("").as_str(), "/login");
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert_eq!(Link::absolute("https://app.example").unwrap().as_str(), "https://app.example/");
        for text in [
            "javascript:alert(1)",
            "data:text/html,x",
            "/path",
            "//host",
            "https://a@b.example",
            "mailto:a@b",
            "",
        ] {
            assert_eq!(Link::absolute(text), Err(NotAUrl), "{text}");
        }
    }
}
