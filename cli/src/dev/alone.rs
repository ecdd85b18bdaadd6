//! The sandbox without the product.

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::DevError;
use super::parts::{self, listen, port, serve};

/// A sandbox without the product, for anybody's tests.
pub struct SandboxAlone {
    pub url: String,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    deliveries: JoinHandle<()>,
}

impl SandboxAlone {
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        drop(self.server.await);
        drop(self.deliveries.await);
    }
}

/// Starts the sandbox alone. `redirect_uri` is where logins that start at the IdP land.
///
/// # Errors
/// When the port is taken or the redirect URI is not one.
pub async fn sandbox_alone(wanted: u16, redirect_uri: &str) -> Result<SandboxAlone, DevError> {
    let (stop, stopped) = watch::channel(false);
    let listener: TcpListener = listen(wanted, "--port").await?;
    let url = format!("http://localhost:{}", port(&listener, "--port")?);
    let sandbox = sandbox::Sandbox::new(sandbox::Options::local(&url, redirect_uri))?;
    let deliveries = parts::until(sandbox.clone().keep_delivering(), stopped.clone());
    let server = serve(listener, sandbox::router(sandbox), stopped);
    Ok(SandboxAlone { url, stop, server, deliveries })
}
