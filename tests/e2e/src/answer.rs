//! An HTTP answer as a test looks at it.

use http::HeaderMap;
use http::header::{LOCATION, SET_COOKIE};
use serde_json::Value;
use url::Url;

use crate::SetCookie;

/// A whole answer, read to the end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it came from.
    pub url: Url,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// The header's text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn cookies(&self) -> Vec<SetCookie> {
        let headers = self.headers.get_all(SET_COOKIE).iter();
        headers.map(|value| SetCookie::parse(value.to_str().expect("cookies are ASCII"))).collect()
    }

    /// The `Set-Cookie` of this name.
    pub fn cookie(&self, name: &str) -> Option<SetCookie> {
        self.cookies().into_iter().find(|cookie| cookie.name == name)
    }

    /// Where the browser is sent.
    ///
    /// # Panics
    /// When it is sent nowhere.
    pub fn location(&self) -> Url {
        let text = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let text =
            text.unwrap_or_else(|| panic!("{} does not redirect: {} {}", self.url, self.status, self.body));
        self.url.join(text).expect("a redirect leads to a URL")
    }

    /// # Panics
    /// When the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }

    /// The stable word of an error, from the page or from the problem.
    ///
    /// # Panics
    /// When the answer names none.
    pub fn code(&self) -> String {
        if self.header("content-type").starts_with("text/html") {
            let from = self.body.split_once("Code <code>").and_then(|(_, rest)| rest.split_once("</code>"));
            return from.map(|(code, _)| code.to_owned()).unwrap_or_else(|| panic!("no code: {}", self.body));
        }
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {}", self.body)).to_owned()
    }

    pub fn is_page(&self) -> bool {
        self.header("content-type").starts_with("text/html")
    }

    /// What a person clicks on the page: the target of the first button that is a link.
    ///
    /// # Panics
    /// When there is none.
    pub fn button(&self) -> Url {
        let href =
            self.body.split_once(r#"<a class="button" href=""#).and_then(|(_, rest)| rest.split_once('"'));
        let (href, _) = href.unwrap_or_else(|| panic!("no button: {}", self.body));
        let href = href.replace("&#38;", "&").replace("&amp;", "&");
        self.url.join(&href).expect("a button leads to a URL")
    }
}

/// A query parameter of a URL.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}
