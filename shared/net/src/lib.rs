//! The one way out of the process: TLS, HTTP client, and the time a call may take.
//!
//! A function builds one client in its init phase and hands clones of it to everything that talks: WorkOS's
//! client and, through [`SdkHttp`], the AWS SDK. One TLS configuration on ring with bundled roots, because a
//! second stack, AWS-LC's first random number or the system's certificate store each cost more than all of
//! our own code. No proxy and no redirect, ever: a variable in the environment or an answer from outside must
//! not choose where a key is sent.

mod client;
mod deadline;
mod sdk;

pub use client::{BuildError, CONNECT_TIMEOUT, client, client_with_roots};
pub use deadline::Deadline;
pub use sdk::SdkHttp;
