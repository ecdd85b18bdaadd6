//! Vestibule's state in two DynamoDB tables, one file per concern.
//!
//! The **identity** table holds what must not be lost: tenants, users, identities, sessions, audit items, public
//! keys. The **ephemeral** table holds what may: pending logins and rate counters. Every write that depends on
//! a read carries a condition; one-time things are consumed by a delete that returns them; expiry is checked
//! in code and never left to the TTL sweep (R65, R66). Keys are built in [`keys`] alone and start with the tenant.

mod audit;
mod directory;
mod door;
mod error;
mod finding;
mod item;
mod keys;
mod limits;
mod logins;
mod moves;
mod paging;
mod public_keys;
mod purges;
mod reconcile;
pub mod schema;
mod sessions;
mod sign_ins;
mod tenant_settings;
mod tenants;
mod traces;
mod users;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use domain::Rng;

pub use directory::{Applier, OUTBOX_SHARDS, OutboxNotice, SeenEvent, SeenPage, TenantEvent, TenantOutcome};
pub use door::{ClaimWrite, Door};
pub use error::{Cause, StoreError};
pub use finding::TenantPage;
pub use limits::{Limit, Limiter, Verdict};
pub use logins::Taken;
pub use moves::{ConnectionPerson, MoveGrant, Moved, PeoplePage};
pub use paging::ItemPage;
pub use public_keys::KeyCache;
pub use purges::Swept;
pub use reconcile::{Hold, Job, JobRecord};
pub use sessions::SessionFacts;
pub use sign_ins::{SessionAndUser, SignIn, SignInPage, SignInPlace};
pub use tenant_settings::SettingsOutcome;
pub use tenants::{TenantEntry, TenantRecord};
pub use traces::TraceWrite;
pub use users::{CommitOutcome, LoginCommit, Register, SessionRef, UserWrite};

/// Names of the two tables.
#[derive(Clone, Debug)]
pub struct Tables {
    pub identity: String,
    pub ephemeral: String,
}

/// The door to both tables. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Client,
    tables: Tables,
    rng: Rng,
}

impl Store {
    pub fn new(config: &SdkConfig, tables: Tables, rng: Rng) -> Self {
        Self { db: Client::new(config), tables, rng }
    }

    /// The client itself, for making the tables of a local stack.
    pub fn client(&self) -> &Client {
        &self.db
    }
}
