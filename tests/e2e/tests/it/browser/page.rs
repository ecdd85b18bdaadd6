//! What a person does in a browser and sees in it, and what the browser sent and kept.
//!
//! Nothing here sleeps: what is not there yet is waited for, and not for long.

use std::time::Duration;

use domain::UserId;
use e2e::{FLOW, at};
use fantoccini::Locator;
use fantoccini::elements::Element;
use fantoccini::wd::WindowHandle;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::chromium::Chromium;

/// The longest that anything may take. Far more than it does, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A cookie as Chromium keeps it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) domain: String,
    pub(super) path: String,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    #[serde(default)]
    pub(super) same_site: Option<String>,
    /// Seconds since 1970.
    pub(super) expires: f64,
}

/// One request that left the browser, each hop of a redirect by itself.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) method: String,
    pub(super) url: String,
    /// Names of the cookies that went with it.
    pub(super) cookies: Vec<String>,
    /// Names of those that Chromium withheld, with its reasons.
    pub(super) withheld: Vec<(String, Vec<String>)>,
}

#[derive(Deserialize)]
struct Entry {
    message: String,
}

/// Where this browser signed in last.
pub(super) const LAST: &str = "__Host-last";

impl Chromium {
    pub(super) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Opens what is not a page, or is refused: the driver calls that an error.
    pub(super) async fn try_open(&self, url: &str) {
        drop(self.client.goto(url).await);
    }

