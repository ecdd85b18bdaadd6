//! Directories' changes against the embedded engine: what the plans promise holds in the tables.

mod events;
mod people;
mod seen;
mod tenants;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::directory::{
    ChangeStamp, DirectoryChange, DirectorySource, DirectoryUserState, Origin, Outcome, Report, Retention,
    UserRecord,
};
use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId, EventId, OrganizationId, Timestamp, User};
use store::{Applier, Store};

use crate::support::{NOW, organization};

pub(crate) fn origin() -> Origin {
    Origin { directory: directory_id(), organization: Some(acme()), source: DirectorySource::Dsync }
}

pub(crate) fn acme() -> OrganizationId {
    organization("org_acme")
}

pub(crate) fn directory_id() -> DirectoryId {
    DirectoryId::parse("directory_1").unwrap()
}

pub(crate) fn member(id: &str) -> DirectoryUserId {
    DirectoryUserId::parse(&format!("directory_user_{id}")).unwrap()
}

pub(crate) fn group(id: &str) -> DirectoryGroupId {
    DirectoryGroupId::parse(&format!("directory_group_{id}")).unwrap()
}

pub(crate) fn event(n: u32) -> EventId {
    EventId::parse(&format!("event_{n:04}")).unwrap()
}

/// The nth event, one second after the one before.
pub(crate) fn stamp(n: u32) -> ChangeStamp {
    ChangeStamp::Clocked { at: at(n), event: event(n) }
}

pub(crate) fn at(n: u32) -> Timestamp {
    NOW.plus(Duration::from_secs(n.into()))
}

/// `ada`, `ada@acme.com`, idp id `idp-ada`.
pub(crate) fn person(id: &str, email: &str) -> UserRecord {
    UserRecord {
        id: member(id),
        idp_id: Some(format!("idp-{id}")),
        email: UserRecord::address(email),
        first_name: Some("Ada".into()),
        last_name: None,
        state: DirectoryUserState::Active,
        custom: BTreeMap::new(),
    }
}

pub(crate) fn upsert(record: UserRecord) -> DirectoryChange {
    DirectoryChange::UpsertUser(record)
}

pub(crate) fn delete(record: UserRecord) -> DirectoryChange {
    DirectoryChange::DeleteUser { user: record.id.clone(), record: Some(record) }
}

pub(crate) fn applier(store: &Store) -> Applier {
    Applier::new(store.clone(), Retention::default())
}

pub(crate) async fn apply(store: &Store, change: DirectoryChange, n: u32) -> Outcome {
    report(store, change, n).await.outcome
}

pub(crate) async fn report(store: &Store, change: DirectoryChange, n: u32) -> Report {
    applier(store).apply(&origin(), &change, &stamp(n), at(n)).await.unwrap()
}

/// The user whom the directory's record leads to.
pub(crate) async fn user_of(store: &Store, id: &str) -> User {
    let record = store.directory_user(&acme(), &directory_id(), &member(id), NOW).await.unwrap().unwrap();
    store.user(&acme(), &record.user.unwrap()).await.unwrap().unwrap()
}
