//! The words and rules of Vestibule. Pure: no HTTP, no AWS, no async, no clock but the one handed in.

pub mod audit;
#[cfg(test)]
mod boundaries;
pub mod clock;
pub mod directory;
pub mod email;
pub mod entry;
pub mod ids;
pub mod login;
pub mod login_trace;
#[cfg(test)]
mod properties;
pub mod return_url;
pub mod rng;
pub mod routing;
pub mod session;
pub mod tenant;
pub mod tenant_change;
pub mod tenant_settings;
pub mod user;

pub use clock::{Clock, Timestamp};
pub use email::{Domain, EmailAddress, InvalidEmail};
pub use ids::{
    ConnectionId, DirectoryGroupId, DirectoryId, DirectoryUserId, EventId, InvalidId, OrganizationId,
    ProfileId, SessionId, UserId,
};
pub use login::{Login, Provider, Selector};
pub use login_trace::LoginTrace;
pub use return_url::{InvalidOrigin, Origin, RefusedReturnUrl, ReturnPolicy, ReturnUrl};
pub use rng::{Rng, RngError, sha256, ulid_moment, ulid_of};
pub use session::Session;
pub use tenant::{Gate, Profile, Tenant};
pub use tenant_change::TenantChange;
pub use tenant_settings::TenantSettings;
pub use user::{IdentityKey, User};
