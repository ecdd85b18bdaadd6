//! What every handler may know of the request besides its own parameters: id, client, time left.
//!
//! Made once, by the outermost layer. The client's address comes from API Gateway's request context only: headers
//! such as `X-Forwarded-For` are whatever the caller wrote, and a limit per address keyed on them would limit nobody
//! (R25). The one exception is a distribution in front that proves itself ([`crate::edge`]). The request id is Lambda's own, so that the id a person quotes finds the log line.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use lambda_http::request::RequestContext;
use net::Deadline;

use domain::{Clock, Rng};

/// One deadline for the whole request (R61). Functions are configured to be stopped at a higher limit.
pub const REQUEST_TIME: Duration = Duration::from_millis(4500);

const USER_AGENT_LENGTH: usize = 256;

/// The context of a request. An extractor; needs [`crate::layers`] around the router.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// In every answer and in every log line.
    pub request_id: String,
    pub client: ClientAddress,
    /// The host of ours that was asked, as API Gateway says; empty when it does not, and behind a distribution, which has
    /// its own name for the gateway.
    pub host: String,
    /// What the browser calls itself: capped, without control characters, never trusted.
    pub user_agent: String,
    /// When the answer must be ready.
    pub deadline: Deadline,
    /// How errors are answered.
    pub answer: Answer,
}

/// What an error looks like to this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A page, for a browser's document request.
    Page,
    /// `{code, message, request_id}`.
    Json,
}

/// Where the request came from, as API Gateway saw it, or the distribution in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    fn of(extensions: &http::Extensions) -> Self {
        let source = match extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
            _ => None,
        };
        Self(source.and_then(|text| text.parse().ok()).map(|ip: IpAddr| ip.to_canonical()))
    }

    /// As a distribution saw it that has proved itself.
    pub(crate) fn seen_by_edge(ip: IpAddr) -> Self {
        Self(Some(ip.to_canonical()))
    }

    /// The address itself, where API Gateway says it.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.0
    }

    /// The key of limits per client: an IPv4 address, or the /64 that one IPv6 subscriber holds at least.
    pub fn limit_key(&self) -> String {
        match self.0 {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(ip)) => ip.to_string(),
            Some(IpAddr::V6(ip)) => {
                let network = u128::from(ip) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(network))
            }
        }
    }
}

/// For audit records: `203.0.113.7`, or `unknown`.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ip) => ip.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

impl Ctx {
    pub(crate) fn of(parts: &http::Extensions, headers: &HeaderMap, clock: &Clock, rng: &Rng) -> Self {
        let lambda = parts.get::<lambda_http::Context>().map(|context| context.request_id.as_str());
        let request_id = lambda.filter(|id| !id.is_empty()).map(str::to_owned).unwrap_or_else(|| {
            // Without random bytes the moment alone still finds the log line.
            let now = clock.now();
            rng.ulid(now).unwrap_or_else(|_| format!("t{}", now.millis()))
        });
        Self {
            request_id,
            client: ClientAddress::of(parts),
            host: host(parts),
            user_agent: user_agent(headers),
            deadline: Deadline::after(REQUEST_TIME),
            answer: Answer::wanted(headers),
        }
    }
}

/// From the request context only: a `Host` header is whatever the caller wrote (R25).
fn host(extensions: &http::Extensions) -> String {
    let domain = match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.as_deref(),
        Some(RequestContext::ApiGatewayV1(context)) => context.domain_name.as_deref(),
        _ => None,
    };
    let name = domain.unwrap_or_default().split(':').next();
    name.unwrap_or_default().to_ascii_lowercase()
}

fn user_agent(headers: &HeaderMap) -> String {
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.chars().filter(|char| !char.is_control()).take(USER_AGENT_LENGTH).collect()
}

impl Answer {
    /// HTML for whoever lists it in `Accept`, as every browser does when it loads a document.
    fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let html = accept.flat_map(|value| value.split(',')).any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let html = parts.next().is_some_and(|kind| {
                kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
            });
            html && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        });
        if html { Self::Page } else { Self::Json }
    }
}

/// A handler asked for [`Ctx`] outside [`crate::layers`]: a mistake in the program, not in the request.
#[derive(Debug)]
pub struct NoContext;

