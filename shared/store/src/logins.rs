//! Pending logins: put once, taken once.
//!
//! The key is the SHA-256 of `state`; the taker must also hold the secret of the browser that started. Both
//! are checked by the delete itself, so that a leaked state cannot burn the login of the person it belongs to,
//! and of any number of parallel callbacks one gets the item (R02-R04).

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{Login, Timestamp};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{decode, encode, number, text};
use crate::{keys, schema};

/// What taking a pending login came to.
#[derive(Debug)]
pub enum Taken {
    Login(Box<Login>),
    /// No such login: never started, already used, or swept.
    Absent,
    /// It is there, but belongs to another browser. It stays.
    Foreign,
    /// It is there, but too old.
    Expired,
}

impl Store {
    /// # Errors
    /// When the database does not answer.
    pub async fn put_login(&self, state_hash: &str, login: &Login) -> Result<(), StoreError> {
        let operation = "put login";
        let mut item = encode(operation, login)?;
        item.insert(schema::PARTITION.into(), keys::login(state_hash));
        self.db
            .put_item()
            .table_name(&self.tables.ephemeral)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(failed(operation))?;
        Ok(())
    }

    /// Takes the login out of the table, if it is this browser's and alive. One round trip.
    ///
    /// # Errors
    /// When the database does not answer. The SDK must not retry this call: a first try whose answer was lost may
    /// have deleted the login, and the second would then blame the person's state for it.
    pub async fn take_login(
        &self,
        state_hash: &str,
        browser_hash: &str,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let operation = "take login";
        let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = self
            .db
            .delete_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::login(state_hash))
            .condition_expression("browser_hash = :browser AND expires_at > :now")
            .expression_attribute_values(":browser", text(browser_hash))
            .expression_attribute_values(":now", number(now.seconds()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .config_override(once)
            .send()
            .await;
        match answer {
            Ok(output) => match output.attributes {
                Some(item) => Ok(Taken::Login(Box::new(decode(operation, item)?))),
                None => Ok(Taken::Absent),
            },
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_conditional_check_failed_exception() => {
                    let kept = match error.into_service_error() {
                        aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException(
                            failure,
                        ) => failure.item,
                        _ => None,
                    };
                    let Some(item) = kept.filter(|item| !item.is_empty()) else { return Ok(Taken::Absent) };
                    let login: Login = decode(operation, item)?;
                    Ok(if login.browser_hash == browser_hash { Taken::Expired } else { Taken::Foreign })
                }
                _ => Err(failed(operation)(error)),
            },
        }
    }
}
