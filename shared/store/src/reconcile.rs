//! Work that one runner at a time does, piece by piece: how far it has come, and who has it in hand.
//!
//! Whoever takes a job holds it for a limited time, longer than a function lives: what a crash left behind can be taken
//! over and goes on where it stopped. Each step is written on condition that the job is still in the same hands and as
//! it was when this runner last saw it, so that one who has lost it without noticing moves nothing.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::clock::maybe_seconds;
use domain::{DirectoryId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{Item, decode, number, text};
use crate::keys::{self, Key};
use crate::schema;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Reading WorkOS's events.
    Events,
    /// Refreshing the tenants.
    Tenants,
    /// Comparing a directory with what WorkOS lists of it.
    Directory(DirectoryId),
}

/// A job in hand. The step that was written last is what the next one is conditioned on.
#[derive(Debug)]
pub struct Hold {
    job: Job,
    owner: String,
    written: Option<String>,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord<T> {
    pub step: Option<T>,
    /// Until when somebody has it in hand, if somebody does.
    pub held_until: Option<Timestamp>,
}

#[derive(Deserialize, Serialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    held_until: Option<Timestamp>,
}

impl Job {
    fn key(&self) -> Key {
        match self {
            Self::Events => keys::job("events"),
            Self::Tenants => keys::job("tenants"),
            Self::Directory(directory) => keys::job(directory.as_str()),
        }
    }
}

impl Hold {
    pub const fn job(&self) -> &Job {
        &self.job
    }
}

fn unmet(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}

fn read<T: DeserializeOwned>(operation: &'static str, step: &str) -> Result<T, StoreError> {
    serde_json::from_str(step).map_err(|why| StoreError::unreadable(operation, why))
}

impl Store {
    /// Takes a job in hand until then, and says how far it has come. `None` while somebody else has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_job<T: DeserializeOwned>(
        &self,
        job: Job,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(Hold, Option<T>)>, StoreError> {
        let operation = "take job";
        let key = job.key();
        let asked = self
            .db
            .update_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .condition_expression("attribute_not_exists(held_until) OR held_until <= :now OR #owner = :owner")
            .update_expression("SET #owner = :owner, held_until = :until, v = :version")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":now", number(now.seconds()))
            .expression_attribute_values(":until", number(until.seconds()))
            .expression_attribute_values(":version", number(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let item: Item = match asked {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error) if unmet(&error) => return Ok(None),
            Err(error) => return Err(failed(operation)(error)),
        };
        let Stored { step, .. } = decode(operation, item)?;
        let come = step.as_deref().map(|step| read(operation, step)).transpose()?;
        Ok(Some((Hold { job, owner: owner.to_owned(), written: step }, come)))
    }

    /// Writes how far a job in hand has come, and holds it until then. `false` when it is in other hands by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn step_job<T: Serialize + Sync>(
        &self,
        hold: &mut Hold,
        step: &T,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let operation = "write step of a job";
        let step = serde_json::to_string(step).map_err(|why| StoreError::unreadable(operation, why))?;
        let key = hold.job.key();
        let mut update = self
            .db
            .update_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .update_expression("SET step = :step, held_until = :until")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&hold.owner))
            .expression_attribute_values(":step", text(&step))
            .expression_attribute_values(":until", number(until.seconds()));
        // A write whose answer was lost is repeated by the SDK: it must find its own work and be content.
        let as_left = match &hold.written {
            Some(written) => {
                update = update.expression_attribute_values(":written", text(written));
                "(step = :written OR step = :step)"
            }
            None => "(attribute_not_exists(step) OR step = :step)",
        };
        let condition = format!("#owner = :owner AND {as_left}");
        match update.condition_expression(condition).send().await {
            Ok(_) => {
                hold.written = Some(step);
                Ok(true)
            }
            Err(error) if unmet(&error) => Ok(false),
            Err(error) => Err(failed(operation)(error)),
        }
    }

    /// Lets a job go, so that the next runner need not wait. Nothing happens when it is in other hands by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release_job(&self, hold: Hold) -> Result<(), StoreError> {
        let key = hold.job.key();
        let released = self
            .db
            .update_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .condition_expression("#owner = :owner")
            .update_expression("REMOVE #owner, held_until")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", AttributeValue::S(hold.owner))
            .send()
            .await;
        match released {
            Err(error) if !unmet(&error) => Err(failed("release job")(error)),
            _ => Ok(()),
        }
    }

    /// How a job stands. `None` when nobody ever took it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn job<T: DeserializeOwned>(
        &self,
        job: &Job,
        now: Timestamp,
    ) -> Result<Option<JobRecord<T>>, StoreError> {
        let operation = "read job";
        let Some(item) = self.get(operation, &job.key()).await? else { return Ok(None) };
        let Stored { step, held_until, .. } = decode(operation, item)?;
        Ok(Some(JobRecord {
            step: step.as_deref().map(|step| read(operation, step)).transpose()?,
            held_until: held_until.filter(|until| *until > now),
        }))
    }
}
