//! What the end-to-end tests drive the product with: a whole stack in memory, browsers, and ways to break things.
//!
//! Everything under test is real: the functions behind their event translation, the database engine, the sandbox, all
//! over HTTP. What is made here is the world around them: browsers with a cookie jar of their own, a clock that
//! stands until it is moved, a proxy that loses or holds database calls. Nothing here may repair what the product
//! answers; a harness that is kinder than a browser hides defects.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a harness that cannot go on fails the test"
)]

mod answer;
mod browser;
mod deployment;
pub mod dsync;
mod jar;
pub mod measure;
mod operator;
mod proxy;
pub mod runtime_api;
mod sandbox_control;
mod stack;
mod tables;
mod traffic;

pub use answer::Answer;
pub use browser::{Browser, Departure, Request};
pub use deployment::{API_KEY_SECRET, Deployment, SIGNING_KEYS_SECRET, WEBHOOK_SECRET};
pub use jar::{Jar, SetCookie};
pub use operator::operator_of;
pub use proxy::{DatabaseProxy, Fault, Held};
pub use sandbox_control::{Arrived, SandboxControl};
pub use stack::Stack;
pub use tables::Item;
pub use traffic::Traffic;

/// Organizations and connections of the sandbox's seed, as selectors of a login.
pub mod at {
    pub const OKTA: &str = "connection=conn_01SANDBOXACMEOKTA";
    pub const ENTRA: &str = "connection=conn_01SANDBOXACMEENTRA";
    pub const ACME: &str = "organization=org_01SANDBOXACME";
    pub const GLOBEX: &str = "organization=org_01SANDBOXGLOBEX";
    pub const WAYFARER: &str = "organization=org_01SANDBOXWAYFARER";
    pub const INITECH: &str = "organization=org_01SANDBOXINITECH";
    pub const ACME_BY_GOOGLE: &str = "provider=GoogleOAuth&organization=org_01SANDBOXACME";
}

/// The session cookie of a stack on one host.
pub const SESSION: &str = "__Host-session";
/// What the names of flow cookies begin with.
pub const FLOW: &str = "__Host-login-";
