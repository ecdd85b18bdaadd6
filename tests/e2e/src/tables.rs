//! The tables as they are: what a request left behind, item by item.

use std::time::Duration;

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::tenant::TenantPolicy;
use serde_json::Value;

use crate::Stack;

/// Names that the local stack gives its tables.
pub(crate) const IDENTITY: &str = "vestibule-identity";
pub(crate) const EPHEMERAL: &str = "vestibule-ephemeral";

/// An item with all its attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Item(pub Value);

impl Item {
    /// A text attribute; empty when it is absent.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub fn number(&self, name: &str) -> i64 {
        self.0[name].as_i64().unwrap_or_default()
    }

    fn pk(&self) -> &str {
        self.text("pk")
    }

    fn sk(&self) -> &str {
        self.text("sk")
    }
}

impl Stack {
    /// Every item of a table.
    ///
    /// # Panics
    /// When the engine does not answer.
    async fn scan(&self, table: &str) -> Vec<Item> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let scan = self.running.store.client().scan().table_name(table).consistent_read(true);
            // A busy machine is no reason to fail; the limits of the functions are not under test here.
            let patient = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(60));
            let patient = patient.operation_timeout(Duration::from_secs(60)).build();
            let scan = scan.set_exclusive_start_key(start).customize();
            let scan = scan.config_override(aws_sdk_dynamodb::config::Builder::new().timeout_config(patient));
            let page = scan.send().await.expect("the engine answers");
            for item in page.items.unwrap_or_default() {
                items.push(Item(serde_dynamo::from_item(item).expect("items are values")));
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return items;
            }
        }
    }

    /// Every item of both tables.
    pub async fn everything(&self) -> Vec<Item> {
        let mut items = self.scan(IDENTITY).await;
        items.extend(self.scan(EPHEMERAL).await);
        items
    }

    async fn identity(&self, wanted: impl Fn(&Item) -> bool) -> Vec<Item> {
        self.scan(IDENTITY).await.into_iter().filter(wanted).collect()
    }

    pub async fn sessions(&self) -> Vec<Item> {
        self.identity(|item| item.pk().contains("#U#") && item.sk().starts_with("S#")).await
    }

    pub async fn users(&self) -> Vec<Item> {
        // What a directory says of a person is a record of its own, under the directory.
        let of_ours = |item: &Item| item.pk().contains("#U#") && !item.pk().contains("#D#");
        self.identity(|item| of_ours(item) && item.sk() == "META").await
    }

    /// The links from identities to users.
    pub async fn links(&self) -> Vec<Item> {
        self.identity(|item| item.pk().contains("#I#")).await
    }

    /// Audit actions in the order of their happening.
    pub async fn audit(&self) -> Vec<Item> {
        let mut events = self.identity(|item| item.pk().contains("#A#")).await;
        events.sort_by(|one, other| one.sk().cmp(other.sk()));
        events
    }

    pub async fn tenants(&self) -> Vec<Item> {
        self.identity(|item| {
            item.pk().starts_with("O#") && !item.pk()[2..].contains('#') && item.sk() == "META"
        })
        .await
    }

    /// The gate of a tenant.
    ///
    /// # Panics
    /// When there is none.
    pub async fn gate(&self, organization: &str) -> Item {
        let pk = format!("O#{organization}");
        let found = self.identity(|item| item.pk() == pk && item.sk() == "GATE").await;
        found.into_iter().next().expect("the tenant has a gate")
    }

    /// What an operator has set for Acme: all of the tenant's policy, in place of what it was.
    ///
    /// # Panics
    /// When it is none.
    pub async fn set_policy(&self, policy: Value) {
        let policy: TenantPolicy = serde_json::from_value(policy).expect("a policy");
        let policy = serde_dynamo::to_attribute_value(policy).expect("a policy is an item");
        self.set(&self.gate("org_01SANDBOXACME").await, "policy", policy).await;
    }

    /// Everything in the ephemeral table: pending logins and counters.
    pub async fn ephemeral(&self) -> Vec<Item> {
        self.scan(EPHEMERAL).await
    }

    /// Pending logins.
    pub async fn logins(&self) -> Vec<Item> {
        self.ephemeral().await.into_iter().filter(|item| item.pk().starts_with("L#")).collect()
    }

    /// Overwrites one attribute of an item. Items without a sort key are the ephemeral table's.
    ///
    /// # Panics
    /// When the engine does not answer.
    pub async fn set(&self, item: &Item, name: &str, value: AttributeValue) {
        let table = if item.sk().is_empty() { EPHEMERAL } else { IDENTITY };
        let sort = (!item.sk().is_empty()).then(|| AttributeValue::S(item.sk().to_owned()));
        let update = self.running.store.client().update_item().table_name(table);
        let update = match sort {
            Some(sort) => update.key("sk", sort),
            None => update,
        };
        update
            .key("pk", AttributeValue::S(item.pk().to_owned()))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .expect("the engine answers");
    }

    /// What a leaver's event does: inactive, and a generation up.
    pub async fn deactivate(&self, user: &Item) {
        self.set(user, "status", AttributeValue::S("inactive".to_owned())).await;
        self.set(user, "generation", AttributeValue::N((user.number("generation") + 1).to_string())).await;
    }
}
