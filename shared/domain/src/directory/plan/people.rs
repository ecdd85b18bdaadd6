//! A person of a directory: joined to a user of ours, described, deactivated, brought back.
//!
//! The directory user and the user it is joined to are written together with the claims that lead to them. The join
//! is made once and stays: neither a changed address nor a changed idp id moves it (R46). The write that ends a
//! person's activity raises the user's generation, so there is no moment in which the record says "gone" and a
//! session still lives (R58).

use std::collections::BTreeMap;

use super::{Plan, Scene, Write};
use crate::audit::AuditAction;
use crate::clock::Timestamp;
use crate::directory::attributes::{AttributeMap, Attributes};
use crate::directory::audit::AuditNote;
use crate::directory::change::{Outcome, UserRecord};
use crate::directory::claims::{Claim, ClaimKey, Holder, Via};
use crate::directory::join::{Evidence, Known, Newcomer, for_directory_user};
use crate::directory::model::{DirectorySource, DirectoryUser, DirectoryUserState};
use crate::directory::notice::{Notice, UserNotice};
use crate::directory::standing::DirectoryLink;
use crate::email::EmailAddress;
use crate::ids::{DirectoryUserId, UserId};
use crate::tenant::Gate;
use crate::user::{User, clip};

/// What a directory says of a person, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Labels {
    idp_id: Option<String>,
    email: Option<EmailAddress>,
    first_name: Option<String>,
    last_name: Option<String>,
    attributes: Attributes,
}

/// How a directory user came to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joining {
    /// Long ago.
    Before,
    Now(Evidence),
    /// There was nobody to join.
    Fresh,
}

/// The user before and after.
struct Person<'a> {
    joining: Joining,
    before: Option<&'a User>,
    after: User,
    was: bool,
    is: bool,
}

