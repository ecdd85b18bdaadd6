//! The parts around the functions: listeners, servers, the way to the embedded AWS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use web::config::AwsSettings;

/// A port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("port {port} is taken; choose another with {flag}, or 0 for any free one")]
    Taken { port: u16, flag: &'static str },
    #[error("cannot listen on port {port}: {why}; choose another with {flag}")]
    Refused { port: u16, flag: &'static str, why: io::Error },
}

/// Listens on this machine's own address and on no other: nothing here asks who is there.
pub(super) async fn listen(port: u16, flag: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|why| match why.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken { port, flag },
        _ => ListenError::Refused { port, flag, why },
    })
}

/// The port that a listener got.
pub(super) fn port(listener: &TcpListener, flag: &'static str) -> Result<u16, ListenError> {
    listener.local_addr().map(|address| address.port()).map_err(|why| ListenError::Refused {
        port: 0,
        flag,
        why,
    })
}

pub(super) fn serve(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move { drop(stopped.changed().await) };
    tokio::spawn(async move {
        if let Err(why) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
            tracing::error!(error = %why, "a local server stopped: {why}");
        }
    })
}

/// Runs something that has no end until the stack stops.
pub(super) fn until(
    work: impl Future<Output = ()> + Send + 'static,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            _ = stopped.changed() => {}
        }
    })
}

/// The SDK's settings for the embedded AWS. Nobody there checks a signature.
pub(super) fn sdk_config(http: reqwest::Client, dynamodb: &str, secrets: &str) -> SdkConfig {
    let settings = AwsSettings {
        region: "us-east-1".to_owned(),
        endpoint_url: None,
        service_endpoints: vec![("DynamoDB", dynamodb.to_owned()), ("Secrets Manager", secrets.to_owned())],
    };
    let credentials = Credentials::new("local", "local", None, None, "local stack");
    web::aws::sdk_config(&settings, net::SdkHttp::new(http))
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
