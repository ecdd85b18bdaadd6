//! What is known of directories, for those who compare, show or repair it.

use domain::directory::{Claim, ClaimKey, Directory, DirectoryGroup, DirectoryUser, Membership};
use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId, OrganizationId, Timestamp};
use serde::de::DeserializeOwned;

use crate::error::{StoreError, failed};
use crate::item::{Item, decode, key_of, text};
use crate::keys::{self, DirectoryKeys, Key};
use crate::schema;
use crate::tenants::Pointer;
use crate::{ItemPage, Store};

/// Records that one batch read takes.
const MOST: u16 = 100;

impl Store {
    /// A directory, by its id alone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directory(&self, directory: &DirectoryId) -> Result<Option<Directory>, StoreError> {
        let operation = "read directory";
        let Some(pointer) = self.get(operation, &keys::directory_pointer(directory)).await? else {
            return Ok(None);
        };
        let Pointer { organization } = decode(operation, pointer)?;
        let item =
            self.get(operation, &DirectoryKeys { organization: &organization, directory }.meta()).await?;
        item.map(|item| decode(operation, item)).transpose()
    }

    /// A directory's record of a person, while it counts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directory_user(
        &self,
        organization: &OrganizationId,
        directory: &DirectoryId,
        user: &DirectoryUserId,
        now: Timestamp,
    ) -> Result<Option<DirectoryUser>, StoreError> {
        let operation = "read directory user";
        let item = self.get(operation, &DirectoryKeys { organization, directory }.user(user)).await?;
        let user: Option<DirectoryUser> = item.map(|item| decode(operation, item)).transpose()?;
        Ok(user.filter(|user| user.expires_at.is_none_or(|end| end > now)))
    }

    /// A directory's records of people in the order of their ids, the ended ones included.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directory_users(
        &self,
        organization: &OrganizationId,
        directory: &DirectoryId,
        after: Option<&str>,
        limit: u16,
        now: Timestamp,
    ) -> Result<ItemPage<DirectoryUser>, StoreError> {
        let own = DirectoryKeys { organization, directory };
        let page = self.page("list directory users", own.user_list(), after, limit.min(MOST)).await?;
        let key = |id: &str| DirectoryUserId::parse(id).ok().map(|id| own.user(&id));
        let page = self.records("list directory users", page, key).await?;
        Ok(page.only(|user: &DirectoryUser| user.expires_at.is_none_or(|end| end > now)))
    }

    /// A directory's groups in the order of their ids, the deleted ones included.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn directory_groups(
        &self,
        organization: &OrganizationId,
        directory: &DirectoryId,
        after: Option<&str>,
        limit: u16,
        now: Timestamp,
    ) -> Result<ItemPage<DirectoryGroup>, StoreError> {
        let own = DirectoryKeys { organization, directory };
        let page = self.page("list directory groups", own.group_list(), after, limit.min(MOST)).await?;
        let key = |id: &str| DirectoryGroupId::parse(id).ok().map(|id| own.group(&id));
        let page = self.records("list directory groups", page, key).await?;
        Ok(page.only(|group: &DirectoryGroup| group.expires_at.is_none_or(|end| end > now)))
    }

    /// The memberships of a group in the order of the members' ids, the removed ones included.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn memberships(
        &self,
        organization: &OrganizationId,
        directory: &DirectoryId,
        group: &DirectoryGroupId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<ItemPage<Membership>, StoreError> {
        let operation = "list memberships";
        let partition = DirectoryKeys { organization, directory }.members(group);
        self.page(operation, partition, after, limit).await?.decoded(operation)
    }

    /// The groups that a directory has a person in. Through an index: what was written a moment ago may be missing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups_of(
        &self,
        organization: &OrganizationId,
        directory: &DirectoryId,
        user: &DirectoryUserId,
    ) -> Result<Vec<DirectoryGroupId>, StoreError> {
        let operation = "list groups of a person";
        let partition = DirectoryKeys { organization, directory }.groups_of(user);
        let (mut groups, mut start) = (Vec::new(), None);
        loop {
            let page = self
                .db
                .query()
                .table_name(&self.tables.identity)
                .index_name(schema::REVERSE.name)
                .key_condition_expression("#partition = :partition")
                .expression_attribute_names("#partition", schema::REVERSE.partition)
                .expression_attribute_values(":partition", text(&partition))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(failed(operation))?;
            for item in page.items.unwrap_or_default() {
                let group = item.get(schema::REVERSE.sort).and_then(|group| group.as_s().ok());
                groups.extend(group.and_then(|group| DirectoryGroupId::parse(group).ok()));
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(groups);
            }
        }
    }

    /// A claim, while it counts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn person_claim(
        &self,
        organization: &OrganizationId,
        key: &ClaimKey,
        now: Timestamp,
    ) -> Result<Option<Claim>, StoreError> {
        let operation = "read claim";
        let item = self.get(operation, &keys::claim(organization, key)).await?;
        let claim: Option<Claim> = item.map(|item| decode(operation, item)).transpose()?;
        Ok(claim.filter(|claim| claim.expires_at.is_none_or(|end| end > now)))
    }

    /// The records behind the entries of a list, in the list's order.
    async fn records<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        page: ItemPage<Item>,
        key: impl Fn(&str) -> Option<Key>,
    ) -> Result<ItemPage<T>, StoreError> {
        let keys: Vec<Key> =
            page.items.iter().filter_map(key_of).filter_map(|entry| key(&entry.sk)).collect();
        let mut found = if keys.is_empty() { Vec::new() } else { self.batch_get(operation, &keys).await? };
        let mut items = Vec::with_capacity(found.len());
        for key in keys {
            let place = found.iter().position(|(_, item)| key_of(item).as_ref() == Some(&key));
            if let Some(place) = place {
                items.push(decode(operation, found.swap_remove(place).1)?);
            }
        }
        Ok(ItemPage { items, next: page.next })
    }
}
