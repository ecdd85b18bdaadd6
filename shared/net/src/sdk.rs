//! The AWS SDK on the shared client: same TLS, same pool, no second HTTP stack in the binary.
//!
//! The SDK's read timeout bounds connection, headers and body together, which is stricter than it asks for. A
//! request with a streaming body is refused: the calls made here (DynamoDB, Secrets Manager, CloudFormation)
//! are held in memory, and a stream that was silently sent empty would be a write that never happened.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use crate::client::CONNECT_TIMEOUT;

/// Gives the SDK the shared client: `SdkConfig::builder().http_client(SdkHttp::new(client))`.
#[derive(Debug, Clone)]
pub struct SdkHttp {
    client: reqwest::Client,
}

impl SdkHttp {
    /// `client` comes from [`crate::client`], whose connect timeout this adapter relies on.
    pub fn new(client: reqwest::Client) -> Self {
        Self { client }
    }

    fn connector(&self, settings: &HttpConnectorSettings) -> Connector {
        Connector {
            client: self.client.clone(),
            // One pool has one connect timeout. A longer one asked for is kept by the shorter; a shorter one
            // is not.
            connect_too_short: settings.connect_timeout().is_some_and(|limit| limit < CONNECT_TIMEOUT),
            read: settings.read_timeout(),
        }
    }
}

impl HttpClient for SdkHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.connector(settings))
    }
}

#[derive(Debug, Clone)]
struct Connector {
    client: reqwest::Client,
    connect_too_short: bool,
    read: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a streaming request body cannot be sent; give the bytes")]
    StreamingBody,
    #[error("the SDK's connect timeout must be at least {CONNECT_TIMEOUT:?}, that of the shared client")]
    ConnectTimeout,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        HttpConnectorFuture::new(async move { connector.send(request).await })
    }
}

impl Connector {
    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        if self.connect_too_short {
            return Err(ConnectorError::user(Refused::ConnectTimeout.into()));
        }
        let (parts, body) =
            request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
        let body = body.bytes().ok_or_else(|| ConnectorError::user(Refused::StreamingBody.into()))?.to_vec();
        let mut request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| ConnectorError::user(error.into()))?;
        if self.read.is_some() {
            *request.timeout_mut() = self.read;
        }

        let answer = self.client.execute(request).await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = http::Response::new(answer.bytes().await.map_err(failed)?.into());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// What the SDK may retry: it treats timeouts and broken connections as such, anything else as final.
fn failed(error: reqwest::Error) -> ConnectorError {
    let never_connected = error.is_connect();
    let timeout = error.is_timeout();
    let source = error.without_url().into();
    let error = if timeout { ConnectorError::timeout(source) } else { ConnectorError::io(source) };
    if never_connected { error.never_connected() } else { error }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use aws_smithy_types::body::SdkBody;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    type Requests = Arc<Mutex<Vec<String>>>;

    /// A server that gives every connection the same answer and closes; also what it was asked.
    pub(crate) async fn answering(answer: &'static str) -> (String, Requests) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Requests::default();
        let log = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                log.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).into_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (base, requests)
    }

    /// A server that takes connections and never says a word.
    pub(crate) async fn hanging() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        base
    }

    fn post(uri: &str, body: SdkBody) -> HttpRequest {
        let mut request = HttpRequest::new(body);
        request.set_method("POST").unwrap();
        request.set_uri(uri).unwrap();
        request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.GetItem");
        request
    }

    fn connector(settings: HttpConnectorSettings) -> Connector {
        SdkHttp::new(crate::client().unwrap()).connector(&settings)
    }

    #[tokio::test]
    async fn request_and_answer_pass_through_whole() {
        let (base, requests) = answering(
            "HTTP/1.1 400 Bad Request\r\nx-amzn-requestid: r1\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{\"a\":\"b\"}",
        )
        .await;
        let call =
            connector(HttpConnectorSettings::default()).call(post(&format!("{base}x?y=1"), "{}".into()));
        let answer = call.await.unwrap();
        assert_eq!(answer.status().as_u16(), 400);
        assert_eq!(answer.headers().get("x-amzn-requestid"), Some("r1"));
        assert_eq!(answer.body().bytes(), Some(&b"{\"a\":\"b\"}"[..]));
        let request = requests.lock().unwrap()[0].to_lowercase();
        assert!(request.starts_with("post /x?y=1 http/1.1\r\n"), "{request}");
        assert!(request.contains("x-amz-target: dynamodb_20120810.getitem\r\n"), "{request}");
        assert!(request.contains("content-length: 2\r\n") && request.ends_with("{}"), "{request}");
    }

    #[tokio::test]
    async fn the_read_timeout_is_honoured() {
        let base = hanging().await;
        let settings = HttpConnectorSettings::builder().read_timeout(Duration::from_millis(20)).build();
        let error = connector(settings).call(post(&base, "{}".into())).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }

    #[tokio::test]
    async fn a_broken_connection_is_an_io_error() {
        let (base, _requests) = answering("").await;
        let error =
            connector(HttpConnectorSettings::default()).call(post(&base, "{}".into())).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error =
            connector(HttpConnectorSettings::default()).call(post(&closed, "{}".into())).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_honoured_is_refused() {
        let (base, requests) = answering("").await;
        let streaming = connector(HttpConnectorSettings::default()).call(post(&base, SdkBody::taken())).await;
        assert!(streaming.unwrap_err().is_user());
        let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(1)).build();
        assert!(connector(settings).call(post(&base, "{}".into())).await.unwrap_err().is_user());
        assert!(requests.lock().unwrap().is_empty());
    }
}
