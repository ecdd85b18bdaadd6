//! The API Gateway of the local stack: HTTP requests become payload 2.0 events, functions answer with payload
//! 2.0 responses, exactly as on AWS.
//!
//! The translation is lambda_http's own on the function's side and this file's on the gateway's: `cookies[]`,
//! comma-joined headers, the caller's address in the request context and nowhere else. Routes come from the
//! deployment template, so that what works here is what is deployed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, body};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::{Clock, Rng};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use lambda_http::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::template::Route;

/// HTTP APIs take payloads up to 10 MB.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// Functions by name and the routes that lead to them.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    domain: String,
    routes: Vec<Route>,
    functions: BTreeMap<String, Router>,
    clock: Clock,
    rng: Rng,
}

/// A function could not be called, or answered what API Gateway would refuse.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("no function is routed to {0}")]
    NoRoute(String),
    #[error("the request is not one that a gateway passes on: {0}")]
    Request(String),
    #[error("event or answer are not of payload 2.0: {0}")]
    Function(String),
}

/// What comes back from a function, as API Gateway reads it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Gateway {
    /// `domain` is the host name that requests carry, for instance `localhost:8080`.
    pub fn new(
        domain: String,
        routes: Vec<Route>,
        functions: BTreeMap<String, Router>,
        clock: Clock,
        rng: Rng,
    ) -> Self {
        Self { inner: Arc::new(Inner { domain, routes, functions, clock, rng }) }
    }

    /// The HTTP side: `own` answers its own paths, everything else goes to the functions.
    pub fn serve(self, own: Router) -> Router {
        Router::new().fallback(forward).with_state(self).merge(own)
    }

    /// Calls the function behind method and path with a request, through the event translation.
    ///
    /// # Errors
    /// When there is no such route, or the answer is not one.
    pub async fn call(&self, caller: SocketAddr, request: Request<Bytes>) -> Result<Response, GatewayError> {
        let path = request.uri().path().to_owned();
        let (key, name) =
            self.route(request.method(), &path).ok_or_else(|| GatewayError::NoRoute(path.clone()))?;
        let function = self.inner.functions.get(name).ok_or(GatewayError::NoRoute(path))?.clone();
        let event = self.event(key, caller, &request)?;
        let answer = invoke(function, event).await?;
        answer.into_response()
    }

    /// HTTP APIs prefer an exact method and path, then a path with variables, then `$default`.
    fn route(&self, method: &Method, path: &str) -> Option<(&str, &str)> {
        let methods = [method.as_str(), "ANY"];
        let find = |fits: &dyn Fn(&str) -> bool| {
            methods.iter().find_map(|method| {
                self.inner.routes.iter().find(|route| {
                    route.key.strip_prefix(method).and_then(|rest| rest.strip_prefix(' ')).is_some_and(fits)
                })
            })
        };
        find(&|own| own == path)
            .or_else(|| find(&|own| variables(own, path).is_some()))
            .or_else(|| self.inner.routes.iter().find(|route| route.key == "$default"))
            .map(|r| (r.key.as_str(), r.function.as_str()))
    }

    fn event(&self, key: &str, caller: SocketAddr, request: &Request<Bytes>) -> Result<Value, GatewayError> {
        let mut headers = Map::new();
        let mut cookies = Vec::new();
        for (name, value) in request.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            if name == header::COOKIE {
                cookies.extend(value.split("; ").map(|cookie| Value::from(cookie.trim())));
                continue;
            }
            match headers.get_mut(name.as_str()) {
                Some(Value::String(joined)) => {
                    joined.push(',');
                    joined.push_str(&value);
                }
                _ => drop(headers.insert(name.as_str().to_owned(), value.as_ref().into())),
            }
        }
        let agent = headers.get("user-agent").cloned().unwrap_or_default();
        let now = self.inner.clock.now();
        let request_id = self.inner.rng.ulid(now).map_err(|why| GatewayError::Request(why.to_string()))?;
        let (body, encoded) = match std::str::from_utf8(request.body()) {
            Ok("") => (None, false),
            Ok(text) => (Some(text.to_owned()), false),
            Err(_) => (Some(BASE64.encode(request.body())), true),
        };
        let uri = request.uri();
        let mut event = json!({
            "version": "2.0",
            "routeKey": key,
            "rawPath": uri.path(),
            "rawQueryString": uri.query().unwrap_or_default(),
            "cookies": cookies,
            "headers": headers,
            "queryStringParameters": query_parameters(uri.query().unwrap_or_default()),
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": self.inner.domain,
                "domainPrefix": "local",
                "http": {
                    "method": request.method().as_str(),
                    "path": uri.path(),
                    "protocol": "HTTP/1.1",
                    "sourceIp": caller.ip().to_string(),
                    "userAgent": agent,
                },
                "requestId": request_id,
                "routeKey": key,
                "stage": "$default",
                "time": now.rfc3339(),
                "timeEpoch": now.millis(),
            },
            "body": body,
            "isBase64Encoded": encoded,
        });
        let own = key.split_once(' ').map_or(key, |(_, path)| path);
        if let Some(variables) = variables(own, uri.path()).filter(|variables| !variables.is_empty()) {
            event.as_object_mut().map(|event| event.insert("pathParameters".to_owned(), variables.into()));
        }
        Ok(event)
    }
}

