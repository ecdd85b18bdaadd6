//! TLS servers for `localhost`, with the certificate that the measured binaries trust.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Result;

const CERTIFICATE: &[u8] = include_bytes!("../fixtures/localhost.cert.der");
const KEY: &[u8] = include_bytes!("../fixtures/localhost.key.der");

/// Connections that are past their handshake.
struct Handshaken {
    streams: mpsc::Receiver<TlsStream<TcpStream>>,
    address: std::net::SocketAddr,
}

impl Listener for Handshaken {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.streams.recv().await {
            Some(stream) => (stream, self.address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Serves the router and gives its base URL. Counts handshakes.
pub(crate) async fn serve(router: Router, handshakes: Arc<AtomicUsize>) -> Result<String> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KEY.to_vec()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = tcp.local_addr()?;
    let (hand_over, streams) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let (acceptor, hand_over, handshakes) = (acceptor.clone(), hand_over.clone(), handshakes.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                if let Ok(stream) = acceptor.accept(stream).await {
                    handshakes.fetch_add(1, Ordering::Relaxed);
                    let _ = hand_over.send(stream).await;
                }
            });
        }
    });
    tokio::spawn(async move {
        let _ = axum::serve(Handshaken { streams, address }, router).await;
    });
    Ok(format!("https://localhost:{}", address.port()))
}
