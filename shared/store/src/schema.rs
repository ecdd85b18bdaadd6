//! The shape of the two tables. The deployment template declares the same; a test compares the two.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TimeToLiveSpecification,
};

use crate::error::{StoreError, failed};

pub const PARTITION: &str = "pk";
pub const SORT: &str = "sk";
/// The TTL attribute of both tables, in seconds since 1970. Sweeping is late by hours or days, so every reader
/// checks it as well (R66).
pub const TTL: &str = "expires_at";
/// Schema version of an item.
pub const VERSION: &str = "v";

/// Index of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) partition: &'static str,
    pub(crate) sort: &'static str,
}

/// From a person to their groups. Keys only; may lag.
pub(crate) const REVERSE: Index = Index { name: "gsi1", partition: "gsi1pk", sort: "gsi1sk" };
/// The notices that are owed to the app: sparse, since a delivered one has no `pending`. Keys only; may lag.
pub(crate) const PENDING: Index = Index { name: "pending", partition: "pending", sort: "due" };

/// The events that were handled, by day and moment. Of the ephemeral table. Keys only; may lag.
pub(crate) const SEEN: Index = Index { name: "seen", partition: "seen", sort: "handled" };

/// What a table looks like, as far as the code depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableShape {
    pub partition: String,
    pub sort: Option<String>,
    pub ttl: String,
    /// Stream view type, where the table has a stream.
    pub stream: Option<String>,
    /// Global secondary indexes, all of them keys only.
    pub indexes: Vec<IndexShape>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexShape {
    pub name: String,
    pub partition: String,
    pub sort: String,
}

impl Index {
    fn shape(self) -> IndexShape {
        IndexShape { name: self.name.into(), partition: self.partition.into(), sort: self.sort.into() }
    }
}

pub fn identity() -> TableShape {
    TableShape {
        partition: PARTITION.into(),
        sort: Some(SORT.into()),
        ttl: TTL.into(),
        stream: Some("NEW_AND_OLD_IMAGES".into()),
        indexes: vec![REVERSE.shape(), PENDING.shape()],
    }
}

pub fn ephemeral() -> TableShape {
    TableShape {
        partition: PARTITION.into(),
        sort: None,
        ttl: TTL.into(),
        stream: None,
        indexes: vec![SEEN.shape()],
    }
}

/// Makes a table of a local stack. A table that exists already is left as it is.
///
/// # Errors
/// When the engine refuses.
pub async fn create(db: &Client, name: &str, shape: &TableShape) -> Result<(), StoreError> {
    let operation = "create table";
    let broken = |why: aws_sdk_dynamodb::error::BuildError| StoreError::unreadable(operation, why);
    let mut request = db.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let element = |attribute: &String, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(attribute).key_type(kind).build().map_err(broken)
    };
    let mut attributes: Vec<&String> =
        [Some(&shape.partition), shape.sort.as_ref()].into_iter().flatten().collect();
    request = request.key_schema(element(&shape.partition, KeyType::Hash)?);
    if let Some(sort) = &shape.sort {
        request = request.key_schema(element(sort, KeyType::Range)?);
    }
    for index in &shape.indexes {
        attributes.extend([&index.partition, &index.sort]);
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(&index.name)
            .key_schema(element(&index.partition, KeyType::Hash)?)
            .key_schema(element(&index.sort, KeyType::Range)?)
            .projection(keys_only)
            .build()
            .map_err(broken)?;
        request = request.global_secondary_indexes(index);
    }
    for attribute in attributes {
        let definition = AttributeDefinition::builder()
            .attribute_name(attribute)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(broken)?;
        request = request.attribute_definitions(definition);
    }
    if let Some(view) = &shape.stream {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::from(view.as_str()))
            .build()
            .map_err(broken)?;
        request = request.stream_specification(stream);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => {
            return Ok(());
        }
        Err(error) => return Err(failed(operation)(error)),
    }
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(&shape.ttl)
        .build()
        .map_err(broken)?;
    db.update_time_to_live()
        .table_name(name)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(failed("set time to live"))?;
    Ok(())
}