impl Scene<'_> {
    pub(super) fn person(
        &self,
        id: &DirectoryUserId,
        state: DirectoryUserState,
        said: Option<&UserRecord>,
    ) -> Plan {
        let before = self.current.member.as_ref();
        if let Some(outcome) = self.late(before.map(|member| (member.version, member.clock.as_ref()))) {
            return Plan::only(outcome);
        }
        let labels = match said {
            Some(record) => Labels::said(record, &self.ground.gate.policy.attributes),
            None => before.map(Labels::of).unwrap_or_default(),
        };
        let person = self.meant(id, state, said.is_some(), &labels);
        let user = person.as_ref().map(|person| person.after.id.clone());
        let user = user.or_else(|| before.and_then(|member| member.user.clone()));
        let mut after = self.member(id, state, &labels, user);
        let unchanged = before.is_some_and(|before| same(before, &after));
        let mut writes = self.ground.writes.clone();
        let about = person.map(|person| self.consequences(id, &labels, person)).unwrap_or_default();
        if unchanged && about.is_empty() {
            writes.push(Write::Member(after));
            return Plan { outcome: Outcome::NoChange, writes };
        }
        after.version = after.version.saturating_add(1);
        after.updated_at = self.terms.now;
        let outcome = if before.is_none() && after.user.is_none() {
            // An end without a beginning: only its clock is kept.
            Outcome::NoChange
        } else {
            Outcome::Applied { version: after.version }
        };
        writes.push(Write::Member(after));
        writes.extend(about);
        Plan { outcome, writes }
    }

    /// The directory's record as it will be, with the version it has.
    fn member(
        &self,
        id: &DirectoryUserId,
        state: DirectoryUserState,
        labels: &Labels,
        user: Option<UserId>,
    ) -> DirectoryUser {
        let (before, now) = (self.current.member.as_ref(), self.terms.now);
        let directory = &self.ground.directory;
        // A SCIM client reads its inactive people back; of WorkOS's only the clock is needed once they are not active.
        let scim = directory.source == DirectorySource::Scim && state != DirectoryUserState::Deleted;
        let kept = if state.active() || scim { labels.clone() } else { labels.identifier() };
        let ends = if state.active() || scim {
            None
        } else if state == DirectoryUserState::Deleted {
            Some(self.terms.retention.memory_ends(now))
        } else {
            self.terms.retention.claims_end(now)
        };
        DirectoryUser {
            id: id.clone(),
            directory: directory.id.clone(),
            organization: directory.organization.clone(),
            state,
            user,
            idp_id: kept.idp_id,
            email: kept.email,
            first_name: kept.first_name,
            last_name: kept.last_name,
            attributes: kept.attributes,
            version: before.map_or(0, |before| before.version),
            clock: self.stamp.clock().or_else(|| before.and_then(|before| before.clock.clone())),
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: before.map_or(now, |before| before.updated_at),
            expires_at: ends,
        }
    }

    /// The user that is meant, before and after. `None` when nothing is known of the person, or when they left long
    /// ago, have been forgotten, and this is no return.
    fn meant(
        &self,
        id: &DirectoryUserId,
        state: DirectoryUserState,
        described: bool,
        labels: &Labels,
    ) -> Option<Person<'_>> {
        let (user, joining) = self.join(described, labels)?;
        let before = self.current.users.get(&user);
        if before.is_none() && joining == Joining::Before && !state.active() {
            return None;
        }
        let base = before.cloned().unwrap_or_else(|| self.unknown_user(user, joining));
        let link = DirectoryLink { directory: self.ground.directory.id.clone(), state };
        let mut after = base.linked(id, link);
        if described {
            self.describe(&mut after, labels);
        }
        let was = before.is_some_and(|user| user.active_in(self.gate_before()));
        let is = after.active_in(&self.ground.gate);
        if before.is_some() && was != is {
            after.generation = after.generation.saturating_add(1);
        }
        after.expires_at = if after.active() {
            None
        } else {
            before.and_then(|user| user.expires_at).or_else(|| self.terms.retention.data_ends(self.terms.now))
        };
        Some(Person { joining, before, after, was, is })
    }

    fn join(&self, described: bool, labels: &Labels) -> Option<(UserId, Joining)> {
        if let Some(user) = self.current.member.as_ref().and_then(|member| member.user.clone()) {
            return Some((user, Joining::Before));
        }
        if !described {
            return None;
        }
        let none = Claim::default();
        let claim = |key: Option<ClaimKey>| {
            let known = key.and_then(|key| self.current.claims.get(&key));
            known.unwrap_or(&none)
        };
        let known = Known {
            idp: claim(labels.idp_id.clone().map(ClaimKey::IdpId)),
            email: claim(labels.email.as_ref().map(ClaimKey::email)),
            users: &self.current.users,
            tenant: &self.ground.tenant,
            gate: &self.ground.gate,
        };
        let newcomer = Newcomer { idp_id: labels.idp_id.as_deref(), email: labels.email.as_ref() };
        Some(match for_directory_user(&newcomer, &known) {
            Some((user, evidence)) => (user, Joining::Now(evidence)),
            None => (self.terms.fresh.clone(), Joining::Fresh),
        })
    }

    /// A user who is new, or who comes back after having been forgotten: under the same id, and with a generation
    /// that no session of old can have.
    fn unknown_user(&self, id: UserId, joining: Joining) -> User {
        let now = self.terms.now;
        let generation = match joining {
            Joining::Fresh => 0,
            Joining::Before | Joining::Now(_) => u64::try_from(now.seconds()).unwrap_or(0),
        };
        User::provisioned(id, self.ground.directory.organization.clone(), generation, now)
    }

    /// Several directories may describe one user: the newest word counts. What a directory leaves out is out, but for
    /// somebody who has signed in: there it stays as the login said it.
    fn describe(&self, user: &mut User, labels: &Labels) {
        let clock = self.stamp.clock();
        if clock.as_ref().zip(user.described_by.as_ref()).is_some_and(|(own, stored)| own < stored) {
            return;
        }
        if !user.has_signed_in() {
            (user.email, user.first_name, user.last_name) = (None, None, None);
        }
        user.email = labels.email.clone().or_else(|| user.email.take());
        user.first_name = labels.first_name.clone().or_else(|| user.first_name.take());
        user.last_name = labels.last_name.clone().or_else(|| user.last_name.take());
        user.attributes = labels.attributes.clone();
        user.described_by = clock.or_else(|| user.described_by.take());
    }

    /// What is written about the user beside the directory's record. Nothing where nothing changes.
    fn consequences(&self, id: &DirectoryUserId, labels: &Labels, person: Person<'_>) -> Vec<Write> {
        let Person { joining, before, mut after, was, is } = person;
        let mut writes = self.claims(labels, before, &after);
        let comparable = |user: &User| User { described_by: None, ..user.clone() };
        if before.is_some_and(|before| comparable(before) == comparable(&after)) {
            return writes;
        }
        after.revision = after.revision.saturating_add(1);
        if !is && (was || before.is_none()) {
            for user in self.namesakes(&after) {
                let ended = AuditNote::new(AuditAction::UserSessionsEnded, [("user", user.as_str())]);
                writes.extend([Write::Audit(ended), Write::EndSessions(user)]);
            }
        }
        let details = [("user", after.id.as_str()), ("directory_user", id.as_str())];
        let mut actions = match joining {
            Joining::Fresh => vec![AuditAction::UserProvisioned],
            Joining::Now(Evidence::IdpId) => vec![AuditAction::UserLinkedById],
            Joining::Now(Evidence::Email) => vec![AuditAction::UserLinkedByEmail],
            Joining::Before => vec![],
        };
        if before.is_some_and(|before| before.email != after.email) {
            actions.push(AuditAction::UserEmailChanged);
        }
        match (was, is) {
            (true, false) => actions.push(AuditAction::UserDeactivated),
            (false, true) if before.is_some() => actions.push(AuditAction::UserReactivated),
            _ => {}
        }
        writes.extend(actions.into_iter().map(|action| Write::Audit(AuditNote::new(action, details))));
        let what = UserNotice::of(&after, &self.ground.gate);
        let told = before.map(|before| UserNotice::of(before, self.gate_before()));
        let notice = match (&told, was, is) {
            (None, _, _) => Some(Notice::UserCreated(what)),
            (Some(_), true, false) => Some(Notice::UserDeactivated(what)),
            (Some(_), false, true) => Some(Notice::UserReactivated(what)),
            (Some(told), _, _) => (*told != what).then_some(Notice::UserUpdated(what)),
        };
        writes.extend(notice.map(|notice| Write::Notice(notice, after.revision)));
        writes.push(Write::User(after));
        writes
    }

    /// Puts the user down under the idp id and the address, and takes them from those they had before.
    fn claims(&self, labels: &Labels, before: Option<&User>, after: &User) -> Vec<Write> {
        let (user, directory) = (&after.id, &self.ground.directory.id);
        let end = if after.active() { None } else { self.terms.retention.claims_end(self.terms.now) };
        let mut claims = Changed { stored: &self.current.claims, changed: BTreeMap::new() };
        let member = self.current.member.as_ref();
        let old_id = member.and_then(|member| member.idp_id.as_ref());
        let idp_id = labels.idp_id.as_ref().or(old_id);
        let address = labels.email.as_ref().or(after.email.as_ref());
        if let Some(gone) = old_id.filter(|old| Some(*old) != idp_id) {
            claims.change(ClaimKey::IdpId(gone.clone()), |claim| claim.without(user, Some(directory)));
        }
        let old =
            [member.and_then(|member| member.email.as_ref()), before.and_then(|user| user.email.as_ref())];
        for gone in old.into_iter().flatten() {
            let folded = Some(gone.folded());
            let kept = [address, after.email.as_ref()].map(|kept| kept.map(EmailAddress::folded));
            if !kept.contains(&folded) {
                claims.change(ClaimKey::email(gone), |claim| claim.without(user, None));
            }
        }
        let keys = [idp_id.cloned().map(ClaimKey::IdpId), address.map(ClaimKey::email)];
        for key in keys.into_iter().flatten() {
            let holder = Holder { user: user.clone(), via: Via::Directory(directory.clone()) };
            claims.change(key, |claim| {
                let end = end.map(|end: Timestamp| claim.expires_at.unwrap_or(end));
                claim.with(holder).ending(user, end)
            });
        }
        claims.writes()
    }

    /// Users with the leaver's address whom no directory knows: the same person behind another connection. Their
    /// sessions end with the leaver's; at the door the address is refused.
    fn namesakes(&self, leaver: &User) -> impl Iterator<Item = UserId> {
        let claim =
            leaver.email.as_ref().and_then(|address| self.current.claims.get(&ClaimKey::email(address)));
        let holders = claim.map(Claim::users).unwrap_or_default();
        let users =
            holders.into_iter().filter(|id| **id != leaver.id).filter_map(|id| self.current.users.get(id));
        let address = leaver.email.clone();
        users
            .filter(move |user| {
                let same = address.as_ref().is_some_and(|address| user.has_address(address));
                same && user.directories.is_empty() && user.active()
            })
            .map(|user| user.id.clone())
    }

    fn gate_before(&self) -> &Gate {
        self.current.gate.as_ref().unwrap_or(&self.ground.gate)
    }
}

