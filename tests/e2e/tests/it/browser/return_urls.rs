//! Return URLs where it matters: Chromium follows a redirect to each one that we accept, and stays at home (R08).
//!
//! The library that reads a return URL and the browser that follows it are two parsers, and an open redirect is what
//! lies between them. Here the browser has the last word: whatever name it decides on leads to one server, and the
//! page that arrives says which origin it believes to be of.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, Redirect};
use axum::routing::get;
use axum::serve::Listener;
use domain::{Origin, ReturnPolicy, Rng};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::chromium::{Chromium, Setup};

const HOSTILE: &str = include_str!("../../../../../shared/domain/tests/corpus/return_urls_hostile.txt");
const LEGITIMATE: &str = include_str!("../../../../../shared/domain/tests/corpus/return_urls_legitimate.txt");
const CERTIFICATE: &[u8] = include_bytes!("../../../../../shared/net/fixtures/localhost.cert.der");
const KEY: &[u8] = include_bytes!("../../../../../shared/net/fixtures/localhost.key.der");

/// A deployed product and a local one: the public origin and another that is allowed.
const DEPLOYED: [&str; 2] = ["https://app.example.com", "https://admin.example.com:8443"];
const LOCAL: [&str; 2] = ["http://localhost:8080", "http://localhost:3000"];

/// What URLs are made of when somebody means harm, written as in the corpus.
const PIECES: &str = concat!(
    r"/ // ./ ../ % %2f %2F %5c %09 %0a %0d%0a %20 %2e %252f %255c %25 %40 %3a %23 %3f . .. @ : :: ? ?? # ## ; & = [ ] ",
    r"* | ' ( ) { } ^ ~ ! $ , + _ http: https: https:// javascript: data: app.example.com admin.example.com:8443 ",
    r"localhost:8080 127.0.0.1 evil.example @evil.example //evil.example .evil.example :443 :8443 \u{ff0f} \u{3002} ",
    r"\u{430} \u{e9} \u{1f642} login auth logout a %c3%a9 %e2%80%ae %ff"
);

const STRAY: &str = "https://evil.example/";

/// Generated URLs for each pair of origins.
const GENERATED: usize = 120;

fn policy([public, other]: [&str; 2]) -> ReturnPolicy {
    let [public, other] = [public, other].map(|text| Origin::parse(text).unwrap());
    ReturnPolicy::new(public, vec![other], None).unwrap()
}

/// The URLs of a corpus file; the hostile one says how it is written.
fn corpus(file: &str, [public, other]: [&str; 2]) -> Vec<String> {
    let host = public.split_once("://").unwrap().1;
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let filled = lines.map(|line| {
        line.replace("{origin}", public)
            .replace("{ORIGIN}", &public.to_uppercase())
            .replace("{host}", host)
            .replace("{other}", other)
    });
    filled.map(|line| unescape(&line)).collect()
}

fn unescape(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\\') {
        let (code, after) = match escape.chars().next() {
            Some('x') => escape[1..].split_at(2),
            Some('u') => escape[2..].split_once('}').unwrap(),
            _ => ("5c", &escape[1..]),
        };
        text.push_str(before);
        text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        rest = after;
    }
    text + rest
}

/// URLs that nobody thought of: legitimate and hostile ones with pieces put in anywhere, as far as they are accepted.
fn generated(origins: [&str; 2]) -> BTreeSet<String> {
    let rng = Rng::seeded(8);
    let below = |limit: usize| {
        let [a, b] = rng.bytes().unwrap();
        usize::from(u16::from_be_bytes([a, b])) % limit
    };
    let pieces: Vec<String> = PIECES.split(' ').map(unescape).collect();
    let stems = [corpus(LEGITIMATE, origins), corpus(HOSTILE, origins)].concat();
    let policy = policy(origins);
    let mut accepted = BTreeSet::new();
    while accepted.len() < GENERATED {
        let mut text: Vec<char> = stems[below(stems.len())].chars().collect();
        for _ in 0..=below(4) {
            let at = below(text.len() + 1);
            text.splice(at..at, pieces[below(pieces.len())].chars());
        }
        accepted.extend(policy.check(&String::from_iter(text)).ok().map(|url| url.as_str().to_owned()));
    }
    accepted
}

