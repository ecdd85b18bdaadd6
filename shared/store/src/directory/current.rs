//! Reads what a change may touch: consistently, in as few round trips as the way from a record to its user and from
//! an address to its holders allows. The items are kept as they were read, for the conditions of the write.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::directory::{Claim, ClaimKey, Current, Directory, DirectoryChange, Origin};
use domain::{OrganizationId, Timestamp, User, UserId};
use serde::de::DeserializeOwned;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, decode};
use crate::keys::{self, DirectoryKeys, Key};
use crate::schema;
use crate::tenants::Pointer;

/// A batch read takes a hundred keys.
const KEYS_A_BATCH: usize = 100;

/// Everything a change may touch, as values and as items.
pub(super) struct Scene {
    /// Whose the directory is, where that is known.
    pub(super) organization: Option<OrganizationId>,
    pub(super) current: Current,
    pub(super) read: Read,
}

/// Items by key; `None` where there is none.
#[derive(Default)]
pub(super) struct Read(HashMap<Key, Option<Item>>);

impl Read {
    pub(super) fn item(&self, key: &Key) -> Option<&Item> {
        self.0.get(key).and_then(Option::as_ref)
    }

    fn value<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        self.item(key).cloned().map(|item| decode(operation, item)).transpose()
    }
}

impl Store {
    pub(super) async fn scene(
        &self,
        operation: &'static str,
        origin: &Origin,
        change: &DirectoryChange,
        now: Timestamp,
    ) -> Result<Scene, StoreError> {
        let mut read = Read::default();
        let pointer = keys::directory_pointer(&origin.directory);
        let organization = match &origin.organization {
            Some(named) => named.clone(),
            None => {
                self.add(operation, &mut read, vec![pointer.clone()]).await?;
                match read.value::<Pointer>(operation, &pointer)? {
                    Some(found) => found.organization,
                    None => return Ok(Scene { organization: None, current: Current::default(), read }),
                }
            }
        };
        let own = DirectoryKeys { organization: &organization, directory: &origin.directory };
        let claim = |key: &ClaimKey| keys::claim(&organization, key);
        let mut claims: Vec<ClaimKey> = Vec::new();
        if let Some(record) = change.record() {
            claims.extend(record.idp_id.clone().filter(|id| !id.is_empty()).map(ClaimKey::IdpId));
            claims.extend(record.email.as_ref().map(ClaimKey::email));
        }
        let mut wanted =
            vec![pointer.clone(), own.meta(), keys::tenant(&organization), keys::gate(&organization)];
        let member = change.member().map(|id| own.user(id));
        let group = change.group().map(|id| own.group(id));
        let edge = change.group().zip(change.member());
        let edge = edge.map(|(group, member)| keys::listed(own.members(group), member.as_str()));
        wanted.extend(claims.iter().map(claim));
        wanted.extend([&member, &group, &edge].into_iter().flatten().cloned());
        self.add(operation, &mut read, wanted).await?;

        let directory = self.directory_in(operation, &mut read, &pointer, own).await?;
        let mut current = Current {
            directory,
            tenant: read.value(operation, &keys::tenant(&organization))?,
            gate: read.value(operation, &keys::gate(&organization))?,
            ..Current::default()
        };
        let live = |end: Option<Timestamp>| end.is_none_or(|end| end > now);
        if let Some(key) = &member {
            let found = read.value::<domain::directory::DirectoryUser>(operation, key)?;
            current.member = found.filter(|member| live(member.expires_at));
        }
        if let Some(key) = &group {
            let found = read.value::<domain::directory::DirectoryGroup>(operation, key)?;
            current.group = found.filter(|group| live(group.expires_at));
        }
        if let Some(key) = &edge {
            let found = read.value::<domain::directory::Membership>(operation, key)?;
            current.membership = found.filter(|edge| live(edge.expires_at));
        }
        // Only changes of a person reach users and claims; a membership tells no more than whose it is.
        if change.group().is_none()
            && let Some(member) = &current.member
        {
            claims.extend(member.idp_id.clone().map(ClaimKey::IdpId));
            claims.extend(member.email.as_ref().map(ClaimKey::email));
        }
        let linked = current.member.as_ref().and_then(|member| member.user.clone());
        let linked = linked.filter(|_| change.group().is_none());
        self.people(operation, &organization, &mut read, &mut current, linked, claims, now).await?;
        let organization = current.directory.as_ref().map(|directory| directory.organization.clone());
        Ok(Scene { organization, current, read })
    }

