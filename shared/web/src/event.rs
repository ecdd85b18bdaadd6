//! From an API Gateway event to a request.
//!
//! `lambda_http` does the translation, but gives up on the whole invocation when one header or cookie holds a control
//! character, and panics when host, path and query make no URI: the gateway then answers with an error of its own,
//! without our headers and our log line. So what a caller may send and HTTP forbids is taken out of the event first.
//! Nothing is repaired: a part is passed on as it is or left out. The `Host` header is left out always: it is the
//! caller's word, and the product's address is a setting.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::request::LambdaRequest;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// An event of a REST API (payload 1.0) or an HTTP API (payload 2.0).
pub(crate) struct GatewayEvent(pub(crate) LambdaRequest);

impl<'de> Deserialize<'de> for GatewayEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Map::deserialize(deserializer)?;
        tidy(&mut event);
        let second = event.get("version").is_some_and(|version| version == "2.0");
        let event = Value::Object(event);
        let request = if second {
            ApiGatewayV2httpRequest::deserialize(event).map(LambdaRequest::ApiGatewayV2)
        } else {
            ApiGatewayProxyRequest::deserialize(event).map(LambdaRequest::ApiGatewayV1)
        };
        // What the event holds is not told: it has cookies and codes.
        request.map(Self).map_err(|_| D::Error::custom("this is not an event of API Gateway"))
    }
}

fn tidy(event: &mut Map<String, Value>) {
    if let Some(Value::Object(headers)) = event.get_mut("headers") {
        headers.retain(|name, value| is_wanted(name) && is_header(value));
    }
    if let Some(Value::Object(headers)) = event.get_mut("multiValueHeaders") {
        headers.retain(|name, _| is_wanted(name));
        headers.values_mut().filter_map(Value::as_array_mut).for_each(|values| values.retain(is_header));
    }
    if let Some(Value::Array(cookies)) = event.get_mut("cookies") {
        cookies.retain(is_header);
    }
    for name in ["rawPath", "path"] {
        if let Some(Value::String(path)) = event.get_mut(name)
            && !path.starts_with('/')
        {
            path.insert(0, '/');
        }
    }
    if let Some(Value::String(query)) = event.get_mut("rawQueryString")
        && format!("/?{query}").parse::<PathAndQuery>().is_err()
    {
        query.clear();
    }
}

/// A name that HTTP allows, and not one of the two that only serve to build an absolute URI.
fn is_wanted(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
        && !name.eq_ignore_ascii_case("host")
        && !name.eq_ignore_ascii_case("x-forwarded-proto")
}

