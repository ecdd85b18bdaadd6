//! One Chromium with a profile of its own for each test, and its chromedriver.
//!
//! Both are gone when the value is dropped, also when the test panics: chromedriver is asked to leave, then killed, and
//! Chromium ends when the pipe to its driver closes. Everything that they write lies in one temporary folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use web::Vars;

/// For root, in a container, without calls home; the pipe ties Chromium's life to its driver's.
const ARGUMENTS: [&str; 6] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--remote-debugging-pipe",
    "--window-size=1280,900",
];

/// How long chromedriver and Chromium may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// Starts of chromedriver before the test gives up.
const TRIES: u8 = 5;

/// A running browser. The verbs are in `page.rs`.
pub(super) struct Chromium {
    pub(super) client: Client,
    _driver: Driver,
}

/// What is different from the usual browser.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) arguments: Vec<String>,
    /// Settings of the profile, such as blocked cookies.
    pub(super) preferences: Value,
    /// Certificates that nobody signed are fine: the test's own server has one.
    pub(super) any_certificate: bool,
}

impl Chromium {
    /// `None` where browser tests are left out.
    pub(super) async fn start() -> Option<Self> {
        Self::start_with(Setup::default()).await
    }

    pub(super) async fn start_with(setup: Setup) -> Option<Self> {
        if !wanted() {
            return None;
        }
        let driver = Driver::start();
        let arguments: Vec<&str> =
            ARGUMENTS.into_iter().chain(setup.arguments.iter().map(String::as_str)).collect();
        let preferences = if setup.preferences.is_null() { json!({}) } else { setup.preferences };
        let capabilities = json!({
            "acceptInsecureCerts": setup.any_certificate,
            "goog:chromeOptions": { "args": arguments, "prefs": preferences },
            "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
        });
        let capabilities: Capabilities = serde_json::from_value(capabilities).unwrap();
        let url = format!("http://127.0.0.1:{}", driver.port);
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&url).await.unwrap();
        Some(Self { client, _driver: driver })
    }

    /// A command of the Chrome DevTools Protocol.
    pub(super) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        self.vendor("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What was logged since the last time. The kinds are `performance` (network events) and `browser` (the console).
    pub(super) async fn log<T: DeserializeOwned>(&self, kind: &str) -> Vec<T> {
        serde_json::from_value(self.vendor("se/log", json!({ "type": kind })).await).unwrap()
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Vendor { path, body }).await.unwrap()
    }
}

/// Once for the whole run, past the capture of test output.
fn wanted() -> bool {
    static LEFT_OUT: Once = Once::new();
    match Vars::from_process().get("VESTIBULE_BROWSER") {
        Some("chromium") => true,
        Some(other) => panic!("VESTIBULE_BROWSER={other}: only chromium is known"),
        None => {
            LEFT_OUT.call_once(|| {
                let line = b"browser tests are left out; VESTIBULE_BROWSER=chromium runs them\n";
                std::io::stderr().write_all(line).unwrap();
            });
            false
        }
    }
}

/// A chromedriver on a port that it chose itself.
struct Driver {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Driver {
    /// chromedriver wants one port for both IP versions and gives up when it is free in one of them only; the next try
    /// gets another.
    fn start() -> Self {
        (0..TRIES)
            .find_map(|_| Self::try_start())
            .unwrap_or_else(|| panic!("chromedriver finds no port to listen on"))
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| {
                panic!("chromedriver does not start ({why}); is chromium-driver installed?")
            });
        // From here on it is killed whatever happens.
        let mut driver = Self { process, port: 0, folder };
        let output = driver.process.stdout.take()?;
        driver.port = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        })?;
        Some(driver)
    }

    /// `/shutdown` ends the sessions, so that no Chromium writes into the folder while it is removed.
    fn ask_to_leave(&mut self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(FAREWELL))?;
        write!(stream, "GET /shutdown HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.ask_to_leave());
        drop(self.process.kill());
        drop(self.process.wait());
        // Chromium's last process may still write its last file.
        let since = Instant::now();
        while std::fs::remove_dir_all(self.folder.path()).is_err()
            && self.folder.path().exists()
            && since.elapsed() < FAREWELL
        {
            std::thread::yield_now();
        }
    }
}

/// A WebDriver command that only chromedriver has.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