/// Claims as they are and as they will be.
struct Changed<'a> {
    stored: &'a BTreeMap<ClaimKey, Claim>,
    changed: BTreeMap<ClaimKey, Claim>,
}

impl Changed<'_> {
    fn change(&mut self, key: ClaimKey, change: impl FnOnce(Claim) -> Claim) {
        let now = self.changed.get(&key).or_else(|| self.stored.get(&key)).cloned().unwrap_or_default();
        self.changed.insert(key, change(now));
    }

    fn writes(self) -> Vec<Write> {
        let stored = self.stored;
        let differs = |(key, claim): &(ClaimKey, Claim)| match stored.get(key) {
            Some(stored) => stored != claim,
            None => !claim.holders.is_empty(),
        };
        let raised = |(key, claim): (ClaimKey, Claim)| {
            let revision = claim.revision.saturating_add(1);
            Write::Claim(key, Claim { revision, ..claim })
        };
        self.changed.into_iter().filter(differs).map(raised).collect()
    }
}

/// Whether two records of one person say the same.
fn same(one: &DirectoryUser, other: &DirectoryUser) -> bool {
    Labels::of(one) == Labels::of(other) && one.state == other.state && one.user == other.user
}

impl Labels {
    fn said(record: &UserRecord, map: &AttributeMap) -> Self {
        Self {
            idp_id: record.idp_id.clone().filter(|id| !id.is_empty()),
            email: record.email.clone(),
            first_name: clip(record.first_name.as_deref()),
            last_name: clip(record.last_name.as_deref()),
            attributes: map.apply(&record.custom),
        }
    }

    fn of(member: &DirectoryUser) -> Self {
        Self {
            idp_id: member.idp_id.clone(),
            email: member.email.clone(),
            first_name: member.first_name.clone(),
            last_name: member.last_name.clone(),
            attributes: member.attributes.clone(),
        }
    }

    /// What is left of somebody who is not active: no name and no address.
    fn identifier(&self) -> Self {
        Self { idp_id: self.idp_id.clone(), ..Self::default() }
    }
}
