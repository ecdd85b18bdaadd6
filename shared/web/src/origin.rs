//! Proof that a state-changing request was sent by a page of our own (R23).
//!
//! The session cookie is `SameSite=Lax`, but sibling hosts are the same site and old browsers know no
//! `SameSite`. Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`; no page can forge
//! either. A request with neither is refused: a program that wants to act has its own session to end.

use domain::Origin;
use http::HeaderMap;
use http::header::ORIGIN;

/// The request may come from another site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request does not prove that it comes from this site")]
pub struct CrossSite;

/// # Errors
/// Unless `Sec-Fetch-Site` is `same-origin` or, without that header, `Origin` is our own.
pub fn same_origin(headers: &HeaderMap, public_url: &Origin) -> Result<(), CrossSite> {
    let proven = match only(headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => only(headers, ORIGIN.as_str()) == Some(public_url.as_str()),
    };
    if proven { Ok(()) } else { Err(CrossSite) }
}

/// The header's value. Of several none counts, and unreadable is not absent.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().unwrap_or_default();
    Some(if values.next().is_none() { first } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn check(pairs: &[(&'static str, &'static str)]) -> Result<(), CrossSite> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        same_origin(&headers, &Origin::parse("https://auth.example.com").unwrap())
    }

    /// R23.
    #[test]
    fn only_our_own_pages_may_change_state() {
        let ours = "https://auth.example.com";
        assert_eq!(check(&[("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(check(&[("sec-fetch-site", "same-origin"), ("origin", "null")]), Ok(()));
        assert_eq!(check(&[("origin", ours)]), Ok(()));
        for refused in [
            &[][..],
            &[("sec-fetch-site", "same-site"), ("origin", ours)],
            &[("sec-fetch-site", "cross-site"), ("origin", ours)],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "null")],
            &[("origin", "http://auth.example.com")],
            &[("origin", "https://auth.example.com:8443")],
            &[("origin", "https://auth.example.com.evil.example")],
            &[("origin", "https://evil.example"), ("referer", "https://auth.example.com/")],
            &[("origin", ours), ("origin", "https://evil.example")],
        ] {
            assert_eq!(check(refused), Err(CrossSite), "{refused:?}");
        }
    }
}
