//! A site that is not ours: an intranet with a link, a hostile page.
//!
//! It listens on loopback and answers under several names. For a browser `localhost` with another port is the same site
//! as the product, so cookies go along; `127.0.0.1` and `evil.localhost` are other sites.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use tokio::net::TcpListener;

pub(super) struct Site {
    port: u16,
}

impl Site {
    /// Serves each page's HTML under `/name`.
    pub(super) async fn serve(pages: &[(&str, String)]) -> Self {
        let pages: BTreeMap<String, String> =
            pages.iter().map(|(name, html)| ((*name).to_owned(), format!("<!doctype html>{html}"))).collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/{name}", get(page)).with_state(pages);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port }
    }

    /// The origin that this host is for a browser.
    pub(super) fn origin(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// The page as a page of this host.
    pub(super) fn page(&self, host: &str, name: &str) -> String {
        format!("http://{host}:{}/{name}", self.port)
    }
}

async fn page(State(pages): State<BTreeMap<String, String>>, Path(name): Path<String>) -> Response {
    match pages.get(&name) {
        Some(html) => Html(html.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