    pub(super) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().into()
    }

    /// Waits for what an XPath expression describes.
    pub(super) async fn see(&self, xpath: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE).every(LOOK_EVERY);
        match wait.for_element(Locator::XPath(xpath)).await {
            Ok(element) => element,
            Err(why) => panic!("{xpath} is not at {}: {why}\n{}", self.address().await, self.text().await),
        }
    }

    pub(super) async fn see_heading(&self, heading: &str) {
        self.see(&format!("//h1[normalize-space()=\"{heading}\"]")).await;
    }

    /// Presses the button or follows the link with this text.
    pub(super) async fn press(&self, label: &str) {
        let xpath = format!("//*[self::a or self::button][normalize-space()=\"{label}\"]");
        self.see(&xpath).await.click().await.unwrap();
    }

    /// Presses the button that a screen reader calls this: "Fire Kim Novak" among many that show "Fire".
    pub(super) async fn press_named(&self, name: &str) {
        self.see(&format!("//button[@aria-label=\"{name}\"]")).await.click().await.unwrap();
    }

    /// Types into the field with this label, the first of the page.
    pub(super) async fn fill(&self, label: &str, text: &str) {
        let field = self.see(&format!("//label[text()=\"{label}\"]/input")).await;
        field.send_keys(text).await.unwrap();
    }

    /// Chooses a person on the mock IdP's page.
    pub(super) async fn be(&self, email: &str) {
        let xpath = format!("//button[@name=\"email\" and @value=\"{email}\"]");
        self.see(&xpath).await.click().await.unwrap();
    }

    /// Signs in at Acme through Okta and waits for the dashboard.
    pub(super) async fn sign_in(&self, app: &str, email: &str) {
        self.open(&format!("{app}/login?{}", at::OKTA)).await;
        self.be(email).await;
        self.see_dashboard().await;
    }

    pub(super) async fn see_dashboard(&self) {
        self.see("//*[@id='banner'][normalize-space()='Connected to Acme Corp']").await;
    }

    /// Whom the dashboard greets.
    pub(super) async fn shown_user(&self) -> UserId {
        UserId::parse(&self.see("//*[@id='user']").await.text().await.unwrap()).unwrap()
    }

    /// The page as a person reads it.
    pub(super) async fn text(&self) -> String {
        let text = self.run("return document.body ? document.body.innerText : ''").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(super) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// The status that the page came with.
    pub(super) async fn status(&self) -> u64 {
        self.run("return performance.getEntriesByType('navigation')[0].responseStatus")
            .await
            .as_u64()
            .unwrap()
    }

    /// Opens another tab and goes on there.
    pub(super) async fn another_tab(&self) -> WindowHandle {
        let tab = self.client.new_window(true).await.unwrap().handle;
        self.client.switch_to_window(tab.clone()).await.unwrap();
        tab
    }

    pub(super) async fn switch_to(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
    }

    async fn all_cookies(&self) -> Vec<Kept> {
        let answer = self.devtools("Storage.getCookies", json!({})).await;
        serde_json::from_value(answer["cookies"].clone()).unwrap()
    }

    /// All cookies of the profile, of every site, but for the hint where it signed in last: that outlives a session.
    pub(super) async fn cookies(&self) -> Vec<Kept> {
        self.all_cookies().await.into_iter().filter(|cookie| cookie.name != LAST).collect()
    }

    pub(super) async fn cookie(&self, name: &str) -> Option<Kept> {
        self.all_cookies().await.into_iter().find(|cookie| cookie.name == name)
    }

    /// The cookies of pending logins.
    pub(super) async fn flow_cookies(&self) -> Vec<Kept> {
        self.cookies().await.into_iter().filter(|cookie| cookie.name.starts_with(FLOW)).collect()
    }

    /// Puts a cookie there as if the product had set it.
    pub(super) async fn keep_cookie(&self, app: &str, name: &str, value: &str) {
        let cookie = json!({ "name": name, "value": value, "url": app, "path": "/", "secure": true, "httpOnly": true });
        self.devtools("Network.setCookie", cookie).await;
    }

    pub(super) async fn forget_cookie(&self, app: &str, name: &str) {
        self.devtools("Network.deleteCookies", json!({ "name": name, "url": app })).await;
    }

    /// What left the browser since the last time, in order.
    pub(super) async fn sent(&self) -> Vec<Sent> {
        let mut all: Vec<(String, Sent)> = Vec::new();
        let mut extra: Vec<(String, Value)> = Vec::new();
        for Entry { message } in self.log("performance").await {
            let event: Value = serde_json::from_str(&message).unwrap();
            let (method, parameters) = (&event["message"]["method"], &event["message"]["params"]);
            let id = parameters["requestId"].as_str().unwrap_or_default().to_owned();
            if method == "Network.requestWillBeSent" {
                let text = |name: &str| parameters["request"][name].as_str().unwrap_or_default().to_owned();
                let sent =
                    Sent { method: text("method"), url: text("url"), cookies: vec![], withheld: vec![] };
                all.push((id, sent));
            } else if method == "Network.requestWillBeSentExtraInfo" {
                extra.push((id, parameters["associatedCookies"].clone()));
            }
        }
        // The hops of a redirect share an id; both kinds of event come in the order of the hops.
        for (id, sent) in &mut all {
            let Some(at) = extra.iter().position(|(other, _)| other == id) else { continue };
            for cookie in extra.remove(at).1.as_array().into_iter().flatten() {
                let name = cookie["cookie"]["name"].as_str().unwrap_or_default().to_owned();
                let reasons: Vec<String> = serde_json::from_value(cookie["blockedReasons"].clone()).unwrap();
                if reasons.is_empty() {
                    sent.cookies.push(name);
                } else {
                    sent.withheld.push((name, reasons));
                }
            }
        }
        all.into_iter().map(|(_, sent)| sent).collect()
    }

    /// What the browser complained about in its console since the last time, except that a page came with a status of 400 or
    /// more.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let entries: Vec<Entry> = self.log("browser").await;
        let wanted = |text: &String| !text.contains("the server responded with a status of");
        entries.into_iter().map(|entry| entry.message).filter(wanted).collect()
    }
}

impl Sent {
    /// Path alone, for requests to this origin.
    pub(super) fn path(&self, origin: &str) -> Option<String> {
        let url = Url::parse(&self.url).ok()?;
        (url.origin().ascii_serialization() == origin).then(|| url.path().to_owned())
    }
}
