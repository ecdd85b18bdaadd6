//! Whether a request is a person loading a page, or something that must have no effect.
//!
//! Link scanners send HEAD, browsers prefetch, scripts fetch: a login started for those piles up cookies and a one-time
//! thing consumed by them is lost (R05, R13). axum's `get` also answers HEAD, so a handler with effects asks here.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method};
use std::convert::Infallible;

/// What kind of request it is. An extractor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Navigation {
    /// A GET for a document in a tab of its own, or from a client that does not say (old browsers, curl).
    Document,
    /// A GET that only prepares: `Sec-Purpose` or `Purpose` says prefetch.
    Prefetch,
    /// A GET by a script, a frame, an image.
    Subresource,
    /// HEAD, OPTIONS or any other method.
    NotGet,
}

impl Navigation {
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let says = |name: &str, word: &str| {
            headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(word)))
        };
        let other_than = |name: &str, word: &str| headers.get_all(name).iter().any(|value| value != word);
        if method != Method::GET {
            Self::NotGet
        } else if says("sec-purpose", "prefetch")
            || says("purpose", "prefetch")
            || says("x-purpose", "preview")
            || says("x-moz", "prefetch")
        {
            Self::Prefetch
        } else if other_than("sec-fetch-mode", "navigate") || other_than("sec-fetch-dest", "document") {
            Self::Subresource
        } else {
            Self::Document
        }
    }

    /// Only then may a GET have effects.
    pub fn is_document(self) -> bool {
        self == Self::Document
    }
}

impl<S: Sync> FromRequestParts<S> for Navigation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.method, &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn get(pairs: &[(&'static str, &'static str)]) -> Navigation {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Navigation::of(&Method::GET, &pairs.collect())
    }

    /// R05.
    #[test]
    fn only_top_level_documents_are_navigations() {
        assert_eq!(get(&[]), Navigation::Document);
        assert_eq!(
            get(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]),
            Navigation::Document
        );
        for pairs in [
            [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
            [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "embed")],
        ] {
            assert_eq!(get(&pairs), Navigation::Subresource, "{pairs:?}");
        }
    }

    /// R13.
    #[test]
    fn scanners_and_prefetches_have_no_effect() {
        for method in [Method::HEAD, Method::OPTIONS, Method::POST, Method::TRACE] {
            assert!(!Navigation::of(&method, &HeaderMap::new()).is_document(), "{method}");
        }
        for pair in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            let pairs = [pair, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
            assert_eq!(get(&pairs), Navigation::Prefetch, "{pair:?}");
        }
    }
}