/// Accepts TLS connections; one that fails is no reason to stop.
struct Tls(TcpListener, TlsAcceptor);

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.0.accept().await else { continue };
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

fn tls() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KEY.to_vec()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Answers every path with a page, and `/-/N` with a redirect to the Nth URL, as the callback does.
fn router(urls: Vec<String>) -> Router {
    let follow = |State(urls): State<Arc<Vec<String>>>, Path(index): Path<usize>| async move {
        Redirect::to(&urls[index])
    };
    let arrived = || async { Html("<!doctype html><title>Arrived</title>") };
    Router::new().route("/-/{index}", get(follow)).fallback(arrived).with_state(Arc::new(urls))
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Follows each URL, and returns those that led elsewhere, with what the page there says.
async fn follow(browser: &Chromium, origins: [&str; 2], urls: &[String]) -> Vec<(String, String)> {
    let mut strayed = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        let home = origins.into_iter().find(|origin| url.starts_with(&format!("{origin}/")));
        browser.try_open(&format!("{}/-/{index}", origins[0])).await;
        let page =
            browser.run("return [document.title, document.location.origin, document.location.href]").await;
        // Chromium encodes two letters in paths that the library leaves alone.
        let letters = |url: &str| url.replace("%5E", "^").replace("%7C", "|");
        let (title, origin, href) = (page[0].as_str(), page[1].as_str(), page[2].as_str().map(letters));
        if title != Some("Arrived") || origin != home || href != Some(letters(url)) {
            strayed.push((url.clone(), page.to_string()));
        }
    }
    strayed
}

/// R08, R24: Chromium follows every URL that we accept to the origin that we read in it, and to the letter.
#[tokio::test]
async fn no_accepted_url_leaves_its_origin() {
    let (secure, secure_port) = listener().await;
    let (plain, plain_port) = listener().await;
    // Every name leads here, so a URL that strays is seen and not followed into the world.
    let rules = format!("MAP localhost 127.0.0.1:{plain_port}, MAP * 127.0.0.1:{secure_port}");
    let setup = Setup {
        arguments: vec![format!("--host-resolver-rules={rules}")],
        any_certificate: true,
        ..Setup::default()
    };
    let Some(browser) = Chromium::start_with(setup).await else { return };
    let [deployed, local] = [DEPLOYED, LOCAL].map(|origins| {
        let policy = policy(origins);
        let accepted = |url: &String| policy.check(url).unwrap().as_str().to_owned();
        let mut urls: Vec<String> = corpus(LEGITIMATE, origins).iter().map(accepted).collect();
        urls.extend(generated(origins));
        // One that does leave, to show that leaving is noticed.
        urls.push(STRAY.to_owned());
        urls
    });
    tokio::spawn({
        let router = router(deployed.clone());
        async move { axum::serve(Tls(secure, tls()), router).await }
    });
    tokio::spawn({
        let router = router(local.clone());
        async move { axum::serve(plain, router).await }
    });
    for (origins, urls) in [(DEPLOYED, deployed), (LOCAL, local)] {
        let strayed = follow(&browser, origins, &urls).await;
        let page = format!(r#"["Arrived","https://evil.example","{STRAY}"]"#);
        assert_eq!(strayed, [(STRAY.to_owned(), page)]);
    }
}

/// R08: the hostile corpus gives Chromium nothing to follow.
#[test]
fn nothing_of_the_hostile_corpus_is_accepted() {
    for origins in [DEPLOYED, LOCAL] {
        let policy = policy(origins);
        let accepted: Vec<String> =
            corpus(HOSTILE, origins).into_iter().filter(|url| policy.check(url).is_ok()).collect();
        assert_eq!(accepted, Vec::<String>::new());
    }
}
