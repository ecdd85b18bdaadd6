//! The client itself. Certificates are checked against the roots compiled in, never against the machine's
//! own.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

/// Name resolution, TCP and TLS together. Long enough for one lost packet (the system resends after a
/// second), short enough that a second try still fits into a request's 4.5 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// No call outlives this, also when its caller forgot to give a limit.
const CEILING: Duration = Duration::from_secs(10);

/// Shorter than the servers' own patience. While Lambda freezes a function it does not hear that the other
/// side hung up; a fresh handshake costs less than a login that fails on a dead connection.
const IDLE: Duration = Duration::from_secs(20);

/// The client could not be built. Nothing a request could cause: wrong roots or a broken build.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("the TLS configuration was refused")]
    Tls(#[source] rustls::Error),
    #[error("an extra root certificate was refused")]
    Root(#[source] rustls::Error),
    #[error("the HTTP client could not be built")]
    Client(#[source] reqwest::Error),
}

/// The client of the process: TLS 1.2 or newer, HTTP/1.1, no proxy, no redirects. Clones share one pool.
///
/// # Errors
/// When TLS or the client refuse their settings.
pub fn client() -> Result<reqwest::Client, BuildError> {
    client_with_roots([])
}

/// As [`client`], and also trusts these roots (DER): for a test or benchmark with a TLS server of its own.
///
/// # Errors
/// When a root is not a certificate, or TLS or the client refuse their settings.
pub fn client_with_roots(extra: impl IntoIterator<Item = Vec<u8>>) -> Result<reqwest::Client, BuildError> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for der in extra {
        roots.add(CertificateDer::from(der)).map_err(BuildError::Root)?;
    }
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(BuildError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        // Refused at `build` when this is not the rustls that reqwest was compiled with.
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CEILING)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(BuildError::Client)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    use super::*;
    use crate::sdk::tests::{answering, hanging};

    const CERTIFICATE: &[u8] = include_bytes!("../fixtures/localhost.cert.der");
    const KEY: &[u8] = include_bytes!("../fixtures/localhost.key.der");

    /// A TLS server for one connection; gives the port and, when joined, the protocol version it agreed on.
    fn tls_server() -> (u16, std::thread::JoinHandle<Option<rustls::ProtocolVersion>>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KEY.to_vec()));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key)
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream);
            let mut head = [0; 1024];
            let read = tls.read(&mut head).ok()?;
            assert!(head[..read].starts_with(b"GET / HTTP/1.1\r\n"));
            tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").ok()?;
            tls.flush().ok()?;
            tls.conn.protocol_version()
        });
        (port, server)
    }

    #[tokio::test]
    async fn a_certificate_outside_the_bundled_roots_is_refused() {
        let (port, server) = tls_server();
        let error = client().unwrap().get(format!("https://localhost:{port}/")).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(server.join().unwrap(), None);
    }

    #[tokio::test]
    async fn an_extra_root_is_trusted_and_tls_is_current() {
        let (port, server) = tls_server();
        let client = client_with_roots([CERTIFICATE.to_vec()]).unwrap();
        let answer = client.get(format!("https://localhost:{port}/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "ok");
        assert_eq!(server.join().unwrap(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert!(matches!(client_with_roots([b"no certificate".to_vec()]), Err(BuildError::Root(_))));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_not_an_order() {
        let (base, _requests) =
            answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
                .await;
        let answer = client().unwrap().get(base).send().await.unwrap();
        assert_eq!(answer.status(), 302);
    }

    #[tokio::test]
    async fn a_call_can_be_shorter_than_the_ceiling() {
        let base = hanging().await;
        let call = client().unwrap().get(base).timeout(Duration::from_millis(20));
        assert!(call.send().await.unwrap_err().is_timeout());
    }
}
