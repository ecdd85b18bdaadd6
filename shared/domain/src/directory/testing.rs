//! Values for the tests of this module.

use super::DirectoryState;
use crate::clock::Timestamp;
use crate::email::EmailAddress;
use crate::ids::{DirectoryId, OrganizationId, UserId};
use crate::tenant::Gate;
use crate::user::User;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::parse("org_acme").unwrap()
}

pub(crate) fn user_id(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(crate) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// An active user without links who has never signed in.
pub(crate) fn user(id: &str, email: Option<&str>) -> User {
    User { email: email.map(address), ..User::provisioned(user_id(id), organization(), 0, NOW) }
}

pub(crate) fn gate(directories: &[(&str, DirectoryState)]) -> Gate {
    let states = directories.iter().map(|(id, state)| (DirectoryId::parse(id).unwrap(), state.clone()));
    Gate { directories: states.collect(), ..Gate::new(organization()) }
}
