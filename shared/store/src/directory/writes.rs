//! A plan as the items of one transaction, each on condition that it is as it was read.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::audit::{Actor, AuditContext, AuditEvent};
use domain::directory::{
    AuditNote, ChangeStamp, Claim, Directory, DirectoryGroup, DirectoryUser, GateChange, Membership, Origin,
    Write,
};
use domain::{EventId, OrganizationId, Timestamp, User, UserId};
use serde::Serialize;

use super::current::Scene;
use crate::Store;
use crate::error::{Cause, StoreError};
use crate::item::{Item, encode, encode_at, number, text};
use crate::keys::{self, DirectoryKeys, Key};
use crate::schema;
use crate::tenants::{Pointer, REVISION};

/// In a gate: the state of each directory. In a user: what directories say of them.
const DIRECTORIES: &str = "directories";
/// What of a record shows that it was changed meanwhile.
const RECORD: &[&str] = &["version", "clock"];
const USER: &[&str] = &["generation", "revision"];
const CLAIM: &[&str] = &[REVISION];
/// What of a user directories decide; the rest is the logins'.
const DIRECTORYS: [&str; 10] = [
    "status",
    "generation",
    "revision",
    "email",
    "first_name",
    "last_name",
    "attributes",
    DIRECTORIES,
    "described_by",
    schema::TTL,
];

