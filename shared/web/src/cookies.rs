//! Cookies: tolerant in reading, exact in writing.
//!
//! A cookie of ours is set and cleared with the same name, domain, path and flags, because a browser keeps what is cleared
//! with others (R19); values come from an alphabet without CR, LF or `;`, so none can become a header or an
//! attribute (R24). A browser also sends the cookies of everything else on the host: nothing of theirs may break
//! reading ours. A cookie of ours that cannot be decoded counts as absent and is to be cleared.

mod bounce;
mod flow;
#[cfg(test)]
mod properties;
mod remembered;
mod session;

use std::time::Duration;

use axum::response::{IntoResponseParts, ResponseParts};
use cookie::{Cookie, SameSite};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use std::convert::Infallible;

pub use bounce::BounceCookie;
pub use flow::{FlowCookie, FlowCookies, MAX_FLOWS};
pub use remembered::RememberedCookie;
pub use session::{Presented, SessionCookie, TooLong};

/// The cookies of a request, in the order the browser sent them: most specific path first, then the oldest
/// (RFC 6265 section 5.4).
#[derive(Clone, Default)]
pub struct RequestCookies(Vec<(String, String)>);

impl RequestCookies {
    /// Reads every `Cookie` header.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let headers = headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.map(|header| Self::parse([header.as_ref()])).fold(Self::default(), |mut all, some| {
            all.0.extend(some.0);
            all
        })
    }

    /// Reads cookies as an event for an authorizer carries them: one or more `name=value` in each text.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let cookies = texts.into_iter().flat_map(Cookie::split_parse).filter_map(Result::ok);
        Self(cookies.map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect())
    }

    /// All values under exactly this name, in the order sent.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// A `Set-Cookie` header for a response: `(cookie, page).into_response()`. Several add up.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie(HeaderValue);

impl SetCookie {
    /// `value` must come from [`is_plain`]'s alphabet; with a zero `life` the browser forgets the cookie.
    fn new(name: &str, value: &str, domain: Option<&str>, life: Duration) -> Self {
        let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let mut cookie = Cookie::build((name, value))
            .path("/")
            .secure(true)
            .http_only(true)
            // `Strict` would withhold the cookie from the redirect that comes back from the IdP: an endless login.
            .same_site(SameSite::Lax)
            .max_age(cookie::time::Duration::seconds(seconds));
        if let Some(domain) = domain {
            cookie = cookie.domain(domain);
        }
        // Cannot fail for our names, alphabets and parsed domains; an empty header is ignored by browsers.
        let text = cookie.build().to_string();
        Self(HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    pub fn header(&self) -> &HeaderValue {
        &self.0
    }
}

/// The name only: the value is a credential.
impl std::fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.0.to_str().unwrap_or_default();
        f.debug_tuple("SetCookie").field(&text.split('=').next().unwrap_or_default()).finish()
    }
}

impl IntoResponseParts for SetCookie {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.headers_mut().append(SET_COOKIE, self.0);
        Ok(parts)
    }
}

/// Letters, digits, `-`, `_`: base64url, which needs no quoting anywhere.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    /// The cookies of everything else on the host do not break ours.
    #[test]
    fn foreign_cookies_are_tolerated() {
        let mut headers = HeaderMap::new();
        headers
            .append(COOKIE, HeaderValue::from_bytes("a=1; ;novalue; =x; ü=ö; q=\"7\"".as_bytes()).unwrap());
        headers.append(COOKIE, HeaderValue::from_static("__Host-session=one; __Host-session=two; a=2"));
        let cookies = RequestCookies::from_headers(&headers);
        assert_eq!(cookies.values("__Host-session").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(cookies.values("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(cookies.values("__host-session").count(), 0);
    }

    /// A name that only becomes ours by decoding has none of the guarantees that the prefix gives.
    #[test]
    fn names_are_not_decoded() {
        let cookies = RequestCookies::parse(["__%48ost-session=x; _%5FHost-session=x"]);
        assert_eq!(cookies.values("__Host-session").count(), 0);
    }

    /// R17, R19: set and clear differ in value and age only.
    #[test]
    fn set_and_clear_have_the_same_attributes() {
        let set = SetCookie::new("__Host-x", "v", None, Duration::from_secs(60));
        let clear = SetCookie::new("__Host-x", "", None, Duration::ZERO);
        assert_eq!(set.header(), "__Host-x=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
        assert_eq!(clear.header(), "__Host-x=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
        assert_eq!(format!("{set:?}"), "SetCookie(\"__Host-x\")");
    }

    /// R20: one header each.
    #[test]
    fn several_cookies_are_several_headers() {
        let one = SetCookie::new("a", "1", None, Duration::ZERO);
        let two = SetCookie::new("b", "2", None, Duration::ZERO);
        let response = (one, two, "body").into_response();
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
    }
}
