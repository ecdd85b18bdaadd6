//! HTTP glue shared by the functions: settings, request context, answers, pages, cookies, logs, the Lambda entry.
//!
//! A function brings routes and handlers; [`layers`] gives every answer the same headers, ids and error shape, under
//! Lambda and on localhost alike. What a handler needs of a request it takes as [`Ctx`] and [`Navigation`]. No rule
//! about logins or sessions lives here.

pub mod aws;
pub mod config;
pub mod context;
pub mod cookies;
pub mod cors;
mod edge;
mod event;
mod headers;
pub mod lambda;
mod layers;
pub mod metrics;
pub mod navigation;
pub mod origin;
pub mod pages;
mod platform;
pub mod problem;
pub mod secrets;
pub mod telemetry;

pub use config::{Reader, Site, Vars};
pub use context::{Answer, ClientAddress, Ctx};
pub use headers::X_REQUEST_ID;
pub use layers::{Shared, layers};
pub use metrics::Metrics;
pub use navigation::Navigation;
pub use pages::{Link, Page};
pub use platform::{Platform, logged};
pub use problem::Problem;
pub use secrets::{Secret, SecretError, Secrets, SecretsError};
