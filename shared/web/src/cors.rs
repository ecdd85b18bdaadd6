//! Cross-origin reading of the session, for the origins that the settings name and nobody else (R22).
//!
//! The answer carries credentials, so `*` is impossible and reflecting the asker's origin would let every site read
//! who is signed in. Origins are compared whole, as browsers send them. `Vary: Origin` is on every answer, the
//! refusals too, so that no cache hands one origin's answer to another.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};

use crate::config::CorsOrigins;

/// Lets the named origins read the answers to GET of this router's routes.
pub fn readable_by<S: Clone + Send + Sync + 'static>(router: Router<S>, origins: CorsOrigins) -> Router<S> {
    // Not the fallback: what is not there is nobody's to read.
    router.route_layer(from_fn_with_state(Arc::new(origins), cors))
}

async fn cors(State(origins): State<Arc<CorsOrigins>>, request: Request, next: Next) -> Response {
    let mut asked = request.headers().get_all(ORIGIN).iter();
    let origin = asked.next().filter(|origin| asked.next().is_none() && origins.contains(origin)).cloned();
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (&origin, preflight) {
        (Some(_), true) => (
            StatusCode::NO_CONTENT,
            [
                (ACCESS_CONTROL_ALLOW_METHODS, "GET"),
                (ACCESS_CONTROL_ALLOW_HEADERS, "accept, content-type"),
                (ACCESS_CONTROL_MAX_AGE, "600"),
            ],
        )
            .into_response(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    // One header, not two: payload version 2 of the gateway keeps only one value of a repeated header.
    let vary = match headers.get(VARY).and_then(|value| value.to_str().ok()) {
        Some(others) => HeaderValue::try_from(format!("{others}, Origin")).ok(),
        None => Some(HeaderValue::from_static("Origin")),
    };
    if let Some(vary) = vary {
        headers.insert(VARY, vary);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use domain::Origin;
    use tower::ServiceExt;

    async fn ask(method: Method, headers: &[(&str, &str)]) -> Response {
        let origins = ["https://app.example.com", "http://localhost:3000"].map(|o| Origin::parse(o).unwrap());
        let router = Router::new().route("/auth/session", get(|| async { ([(VARY, "Accept")], "who") }));
        let router = readable_by(router, CorsOrigins::from_iter(origins));
        let mut request = http::Request::builder().method(method).uri("/auth/session");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// R22.
    #[tokio::test]
    async fn named_origins_read_with_credentials() {
        for origin in ["https://app.example.com", "http://localhost:3000"] {
            let response = ask(Method::GET, &[("origin", origin)]).await;
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
            assert_eq!(response.headers()[VARY], "Accept, Origin");
        }
    }

    /// R22: a list of what breaks origin checks elsewhere.
    #[tokio::test]
    async fn no_other_origin_is_reflected() {
        for origin in [
            "null",
            "*",
            "https://app.example.com.evil.example",
            "https://evilapp.example.com",
            "https://evil.example/https://app.example.com",
            "https://app.example.com@evil.example",
            "https://app.example.com/",
            "https://APP.example.com",
            "https://app.example.com:443",
            "https://app.example.com:8443",
            "http://app.example.com",
            "https://sub.app.example.com",
            "https://appXexample.com",
            "https://app.example.com%00.evil.example",
            "http://localhost:3001",
            "http://localhost",
            "http://127.0.0.1:3000",
            "file://",
            "",
        ] {
            for method in [Method::GET, Method::OPTIONS] {
                let response =
                    ask(method, &[("origin", origin), ("access-control-request-method", "GET")]).await;
                assert_eq!(response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN), None, "{origin}");
                assert_eq!(response.headers().get(ACCESS_CONTROL_ALLOW_CREDENTIALS), None, "{origin}");
                assert!(response.headers()[VARY].to_str().unwrap().ends_with("Origin"));
            }
        }
        let twice = [("origin", "https://app.example.com"), ("origin", "https://evil.example")];
        assert_eq!(ask(Method::GET, &twice).await.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN), None);
        assert_eq!(ask(Method::GET, &[]).await.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN), None);
    }

    /// R22.
    #[tokio::test]
    async fn a_preflight_is_answered_for_reading_only() {
        let headers = [("origin", "https://app.example.com"), ("access-control-request-method", "POST")];
        let response = ask(Method::OPTIONS, &headers).await;
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example.com");
        let plain = ask(Method::OPTIONS, &headers[..1]).await;
        assert_eq!(plain.status(), 405);
    }
}