/// A condition with its values.
struct Guard {
    condition: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Guard {
    /// The item is as it was read, as far as these attributes tell.
    fn unchanged(item: Option<&Item>, attributes: &[&str]) -> Self {
        let mut guard = Self { condition: String::new(), names: HashMap::new(), values: HashMap::new() };
        let Some(item) = item else {
            guard.condition = "attribute_not_exists(pk)".into();
            return guard;
        };
        let mut terms = vec!["attribute_exists(pk)".to_owned()];
        for attribute in attributes {
            guard.names.insert(format!("#g_{attribute}"), (*attribute).to_owned());
            match item.get(*attribute) {
                Some(value) => {
                    terms.push(format!("#g_{attribute} = :g_{attribute}"));
                    guard.values.insert(format!(":g_{attribute}"), value.clone());
                }
                None => terms.push(format!("attribute_not_exists(#g_{attribute})")),
            }
        }
        guard.condition = terms.join(" AND ");
        guard
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

/// A claim, on condition that it is as it was read.
pub(crate) fn unchanged_claim(
    operation: &'static str,
    table: &str,
    key: &Key,
    claim: &Claim,
    read: Option<&Item>,
) -> Result<TransactWriteItem, StoreError> {
    guarded_put(operation, table, encode_at(operation, key, claim)?, &Guard::unchanged(read, CLAIM))
}

fn guarded_put(
    operation: &'static str,
    table: &str,
    item: Item,
    guard: &Guard,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(&guard.condition)
        .set_expression_attribute_names(guard.names())
        .set_expression_attribute_values(guard.values())
        .build()
        .map_err(|why| StoreError::unreadable(operation, why))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// One plan on its way to items.
struct Writer<'a> {
    store: &'a Store,
    operation: &'static str,
    origin: &'a Origin,
    stamp: &'a ChangeStamp,
    scene: &'a Scene,
    organization: &'a OrganizationId,
    now: Timestamp,
    items: Vec<TransactWriteItem>,
}

impl Store {
    pub(super) fn items(
        &self,
        operation: &'static str,
        origin: &Origin,
        stamp: &ChangeStamp,
        scene: &Scene,
        writes: Vec<Write>,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        // A plan with writes has found or made its directory, so one of the two is there.
        let Some(organization) = scene.organization.as_ref().or(origin.organization.as_ref()) else {
            return Ok(Vec::new());
        };
        let items = Vec::new();
        let mut writer = Writer { store: self, operation, origin, stamp, scene, organization, now, items };
        for write in writes {
            writer.write(write)?;
        }
        Ok(writer.items)
    }
}

impl Writer<'_> {
    fn write(&mut self, write: Write) -> Result<(), StoreError> {
        let (store, operation) = (self.store, self.operation);
        match write {
            Write::Tenant(tenant, gate) => {
                let absent = Some("attribute_not_exists(pk)");
                let meta = store.put(operation, &keys::tenant(&tenant.organization), &tenant, absent)?;
                self.items.push(meta);
                self.items.push(store.put(operation, &keys::gate(&tenant.organization), &gate, absent)?);
                store.add_index(operation, &tenant, &[], &mut self.items)
            }
            Write::Directory(directory) => self.directory(&directory),
            Write::Gate(change) => self.gate(&change),
            Write::Member(member) => self.member(&member),
            Write::User(user) => self.user(&user),
            Write::EndSessions(user) => self.end_sessions(&user),
            Write::Claim(key, claim) => {
                let key = keys::claim(self.organization, &key);
                if claim.holders.is_empty() {
                    self.remove(&key, CLAIM)
                } else {
                    self.replace(&key, &claim, CLAIM)
                }
            }
            Write::Group(group) => self.group(&group),
            Write::Membership(edge) => self.membership(&edge),
            Write::Notice(notice, order) => {
                let item = store.put_notice(operation, self.organization, &notice, order, self.now)?;
                self.items.push(item);
                Ok(())
            }
            Write::Audit(note) => self.audit(note),
        }
    }

    fn own(&self) -> DirectoryKeys<'_> {
        DirectoryKeys { organization: self.organization, directory: &self.origin.directory }
    }

    fn directory(&mut self, directory: &Directory) -> Result<(), StoreError> {
        let meta = self.own().meta();
        if self.scene.read.item(&meta).is_none() {
            let pointer = keys::directory_pointer(&directory.id);
            self.replace(&pointer, &Pointer { organization: directory.organization.clone() }, &[])?;
        }
        self.replace(&meta, directory, RECORD)
    }

    fn gate(&mut self, change: &GateChange) -> Result<(), StoreError> {
        let key = keys::gate(self.organization);
        let known = self.scene.read.item(&key).is_some_and(|gate| gate.contains_key(DIRECTORIES));
        let state = text(change.state.as_str());
        let mut update = self.update(&key).expression_attribute_names("#directories", DIRECTORIES);
        let raise = if change.raise_generation { ", generation = generation + :one" } else { "" };
        if change.raise_generation {
            update = update.expression_attribute_values(":one", number(1));
        }
        update = if known {
            update
                .update_expression(format!("SET #directories.#directory = :state{raise}"))
                .condition_expression("attribute_exists(#directories)")
                .expression_attribute_names("#directory", change.directory.as_str())
                .expression_attribute_values(":state", state)
        } else {
            let states = AttributeValue::M([(change.directory.to_string(), state)].into());
            update
                .update_expression(format!("SET #directories = :states{raise}"))
                .condition_expression("attribute_exists(pk) AND attribute_not_exists(#directories)")
                .expression_attribute_values(":states", states)
        };
        self.push_update(update)
    }

    fn member(&mut self, member: &DirectoryUser) -> Result<(), StoreError> {
        let key = self.own().user(&member.id);
        self.list(self.own().user_list(), member.id.as_str(), &key, member.expires_at)?;
        self.replace(&key, member, RECORD)
    }

    fn group(&mut self, group: &DirectoryGroup) -> Result<(), StoreError> {
        let key = self.own().group(&group.id);
        self.list(self.own().group_list(), group.id.as_str(), &key, group.expires_at)?;
        self.replace(&key, group, RECORD)
    }

    /// The entry of the list, when there is none yet or its end has moved.
    fn list(
        &mut self,
        partition: String,
        id: &str,
        record: &Key,
        ends: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let ends = ends.map(|end| number(end.seconds()));
        let before = self.scene.read.item(record).map(|item| item.get(schema::TTL).cloned());
        if before == Some(ends.clone()) {
            return Ok(());
        }
        let entry = keys::listed(partition, id);
        let mut item: Item = encode_at(self.operation, &entry, &HashMap::<String, String>::new())?;
        item.extend(ends.map(|end| (schema::TTL.to_owned(), end)));
        let put = Put::builder().table_name(&self.store.tables.identity).set_item(Some(item)).build();
        self.items.push(TransactWriteItem::builder().put(put.map_err(|why| self.broken(why))?).build());
        Ok(())
    }

    fn membership(&mut self, edge: &Membership) -> Result<(), StoreError> {
        let key = keys::listed(self.own().members(&edge.group), edge.member.as_str());
        let mut item = encode_at(self.operation, &key, edge)?;
        if edge.present {
            item.insert(schema::REVERSE.partition.into(), text(self.own().groups_of(&edge.member)));
            item.insert(schema::REVERSE.sort.into(), text(edge.group.as_str()));
        }
        self.put_item(&key, item, RECORD)
    }

    /// A user who is known is changed where directories have a say, and nowhere else.
    fn user(&mut self, user: &User) -> Result<(), StoreError> {
        let key = keys::user(self.organization, &user.id);
        if !self.scene.current.users.contains_key(&user.id) {
            return self.replace(&key, user, USER);
        }
        let item = encode(self.operation, user)?;
        let guard = Guard::unchanged(self.scene.read.item(&key), USER);
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        let mut update = self
            .update(&key)
            .condition_expression(&guard.condition)
            .set_expression_attribute_names(guard.names())
            .set_expression_attribute_values(guard.values());
        for name in DIRECTORYS {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match item.get(name) {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value.clone());
                }
                None => remove.push(format!("#{name}")),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        self.push_update(update.update_expression(expression))
    }

    fn end_sessions(&mut self, user: &UserId) -> Result<(), StoreError> {
        let update = self
            .update(&keys::user(self.organization, user))
            .update_expression("SET generation = generation + :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1));
        self.push_update(update)
    }

    fn audit(&mut self, note: AuditNote) -> Result<(), StoreError> {
        let random = |_| StoreError { operation: self.operation, cause: Cause::Random };
        let event = AuditEvent {
            id: self.store.rng.ulid(self.now).map_err(random)?,
            organization: self.organization.clone(),
            action: note.action,
            actor: Actor::Directory(self.origin.directory.clone()),
            session: None,
            context: AuditContext {
                location: "directory".into(),
                user_agent: String::new(),
                request_id: self.stamp.event().map(EventId::to_string).unwrap_or_default(),
            },
            details: note.details,
            occurred_at: self.now,
        };
        self.items.push(self.store.audit(self.operation, &event)?);
        Ok(())
    }

    fn replace<T: Serialize>(&mut self, key: &Key, value: &T, attributes: &[&str]) -> Result<(), StoreError> {
        let item = encode_at(self.operation, key, value)?;
        self.put_item(key, item, attributes)
    }

    fn put_item(&mut self, key: &Key, item: Item, attributes: &[&str]) -> Result<(), StoreError> {
        let guard = Guard::unchanged(self.scene.read.item(key), attributes);
        self.items.push(guarded_put(self.operation, &self.store.tables.identity, item, &guard)?);
        Ok(())
    }

    fn remove(&mut self, key: &Key, attributes: &[&str]) -> Result<(), StoreError> {
        let guard = Guard::unchanged(self.scene.read.item(key), attributes);
        let delete = Delete::builder()
            .table_name(&self.store.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .condition_expression(&guard.condition)
            .set_expression_attribute_names(guard.names())
            .set_expression_attribute_values(guard.values())
            .build()
            .map_err(|why| self.broken(why))?;
        self.items.push(TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }

    fn update(&self, key: &Key) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.store.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
    }

    fn push_update(
        &mut self,
        update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
    ) -> Result<(), StoreError> {
        let update = update.build().map_err(|why| self.broken(why))?;
        self.items.push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    fn broken(&self, why: aws_sdk_dynamodb::error::BuildError) -> StoreError {
        StoreError::unreadable(self.operation, why)
    }
}