fn is_header(value: &Value) -> bool {
    value.as_str().is_some_and(|value| HeaderValue::from_str(value).is_ok())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use http::header::{COOKIE, USER_AGENT};
    use lambda_http::Request;
    use serde_json::json;

    /// An HTTP API event, as API Gateway sends it.
    pub(crate) fn second(method: &str, path: &str, query: &str) -> Value {
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "cookies": [],
            "headers": {"host": "auth.example.com", "x-forwarded-proto": "https", "accept": "text/html"},
            "requestContext": {
                "accountId": "123456789012", "apiId": "api", "domainName": "auth.example.com", "domainPrefix": "auth",
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7", "userAgent": "Mozilla/5.0"
                },
                "requestId": "gateway-id", "routeKey": "$default", "stage": "$default",
                "time": "25/Nov/2026:08:30:00 +0000", "timeEpoch": 1_795_595_400_000_i64
            },
            "isBase64Encoded": false
        })
    }

    /// A REST API event.
    pub(crate) fn first(method: &str, path: &str) -> Value {
        json!({
            "version": "1.0",
            "resource": "/{proxy+}",
            "path": path,
            "httpMethod": method,
            "headers": {"Host": "auth.example.com", "X-Forwarded-Proto": "https"},
            "multiValueHeaders": {"Host": ["auth.example.com"], "X-Forwarded-Proto": ["https"]},
            "queryStringParameters": null,
            "multiValueQueryStringParameters": null,
            "pathParameters": null,
            "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012", "apiId": "api", "domainName": "auth.example.com", "httpMethod": method,
                "identity": {"sourceIp": "203.0.113.8", "userAgent": "Mozilla/5.0"},
                "path": path, "protocol": "HTTP/1.1", "requestId": "gateway-id", "stage": "$default",
                "requestTimeEpoch": 1_795_595_400_000_i64
            },
            "body": null,
            "isBase64Encoded": false
        })
    }

    fn request(event: &Value) -> Request {
        let event: GatewayEvent = serde_json::from_str(&event.to_string()).unwrap();
        event.0.into()
    }

    #[test]
    fn both_payload_versions_are_read() {
        let two = request(&second("GET", "/auth/callback", "code=a%20b&state=s"));
        assert_eq!((two.uri().path(), two.uri().query()), ("/auth/callback", Some("code=a%20b&state=s")));
        let mut event = first("POST", "/auth/logout");
        event["multiValueHeaders"]["Cookie"] = json!(["a=1; b=2"]);
        let one = request(&event);
        assert_eq!((one.method().as_str(), one.uri().path()), ("POST", "/auth/logout"));
        assert_eq!(one.headers()[COOKIE], "a=1; b=2");
    }

    /// A character in a proxy's header or in another app's cookie locks nobody out.
    #[test]
    fn what_http_forbids_is_left_out() {
        let mut event = second("GET", "/login", "organization=org_1");
        event["cookies"] = json!(["name=Jürgen", "__Host-login-abc=1", "bad=\r\nset-cookie: x"]);
        event["headers"]["user-agent"] = json!("Books\u{1b}/1.0");
        event["headers"]["x-person"] = json!("李");
        let request = request(&event);
        assert_eq!(request.headers()[COOKIE], "name=Jürgen; __Host-login-abc=1");
        assert_eq!(request.headers().get(USER_AGENT), None);
        assert_eq!(request.headers()["x-person"].as_bytes(), "李".as_bytes());
        assert_eq!(request.uri().query(), Some("organization=org_1"));
    }

    /// No event makes the translation panic: the answer would be the gateway's, without our headers (R26, R76).
    #[test]
    fn hostile_events_are_translated() {
        let hosts = ["", "a b", "[", "evil/..", "host:port", "a@b", "[::1", "%00", "x:99999999", "\n"];
        let queries = ["<script>", "a=\"b\"", "a b", "\u{0}", "%", "#x", "?", "ü", "a=\u{7f}", "\\", "^`{|}"];
        let paths = [
            "/",
            "//evil.example",
            "/%00",
            "/a b",
            "/ü",
            "/<x>",
            "/..;/",
            "",
            ":x",
            "/\\",
            "/?x",
            "/#x",
            "/%",
        ];
        for path in paths {
            for query in queries {
                let _ = request(&second("GET", path, query));
                let mut event = first("GET", path);
                event["queryStringParameters"] = json!({query: query});
                event["multiValueQueryStringParameters"] = json!({query: [query, query]});
                let _ = request(&event);
            }
        }
        for host in hosts {
            for name in ["host", "Host", "x-forwarded-proto", "X-Forwarded-Proto"] {
                for mut event in [second("GET", "/login", ""), first("GET", "/login")] {
                    event["headers"][name] = json!(host);
                    event["multiValueHeaders"][name] = json!([host]);
                    assert_eq!(request(&event).uri().host(), Some("auth.example.com"));
                }
            }
        }
    }

    #[test]
    fn other_events_are_refused_without_showing_them() {
        for event in
            [json!({}), json!({"Records": [{"body": "canary"}]}), json!({"version": "2.0", "x": "canary"})]
        {
            let error = serde_json::from_str::<GatewayEvent>(&event.to_string()).err().unwrap().to_string();
            assert!(error.starts_with("this is not an event of API Gateway"), "{error}");
        }
    }
}
