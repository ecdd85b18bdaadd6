//! The app's webhook: one signed POST, answered by a 2xx or not taken.
//!
//! The address is the operator's, never a tenant's. Still: https, except on this machine; no redirect is followed, so an
//! answer cannot choose where the names of people are sent; the answer's body is not read, so it cannot fill the memory.

use std::time::Duration;

use domain::Clock;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use store::OutboxNotice;
use tokens::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WebhookSecrets};
use url::{Host, Url};
use web::{Secret, SecretError};

/// The app takes a message first and works on it later.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) url: Url,
    pub(crate) secrets: Secret<WebhookSecrets>,
    pub(crate) http: reqwest::Client,
}

/// Why the app does not have a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("the app answered {0}")]
    Refused(StatusCode),
    #[error("the app is not reached")]
    Unreachable,
    #[error("the app does not answer in time")]
    Timeout,
    #[error("the app's webhook secret: {0}")]
    Secret(#[from] SecretError),
}

/// The text is no address for the names of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an https URL without user name, password or fragment; http only for this machine")]
pub(crate) struct NotAnAddress;

pub(crate) fn address(text: &str) -> Result<Url, NotAnAddress> {
    let url = Url::parse(text).map_err(|_| NotAnAddress)?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(NotAnAddress),
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && here);
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if scheme && plain { Ok(url) } else { Err(NotAnAddress) }
}

impl Webhook {
    pub(crate) async fn send(
        &self,
        notice: &OutboxNotice,
        body: &str,
        clock: &Clock,
    ) -> Result<(), NotTaken> {
        let secrets = self.secrets.get().await?;
        let now = clock.now();
        let sent = self
            .http
            .post(self.url.clone())
            .timeout(PATIENCE)
            .header(CONTENT_TYPE, "application/json")
            .header(WEBHOOK_ID, &notice.id)
            .header(WEBHOOK_TIMESTAMP, now.seconds())
            .header(WEBHOOK_SIGNATURE, secrets.sign(&notice.id, now, body.as_bytes()))
            .body(body.to_owned())
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(NotTaken::Refused(answer.status())),
            Err(error) if error.is_timeout() => Err(NotTaken::Timeout),
            Err(_) => Err(NotTaken::Unreachable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_leave_encrypted_or_not_at_all() {
        for fine in [
            "https://app.example.com/webhooks/vestibule?tenant=1",
            "https://10.0.0.7:8443/",
            "http://localhost:3000/hooks",
            "http://127.0.0.1:3000/",
            "http://[::1]:3000/",
        ] {
            assert!(address(fine).is_ok(), "{fine}");
        }
        for bad in [
            "http://app.example.com/",
            "http://localhost.example.com/",
            "http://169.254.169.254/",
            "https://user:password@app.example.com/",
            "https://app.example.com/#part",
            "ftp://app.example.com/",
            "file:///etc/passwd",
            "app.example.com",
            "",
        ] {
            assert_eq!(address(bad), Err(NotAnAddress), "{bad}");
        }
    }
}
