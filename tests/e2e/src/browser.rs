//! A browser: cookies, the headers of a navigation, and the clicks of a login.
//!
//! Redirects are never followed by themselves; a test says where it goes, and sees each step. Several tabs are several
//! requests of one browser; another browser is another [`Browser`].

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::to_bytes;
use domain::sha256;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, Method};
use url::{Url, form_urlencoded};
use vestibule::dev::gateway::Gateway;

use crate::answer::parameter;
use crate::{Answer, FLOW, Jar, SESSION, SetCookie};

const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
pub(crate) const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0";

/// How a browser reaches the product.
#[derive(Clone)]
pub(crate) enum Door {
    /// Over HTTP.
    Http,
    /// Another deployment's gateway, from an address of the test's choice.
    Gateway(Gateway, SocketAddr),
}

/// One browser. Clones are tabs of it.
#[derive(Clone)]
pub struct Browser {
    app: Url,
    http: reqwest::Client,
    door: Door,
    jar: Arc<Mutex<Jar>>,
}

/// A browser that has left for the IdP.
#[derive(Clone, Debug)]
pub struct Departure {
    /// The answer of `/login`.
    pub answer: Answer,
    /// Where it went.
    pub authorize: Url,
    pub state: String,
}

impl Departure {
    /// Name of the cookie that binds this login to its browser.
    pub fn cookie(&self) -> String {
        FLOW.chars().chain(sha256(&self.state).chars().take(10)).collect()
    }
}

impl Browser {
    pub(crate) fn new(app: Url, http: reqwest::Client, jar: Jar) -> Self {
        Self { app, http, door: Door::Http, jar: Arc::new(Mutex::new(jar)) }
    }

    /// The same browser, whose requests to the product go to another deployment of it.
    #[must_use]
    pub(crate) fn through(&self, door: Door) -> Self {
        Self { door, ..self.clone() }
    }

    pub fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on cookies are kept beyond their age.
    pub fn hoard(&self) {
        self.jar().hoards = true;
    }

    pub fn session_token(&self) -> Option<String> {
        self.jar().value(&self.app, SESSION)
    }

    /// Names of the pending logins' cookies.
    pub fn flows(&self) -> Vec<String> {
        self.jar().names(&self.app).into_iter().filter(|name| name.starts_with(FLOW)).collect()
    }

    /// A path of the product, or a whole URL.
    ///
    /// # Panics
    /// When it is neither.
    pub fn url(&self, to: impl AsRef<str>) -> Url {
        self.app.join(to.as_ref()).expect("a URL")
    }

    /// A request with this browser's cookies and no other header.
    pub fn ask(&self, method: &str, to: impl AsRef<str>) -> Request<'_> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Request { browser: self, method, url: self.url(to), headers: HeaderMap::new(), body: String::new() }
    }

    /// A document navigation: a click, a bookmark, a redirect.
    pub async fn get(&self, to: impl AsRef<str>) -> Answer {
        self.ask("GET", to).navigating().send().await
    }

    /// A script's or a back end's GET that wants JSON.
    pub async fn get_json(&self, to: impl AsRef<str>) -> Answer {
        self.ask("GET", to).header("accept", "application/json").send().await
    }

    /// A form on a page of the same site.
    pub async fn post_form(&self, to: impl AsRef<str>, fields: &[(&str, &str)]) -> Answer {
        let origin = self.url(to.as_ref()).origin().ascii_serialization();
        let request = self.ask("POST", to).navigating().form(fields);
        request.header("origin", &origin).header("sec-fetch-site", "same-origin").send().await
    }

    /// `GET /auth/session`.
    pub async fn session(&self) -> Answer {
        self.get_json("/auth/session").await
    }

    /// Starts a login that has to start.
    ///
    /// # Panics
    /// When it does not.
    pub async fn depart(&self, selector: &str) -> Departure {
        let answer = self.get(format!("/login?{selector}")).await;
        assert_eq!(answer.status, 303, "no login starts: {}", answer.body);
        let authorize = answer.location();
        let state = parameter(&authorize, "state").expect("a login has a state");
        Departure { answer, authorize, state }
    }

    /// Signs in at the IdP as this person. Gives the callback URL that the browser is sent to, and does not go there.
    pub async fn at_idp(&self, departure: &Departure, email: &str) -> Url {
        let arrived = self.get(departure.authorize.as_str()).await.location();
        if arrived.path() == "/auth/callback" {
            return arrived;
        }
        self.post_form(arrived.as_str(), &[("email", email)]).await.location()
    }

    /// A whole login. Gives the answer of the callback.
    pub async fn sign_in(&self, selector: &str, email: &str) -> Answer {
        let departure = self.depart(selector).await;
        let callback = self.at_idp(&departure, email).await;
        self.get(callback.as_str()).await
    }

    /// A whole login that has to succeed.
    ///
    /// # Panics
    /// When it does not.
    pub async fn signed_in(&self, selector: &str, email: &str) -> Answer {
        let answer = self.sign_in(selector, email).await;
        assert_eq!(answer.status, 303, "{email} is not signed in: {}", answer.body);
        assert!(answer.cookie(SESSION).is_some(), "{email} has no session");
        answer
    }
}

/// A request that is being put together.
pub struct Request<'a> {
    browser: &'a Browser,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: String,
}

impl Request<'_> {
    /// Adds a header, also beside another of the same name.
    ///
    /// # Panics
    /// When it cannot be one.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = value.parse().expect("a header value");
        self.headers.append(name, value);
        self
    }

    /// What browsers send when they load a document in a tab.
    #[must_use]
    pub fn navigating(self) -> Self {
        self.header("accept", ACCEPT)
            .header("user-agent", AGENT)
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
    }

    /// With a body as it stands.
    #[must_use]
    pub fn body(mut self, content_type: &str, text: &str) -> Self {
        text.clone_into(&mut self.body);
        self.header("content-type", content_type)
    }

    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sends it, and keeps the answer's cookies.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(mut self) -> Answer {
        let cookies = self.browser.jar().header(&self.url);
        if !cookies.is_empty() && !self.headers.contains_key(COOKIE) {
            self.headers.insert(COOKIE, cookies.parse().expect("cookies are a header"));
        }
        let (browser, url) = (self.browser, self.url.clone());
        let answer = match &browser.door {
            Door::Gateway(gateway, caller) if url.origin() == browser.app.origin() => {
                self.through(gateway, *caller).await
            }
            Door::Gateway(..) | Door::Http => self.over_http().await,
        };
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = SetCookie::parse(cookie.to_str().expect("cookies are ASCII"));
            browser.jar().take(&url, &cookie);
        }
        answer
    }

    async fn over_http(self) -> Answer {
        let Self { browser, method, url, headers, body } = self;
        let request = browser.http.request(method, url.clone()).headers(headers).body(body);
        let answer = request.send().await.expect("an answer over HTTP");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.expect("a whole answer");
        Answer { url, status, headers, body }
    }

    async fn through(self, gateway: &Gateway, caller: SocketAddr) -> Answer {
        let Self { method, url, headers, body, .. } = self;
        let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let mut request = http::Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().expect("a path and query");
        *request.headers_mut() = headers;
        let answer = gateway.call(caller, request).await.expect("the gateway answers");
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole answer");
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { url, status: parts.status.as_u16(), headers: parts.headers, body }
    }
}
