//! Somebody at the door: who they are by their identity, and who may be meant by their idp id, their address or an
//! operator's move.
//!
//! One batch read for identity, claims and move, one for the users that those lead to; the second is left out where
//! nobody is known. Directories put down the same claims, so a login and a provisioning of one person meet here. The
//! tenant's gate is read again with the users: a directory that ended a moment ago must not let its people in.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::directory::{Claim, ClaimKey, Holder, Via};
use domain::{EmailAddress, Gate, IdentityKey, OrganizationId, Timestamp, User, UserId};

use crate::Store;
use crate::directory::unchanged_claim;
use crate::error::StoreError;
use crate::item::{Item, decode, key_of};
use crate::keys::{self, Key};
use crate::moves::MoveGrant;
use crate::users::Link;

/// What is known of somebody at the door. Users who have been forgotten are not among them.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// Whom the identity leads to.
    pub linked: Option<UserId>,
    /// Leave to join an account that came through another connection.
    pub grant: Option<MoveGrant>,
    pub users: BTreeMap<UserId, User>,
    /// The gate as it was with the users; absent where nobody is known.
    pub gate: Option<Gate>,
    idp: Found,
    email: Found,
}

/// A claim as it was read.
#[derive(Clone, Debug, Default)]
struct Found {
    claim: Claim,
    item: Option<Item>,
}

/// A claim that a login puts down, on condition that it is as it was read.
#[derive(Clone, Debug)]
pub struct ClaimWrite {
    key: ClaimKey,
    claim: Claim,
    read: Option<Item>,
}

impl Door {
    /// The claim on the idp id.
    pub fn by_idp_id(&self) -> &Claim {
        &self.idp.claim
    }

    /// The claim on the address.
    pub fn by_email(&self) -> &Claim {
        &self.email.claim
    }

    /// The user whom the identity led to and who has been forgotten.
    pub fn forgotten(&self) -> Option<&UserId> {
        self.linked.as_ref().filter(|linked| !self.users.contains_key(*linked))
    }

    /// The claims of this user that are not put down yet: the idp id, and the address where it is theirs.
    pub fn claims(&self, identity: &IdentityKey, email: &EmailAddress, user: &User) -> Vec<ClaimWrite> {
        let holder = Holder { user: user.id.clone(), via: Via::Connection(identity.connection.clone()) };
        let missing = |key: ClaimKey, found: &Found| {
            let mut claim = found.claim.with(holder.clone());
            if claim.holders == found.claim.holders {
                return None;
            }
            claim.revision = claim.revision.saturating_add(1);
            // Somebody who is here holds it: it has no end.
            claim.expires_at = None;
            Some(ClaimWrite { key, claim, read: found.item.clone() })
        };
        let by_id = missing(ClaimKey::IdpId(identity.idp_id.clone()), &self.idp);
        let by_email =
            user.has_address(email).then(|| missing(ClaimKey::email(email), &self.email)).flatten();
        by_id.into_iter().chain(by_email).collect()
    }
}

impl Store {
    /// Reads what is known of a person who comes with this identity and address: in two round trips, or one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn door(
        &self,
        identity: &IdentityKey,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<Door, StoreError> {
        let operation = "read who is at the door";
        let organization = &identity.organization;
        let link = keys::identity(identity);
        let idp = keys::claim(organization, &ClaimKey::IdpId(identity.idp_id.clone()));
        let address = keys::claim(organization, &ClaimKey::email(email));
        let grant = keys::move_grant(organization, &identity.connection, email);
        let wanted = [link.clone(), idp.clone(), address.clone(), grant.clone()];
        let mut door = Door::default();
        for (_, item) in self.batch_get(operation, &wanted).await? {
            match key_of(&item) {
                Some(key) if key == link => door.linked = Some(decode::<Link>(operation, item)?.user),
                Some(key) if key == idp => door.idp = found(operation, item, now)?,
                Some(key) if key == address => door.email = found(operation, item, now)?,
                Some(key) if key == grant => {
                    let grant: MoveGrant = decode(operation, item)?;
                    door.grant = Some(grant).filter(|grant| grant.expires_at > now);
                }
                _ => {}
            }
        }
        // Whoever has a link needs no leave.
        door.grant = door.grant.filter(|_| door.linked.is_none());
        let mut users: Vec<&UserId> = door.linked.iter().collect();
        users.extend(door.grant.iter().map(|grant| &grant.user));
        users.extend([&door.idp.claim, &door.email.claim].into_iter().flat_map(Claim::users));
        users.sort_unstable();
        users.dedup();
        if users.is_empty() {
            return Ok(door);
        }
        let gate = keys::gate(organization);
        let mut wanted: Vec<Key> = users.into_iter().map(|user| keys::user(organization, user)).collect();
        wanted.push(gate.clone());
        for (_, item) in self.batch_get(operation, &wanted).await? {
            if key_of(&item).as_ref() == Some(&gate) {
                door.gate = Some(decode(operation, item)?);
                continue;
            }
            let user: User = decode(operation, item)?;
            if !user.expired(now) {
                door.users.insert(user.id.clone(), user);
            }
        }
        Ok(door)
    }

    pub(crate) fn put_claim(
        &self,
        operation: &'static str,
        organization: &OrganizationId,
        write: &ClaimWrite,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::claim(organization, &write.key);
        unchanged_claim(operation, &self.tables.identity, &key, &write.claim, write.read.as_ref())
    }
}

/// A claim that has ended holds nobody; its revision goes on.
fn found(operation: &'static str, item: Item, now: Timestamp) -> Result<Found, StoreError> {
    let claim: Claim = decode(operation, item.clone())?;
    let live = claim.expires_at.is_none_or(|end| end > now);
    let ended = |claim: Claim| Claim { revision: claim.revision, ..Claim::default() };
    Ok(Found { claim: if live { claim } else { ended(claim) }, item: Some(item) })
}
