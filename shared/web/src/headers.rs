//! Security headers on every answer (R11, R21, R76).
//!
//! Set by a layer rather than by handlers, so that none can forget them; a handler may only replace the ones listed
//! as defaults, for a page that needs it. Nothing here may weaken HSTS or `nosniff`, and nothing may name a request's
//! own words: header values are constants or ids of ours.

use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::config::Site;
use crate::context::Ctx;

/// The answer's id, as in its body and in the log.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// SHA-256 of `templates/style.css`, as the policy wants it. A test compares; it prints the value to put here.
macro_rules! style_hash {
    () => {
        "sha256-jeF0MOvU8aEzeTIJ0Ft4VnoWPN9RIevK06b5/ev7wjw="
    };
}

/// Everything but where forms may lead.
macro_rules! policy {
    ($form_action:literal) => {
        concat!(
            "default-src 'none'; style-src '",
            style_hash!(),
            "'; img-src 'self' data: https:; base-uri 'none'; frame-ancestors 'none'; form-action ",
            $form_action
        )
    };
}

/// What a page of ours may do: be styled by its own sheet, show images, post to its own site.
const PAGE_POLICY: &str = policy!("'self'");

/// What everything else may do if a browser shows it after all.
const OTHER_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The policy of a page that needs more than the usual one.
///
/// A form that ends in a redirect to the IdP: Chromium applies `form-action` to every redirect after the form, and the
/// IdP's host is not ours to know. A local stack's sign-in service is on plain http. A tenant's colours: one more style,
/// by its hash.
pub(crate) fn policy_of_page(
    site: &Site,
    form_leads_elsewhere: bool,
    brand_style: Option<&str>,
) -> Option<HeaderValue> {
    let policy = match (form_leads_elsewhere, site.public_url.as_str().starts_with("http://")) {
        (false, _) if brand_style.is_none() => return None,
        (false, _) => PAGE_POLICY,
        (true, true) => policy!("'self' https: http://localhost:* http://127.0.0.1:*"),
        (true, false) => policy!("'self' https:"),
    };
    match brand_style {
        None => Some(HeaderValue::from_static(policy)),
        Some(hash) => {
            HeaderValue::try_from(policy.replacen("style-src ", &format!("style-src {hash} "), 1)).ok()
        }
    }
}

/// Sets the headers of an answer that leaves the process.
pub(crate) fn apply(response: &mut Response, ctx: &Ctx) {
    let html = is_html(response.headers());
    let headers = response.headers_mut();
    headers
        .insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::try_from(ctx.request_id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    default(headers, CACHE_CONTROL, "no-store");
    default(headers, REFERRER_POLICY, "no-referrer");
    default(headers, CONTENT_SECURITY_POLICY, if html { PAGE_POLICY } else { OTHER_POLICY });
    if html {
        default(headers, COOP, "same-origin");
    }
}

/// What the handler set stays.
fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::{Html, IntoResponse};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ring::digest::{SHA256, digest};

    use crate::context::{Answer, tests::ctx};
    use crate::pages::STYLE;

    fn applied(response: impl IntoResponse) -> HeaderMap {
        let mut response = response.into_response();
        apply(&mut response, &ctx(Answer::Page));
        response.headers().clone()
    }

    /// R21: a changed stylesheet with an old hash would be a page without style.
    #[test]
    fn the_policy_allows_exactly_our_stylesheet() {
        let hash = format!("sha256-{}", STANDARD.encode(digest(&SHA256, STYLE.as_bytes())));
        assert_eq!(style_hash!(), hash);
        assert!(STYLE.len() < 6 * 1024, "{} bytes", STYLE.len());
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"), "no requests to elsewhere");
    }

    /// R21.
    #[test]
    fn pages_carry_the_whole_set() {
        let headers = applied(Html("<p>"));
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=31536000; includeSubDomains");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[COOP], "same-origin");
        assert_eq!(headers[X_REQUEST_ID], "01JTEST0000000000000000000");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in
            ["default-src 'none';", "frame-ancestors 'none';", "base-uri 'none';", "form-action 'self'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    /// R11.
    #[test]
    fn answers_are_neither_stored_nor_told_to_others() {
        for headers in [applied(Html("<p>")), applied("{}"), applied(axum::response::Redirect::to("/x"))] {
            assert_eq!(headers[CACHE_CONTROL], "no-store");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
            assert!(headers.contains_key(CONTENT_SECURITY_POLICY));
        }
    }

    /// R32 needs a cacheable key set; R21 still holds for it.
    #[test]
    fn a_handler_may_set_its_own_caching_but_not_drop_the_rest() {
        let headers =
            applied(([("cache-control", "public, max-age=300"), ("x-content-type-options", "x")], "{}"));
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=300");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(COOP));
    }
}
