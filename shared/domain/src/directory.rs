//! Directory sync: what a customer's directory says of people and groups, and what follows from it here.
//!
//! Two inputs speak of directories: WorkOS's signed `dsync.*` events, and a SCIM client. Both are turned into
//! [`DirectoryChange`] values, and one pure function, [`plan()`], says what each of them does to what is known now.
//! The store reads the [`Current`] state, asks, and executes the [`Plan`] in one transaction.
//!
//! What must never happen here: a leaver who stays in because events came late, twice or in another order; two
//! records of one person because a login and a provisioning met; one tenant's directory touching another tenant.

mod attributes;
mod audit;
mod change;
mod claims;
mod join;
mod model;
mod notice;
mod plan;
mod retention;
mod stamp;
mod standing;
#[cfg(test)]
mod testing;

pub use attributes::{AttributeMap, Attributes, InvalidAttributeMap, custom_attributes};
pub use audit::AuditNote;
pub use change::{
    DirectoryChange, DirectoryRecord, GroupRecord, Ignored, Origin, Outcome, Report, UserRecord,
};
pub use claims::{Claim, ClaimKey, Holder, Via};
pub use join::{AtLogin, Evidence, Known, Newcomer, at_login, for_directory_user, leaver_address};
pub use model::{
    Directory, DirectoryGroup, DirectorySource, DirectoryState, DirectoryUser, DirectoryUserState, Membership,
};
pub use notice::{
    DirectoryNotice, DirectoryUserNotice, GroupNotice, MembershipNotice, Notice, NoticeKind, UserNotice,
};
pub use plan::{Current, GateChange, Plan, Terms, Write, plan};
pub use retention::Retention;
pub use stamp::{ChangeStamp, EventClock, Order};
pub use standing::DirectoryLink;