/// The variables of a route's path, if this path is one of its kind: `{slug}` is one segment that is not empty.
fn variables(route: &str, path: &str) -> Option<Map<String, Value>> {
    let mut found = Map::new();
    let (mut own, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (own.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(own), Some(given)) => match own.strip_prefix('{').and_then(|own| own.strip_suffix('}')) {
                Some(name) if !given.is_empty() => drop(found.insert(name.to_owned(), given.into())),
                None if own == given => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// Runs one event through a function's router, as the Lambda runtime would.
///
/// # Errors
/// When the event is not one of API Gateway's, or the answer is not one that it takes.
pub async fn invoke_event(function: Router, event: Value) -> Result<Response, GatewayError> {
    invoke(function, event).await?.into_response()
}

async fn invoke(function: Router, event: Value) -> Result<Answer, GatewayError> {
    let mut context = Context::default();
    context.request_id =
        event.pointer("/requestContext/requestId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = web::lambda::answer(function, event, context).await;
    answer.and_then(serde_json::from_value).map_err(|why| GatewayError::Function(why.to_string()))
}

impl Answer {
    fn into_response(self) -> Result<Response, GatewayError> {
        let bad = |why: &dyn std::fmt::Display| GatewayError::Function(why.to_string());
        let body = match self.body {
            Some(body) if self.is_base64_encoded => BASE64.decode(body).map_err(|why| bad(&why))?,
            Some(body) => body.into_bytes(),
            None => Vec::new(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name).map_err(|why| bad(&why))?;
            // The server that answers the browser frames the body itself.
            if name != header::CONTENT_LENGTH {
                headers.insert(name, HeaderValue::try_from(value).map_err(|why| bad(&why))?);
            }
        }
        for cookie in &self.cookies {
            headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).map_err(|why| bad(&why))?);
        }
        let status = StatusCode::from_u16(self.status_code).map_err(|why| bad(&why))?;
        Ok((status, headers, Body::from(body)).into_response())
    }
}

fn query_parameters(query: &str) -> Map<String, Value> {
    let mut joined: Map<String, Value> = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match joined.get_mut(name.as_ref()) {
            Some(Value::String(values)) => {
                values.push(',');
                values.push_str(&value);
            }
            _ => drop(joined.insert(name.into_owned(), value.as_ref().into())),
        }
    }
    joined
}

async fn forward(
    State(gateway): State<Gateway>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match gateway.call(caller, Request::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(error = %error, "gateway: {error}");
            (StatusCode::BAD_GATEWAY, axum::Json(json!({"message": "Internal Server Error"}))).into_response()
        }
    }
}
