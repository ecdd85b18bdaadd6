//! The entry of a function under Lambda: a router in, events answered.
//!
//! The router is the one that the local stack serves, inside the same [`layers`]; only the translation between
//! events and HTTP is Lambda's own.

use std::pin::Pin;

use axum::Router;
use axum::body::to_bytes;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::tower::service_fn;
use lambda_http::tower::util::{MapResponse, ServiceExt};
use lambda_http::{Adapter, Body, Context, Service};
use serde_json::Value;

use crate::event::GatewayEvent;
use crate::layers::{Shared, layers};

/// Why a function stops; what `main` returns.
pub type Error = lambda_http::Error;

/// Serves the function until Lambda ends the process. `router` is the function's own, without layers.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub async fn serve(router: Router, shared: &Shared) -> Result<(), Error> {
    shared.prefetch().await;
    let mut serving = serving(router, shared);
    lambda_runtime::run(service_fn(move |event| serving.call(translated(event)))).await
}

/// Answers one event exactly as under Lambda: for the local stack and for sample events in tests. `router` is complete,
/// [`layers`] included.
///
/// # Errors
/// When the event is not one of API Gateway's.
pub async fn answer(router: Router, event: Value, context: Context) -> Result<Value, serde_json::Error> {
    let event = LambdaEvent::new(serde_json::from_value(event)?, context);
    // The adapter itself is not `Send`; its future is.
    let answered = { adapter(router).call(translated(event)) };
    let Ok(response) = answered.await;
    serde_json::to_value(response)
}

type Answering = MapResponse<Router, fn(Response) -> Answer>;

fn serving(router: Router, shared: &Shared) -> Adapter<'static, Answer, Answering> {
    adapter(layers(router, shared))
}

fn adapter(router: Router) -> Adapter<'static, Answer, Answering> {
    Adapter::from(ServiceExt::<lambda_http::Request>::map_response(router, Answer as fn(Response) -> Answer))
}

/// An answer on its way into the event's form: text where it is UTF-8, and all of ours is. By itself `lambda_http` would
/// bring the tables of forty charsets, a tenth of a small function's zip.
struct Answer(Response);

impl lambda_http::IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = http::Response<Body>> + Send>> {
        Box::pin(async move {
            let (parts, body) = self.0.into_parts();
            match to_bytes(body, usize::MAX).await {
                Ok(bytes) => {
                    let body = String::from_utf8(bytes.into());
                    let body = body.map_or_else(|bytes| Body::from(bytes.into_bytes()), Body::from);
                    http::Response::from_parts(parts, body)
                }
                // A body of ours is made before it is sent, so none breaks off; half of one would be no answer.
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response().map(|_| Body::Empty),
            }
        })
    }
}

fn translated(event: LambdaEvent<GatewayEvent>) -> LambdaEvent<lambda_http::request::LambdaRequest> {
    LambdaEvent::new(event.payload.0, event.context)
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use http::StatusCode;
    use http::header::LOCATION;
    use serde_json::json;
    use std::time::Duration;

    use crate::config::CookieScope;
    use crate::context::Ctx;
    use crate::cookies::SessionCookie;
    use crate::event::tests::{first, second};
    use crate::layers::tests::shared;

    /// What Lambda would get for this event.
    async fn invoke(event: &Value) -> Value {
        let finish = || async {
            let cookie = SessionCookie::new(CookieScope::Host);
            let set = cookie.set("a.b.c", Duration::from_secs(60)).unwrap();
            (StatusCode::SEE_OTHER, set, cookie.clear(), [(LOCATION, "https://app.example.com/")])
        };
        let router = Router::new()
            .route("/finish", get(finish))
            .route("/who", get(|ctx: Ctx| async move { format!("{} {}", ctx.client, ctx.request_id) }));
        let mut context = Context::default();
        context.request_id = "8f507cfc".to_owned();
        let event = LambdaEvent::new(serde_json::from_str(&event.to_string()).unwrap(), context);
        let answer = serving(router, &shared().0).call(translated(event)).await.unwrap();
        serde_json::to_value(answer).unwrap()
    }

    /// R20: payload 2.0 carries cookies in a list of their own.
    #[tokio::test]
    async fn payload_two_emits_every_cookie() {
        let answer = invoke(&second("GET", "/finish", "code=x")).await;
        assert_eq!(answer["statusCode"], 303);
        assert_eq!(answer["headers"]["location"], "https://app.example.com/");
        assert_eq!(
            answer["cookies"],
            json!([
                "__Host-session=a.b.c; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60",
                "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
            ])
        );
    }

    /// R20: payload 1.0 carries them in the multi-value headers.
    #[tokio::test]
    async fn payload_one_emits_every_cookie() {
        let answer = invoke(&first("GET", "/finish")).await;
        assert_eq!(answer["statusCode"], 303);
        assert_eq!(answer["multiValueHeaders"]["set-cookie"].as_array().unwrap().len(), 2);
        assert_eq!(answer["multiValueHeaders"]["cache-control"], json!(["no-store"]));
    }

    /// R25, R76: address and id come from the event, not from its headers.
    #[tokio::test]
    async fn handlers_learn_client_and_id_from_the_event() {
        let mut event = second("GET", "/who", "");
        event["headers"]["x-forwarded-for"] = json!("198.51.100.9");
        let answer = invoke(&event).await;
        assert_eq!(
            (&answer["body"], &answer["isBase64Encoded"]),
            (&json!("203.0.113.7 8f507cfc"), &json!(false))
        );
        assert_eq!(answer["headers"]["x-request-id"], "8f507cfc");
        assert_eq!(invoke(&first("GET", "/who")).await["body"], "203.0.113.8 8f507cfc");
    }

    /// R26.
    #[tokio::test]
    async fn unknown_paths_get_the_page() {
        let answer = invoke(&second("GET", "/nothing", "")).await;
        assert_eq!(answer["statusCode"], 404);
        assert!(answer["body"].as_str().unwrap().contains("There is nothing here"));
        assert_eq!(answer["headers"]["content-type"], "text/html; charset=utf-8");
    }
}