impl IntoResponse for NoContext {
    fn into_response(self) -> Response {
        tracing::error!("the router runs without its layers");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = NoContext;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoContext> {
        parts.extensions.get::<Self>().cloned().ok_or(NoContext)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::Timestamp;
    use http::HeaderValue;
    use lambda_http::aws_lambda_events::apigw::{
        ApiGatewayProxyRequestContext, ApiGatewayV2httpRequestContext,
    };

    pub(crate) fn ctx(answer: Answer) -> Ctx {
        Ctx {
            request_id: "01JTEST0000000000000000000".to_owned(),
            client: ClientAddress(None),
            host: String::new(),
            user_agent: String::new(),
            deadline: Deadline::after(REQUEST_TIME),
            answer,
        }
    }

    /// The request context that API Gateway would send for a client at `ip`.
    pub(crate) fn gateway(ip: &str) -> RequestContext {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some(ip.to_owned());
        RequestContext::ApiGatewayV2(context)
    }

    fn read(extensions: &http::Extensions, headers: &[(&'static str, &str)]) -> Ctx {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        let clock = Clock::manual(Timestamp::from_seconds(1_764_059_400));
        Ctx::of(extensions, &headers.collect(), &clock, &Rng::seeded(1))
    }

    /// R25: no header changes the address.
    #[tokio::test]
    async fn the_client_address_comes_from_the_gateway_only() {
        let forged = [
            ("x-forwarded-for", "198.51.100.9"),
            ("x-real-ip", "198.51.100.9"),
            ("forwarded", "for=198.51.100.9"),
            ("cloudfront-viewer-address", "198.51.100.9:1"),
            ("x-user-ip", "198.51.100.9"),
        ];
        let mut extensions = http::Extensions::new();
        assert_eq!(read(&extensions, &forged).client.to_string(), "unknown");
        assert_eq!(read(&extensions, &forged).client.limit_key(), "unknown");
        extensions.insert(gateway("203.0.113.7"));
        assert_eq!(read(&extensions, &forged).client.to_string(), "203.0.113.7");
        let mut first = ApiGatewayProxyRequestContext::default();
        first.identity.source_ip = Some("203.0.113.8".to_owned());
        extensions.insert(RequestContext::ApiGatewayV1(first));
        assert_eq!(read(&extensions, &forged).client.to_string(), "203.0.113.8");
    }

    /// R64: one subscriber with 2^64 addresses is one client.
    #[tokio::test]
    async fn limits_see_an_ipv6_subscriber_as_one_client() {
        let key = |ip: &str| {
            let mut extensions = http::Extensions::new();
            extensions.insert(gateway(ip));
            read(&extensions, &[]).client.limit_key()
        };
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(key("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
        assert_ne!(key("2001:db8:1:3::1"), key("2001:db8:1:2::1"));
        assert_eq!(key("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(key("203.0.113.7"), "203.0.113.7");
        assert_eq!(key("nonsense"), "unknown");
    }

    /// R76: Lambda's id where there is one, else an id of ours; never one the caller chose.
    #[tokio::test]
    async fn the_request_id_is_never_the_callers() {
        let mut extensions = http::Extensions::new();
        let own = read(&extensions, &[("x-request-id", "mine"), ("x-amzn-requestid", "mine")]).request_id;
        assert_eq!(own.len(), 26);
        let mut lambda = lambda_http::Context::default();
        extensions.insert(lambda.clone());
        assert_eq!(read(&extensions, &[]).request_id.len(), 26);
        lambda.request_id = "8f507cfc-xmpl-4697-b07a-ac58fc914c95".to_owned();
        extensions.insert(lambda);
        assert_eq!(
            read(&extensions, &[("x-request-id", "mine")]).request_id,
            "8f507cfc-xmpl-4697-b07a-ac58fc914c95"
        );
    }

    #[tokio::test]
    async fn the_user_agent_is_capped() {
        let long = format!("Mozilla\t{}", "x".repeat(4000));
        let ctx = read(&http::Extensions::new(), &[("user-agent", &long)]);
        assert!(ctx.user_agent.starts_with("Mozillaxx"));
        assert_eq!(ctx.user_agent.len(), USER_AGENT_LENGTH);
    }

    #[tokio::test]
    async fn html_is_for_those_who_ask_for_it() {
        for (accept, answer) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Answer::Page),
            ("application/json, Text/HTML;q=0.1", Answer::Page),
            ("application/json", Answer::Json),
            ("text/html;q=0, */*", Answer::Json),
            ("*/*", Answer::Json),
            ("", Answer::Json),
        ] {
            assert_eq!(read(&http::Extensions::new(), &[("accept", accept)]).answer, answer, "{accept}");
        }
    }

    /// R61.
    #[tokio::test(start_paused = true)]
    async fn a_request_has_four_and_a_half_seconds() {
        let ctx = read(&http::Extensions::new(), &[]);
        assert_eq!(ctx.deadline.remaining(), Duration::from_millis(4500));
    }
}