    /// The directory, under the organization that it is said to have or under the one that really has it.
    async fn directory_in(
        &self,
        operation: &'static str,
        read: &mut Read,
        pointer: &Key,
        own: DirectoryKeys<'_>,
    ) -> Result<Option<Directory>, StoreError> {
        let Some(owner) = read.value::<Pointer>(operation, pointer)? else { return Ok(None) };
        let owned = DirectoryKeys { organization: &owner.organization, directory: own.directory };
        self.add(operation, read, vec![owned.meta()]).await?;
        read.value(operation, &owned.meta())
    }

    /// Claims lead to users, and users to the claims on the addresses they have: until nothing new turns up.
    #[expect(clippy::too_many_arguments, reason = "one step of one function, apart for its loop")]
    async fn people(
        &self,
        operation: &'static str,
        organization: &OrganizationId,
        read: &mut Read,
        current: &mut Current,
        linked: Option<UserId>,
        mut claims: Vec<ClaimKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut users: Vec<UserId> = linked.iter().cloned().collect();
        loop {
            let wanted = claims.iter().map(|key| keys::claim(organization, key));
            let wanted = wanted.chain(users.iter().map(|user| keys::user(organization, user))).collect();
            let more = self.add(operation, read, wanted).await?;
            current.claims = BTreeMap::new();
            for key in &claims {
                let claim = read.value::<Claim>(operation, &keys::claim(organization, key))?;
                let claim = claim.filter(|claim| claim.expires_at.is_none_or(|end| end > now));
                current.claims.extend(claim.map(|claim| (key.clone(), claim)));
            }
            current.users = BTreeMap::new();
            for id in &users {
                let user = read.value::<User>(operation, &keys::user(organization, id))?;
                current.users.extend(user.filter(|user| !user.expired(now)).map(|user| (id.clone(), user)));
            }
            let holders = current.claims.values().flat_map(|claim| claim.users().into_iter().cloned());
            let known = linked.as_ref().and_then(|id| current.users.get(id));
            let address = known.and_then(|user| user.email.as_ref()).map(ClaimKey::email);
            let before = (users.len(), claims.len());
            for id in holders {
                if !users.contains(&id) {
                    users.push(id);
                }
            }
            claims.extend(address.filter(|key| !claims.contains(key)));
            if !more && before == (users.len(), claims.len()) {
                return Ok(());
            }
        }
    }

    /// Reads what is not read yet. `false` when that was nothing.
    async fn add(
        &self,
        operation: &'static str,
        read: &mut Read,
        mut wanted: Vec<Key>,
    ) -> Result<bool, StoreError> {
        wanted.retain(|key| !read.0.contains_key(key));
        for key in &wanted {
            read.0.insert(key.clone(), None);
        }
        let mut missing: Vec<Key> = Vec::new();
        for key in wanted {
            if !missing.contains(&key) {
                missing.push(key);
            }
        }
        for some in missing.chunks(KEYS_A_BATCH) {
            for (sk, item) in self.batch_get(operation, some).await? {
                let pk = item.get(schema::PARTITION).and_then(|pk: &AttributeValue| pk.as_s().ok());
                let key = pk.map(|pk| Key { pk: pk.clone(), sk });
                read.0.extend(key.map(|key| (key, Some(item))));
            }
        }
        Ok(!missing.is_empty())
    }
}
