//! A projection in memory: gathers what a change touches, asks for the plan, and does what it says.

use std::collections::{BTreeMap, BTreeSet};

use domain::audit::AuditAction;
use domain::directory::{
    ChangeStamp, Claim, ClaimKey, Current, Directory, DirectoryChange, DirectoryGroup, DirectorySource,
    DirectoryUser, EventClock, GroupRecord, Holder, Membership, Notice, NoticeKind, Origin, Outcome,
    Retention, Terms, UserRecord, Via, Write, plan,
};
use domain::tenant::{ConnectionState, TenantConnection, TenantDomain};
use domain::{
    ConnectionId, DirectoryGroupId, DirectoryId, DirectoryUserId, Domain, EventId, Gate, OrganizationId,
    Tenant, Timestamp, User, UserId,
};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::parse("org_acme").unwrap()
}

pub(crate) fn directory_id() -> DirectoryId {
    DirectoryId::parse("directory_1").unwrap()
}

pub(crate) fn member(id: &str) -> DirectoryUserId {
    DirectoryUserId::parse(&format!("directory_user_{id}")).unwrap()
}

pub(crate) fn group(id: &str) -> DirectoryGroupId {
    DirectoryGroupId::parse(&format!("directory_group_{id}")).unwrap()
}

pub(crate) fn connection(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

pub(crate) fn origin() -> Origin {
    Origin { directory: directory_id(), organization: Some(organization()), source: DirectorySource::Dsync }
}

/// A person as a directory describes them: `ada`, `ada@acme.com`, idp id `idp-ada`.
pub(crate) fn person(id: &str, email: &str) -> UserRecord {
    UserRecord {
        id: member(id),
        idp_id: Some(format!("idp-{id}")),
        email: UserRecord::address(email),
        first_name: Some("Ada".into()),
        last_name: None,
        state: domain::directory::DirectoryUserState::Active,
        custom: BTreeMap::new(),
    }
}

pub(crate) fn named(id: &str, name: &str) -> GroupRecord {
    GroupRecord { id: group(id), name: name.into(), idp_id: None }
}

/// One event: its change, and its place in the history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) change: DirectoryChange,
    pub(crate) stamp: ChangeStamp,
}

/// A history in its true order.
pub(crate) fn history(changes: Vec<DirectoryChange>) -> Vec<Event> {
    let dated = |(n, change): (usize, DirectoryChange)| {
        // Two of each three events share a millisecond: the event's id must tell them apart.
        let at = Timestamp::from_millis(1_799_000_000_000 + i64::try_from(n / 2).unwrap());
        let event = EventId::parse(&format!("event_{n:04}")).unwrap();
        Event { change, stamp: ChangeStamp::Clocked { at, event } }
    };
    changes.into_iter().enumerate().map(dated).collect()
}

pub(crate) fn tenant() -> Tenant {
    Tenant {
        domains: vec![TenantDomain { domain: Domain::parse("acme.com").unwrap(), verified: true }],
        connections: vec![TenantConnection {
            id: connection("conn_okta"),
            name: "Okta".into(),
            connection_type: "OktaSAML".into(),
            state: ConnectionState::Active,
        }],
        ..Tenant::unmet(organization())
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) directories: BTreeMap<DirectoryId, Directory>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) gate: Option<Gate>,
    pub(crate) members: BTreeMap<DirectoryUserId, DirectoryUser>,
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) claims: BTreeMap<ClaimKey, Claim>,
    pub(crate) groups: BTreeMap<DirectoryGroupId, DirectoryGroup>,
    pub(crate) memberships: BTreeMap<(DirectoryGroupId, DirectoryUserId), Membership>,
    pub(crate) seen: BTreeSet<EventId>,
    pub(crate) notices: Vec<(Notice, u64)>,
    pub(crate) audited: Vec<AuditAction>,
    pub(crate) retention: Retention,
    made: u32,
}

impl World {
    /// A tenant with one connection and one verified domain.
    pub(crate) fn with_tenant() -> Self {
        Self { tenant: Some(tenant()), gate: Some(Gate::new(organization())), ..Self::default() }
    }

    pub(crate) fn apply(
        &mut self,
        origin: &Origin,
        change: &DirectoryChange,
        stamp: &ChangeStamp,
    ) -> Outcome {
        self.apply_at(origin, change, stamp, NOW)
    }

    pub(crate) fn apply_at(
        &mut self,
        origin: &Origin,
        change: &DirectoryChange,
        stamp: &ChangeStamp,
        now: Timestamp,
    ) -> Outcome {
        if stamp.event().is_some_and(|event| self.seen.contains(event)) {
            return Outcome::Duplicate;
        }
        self.made += 1;
        let fresh = UserId::parse(&format!("user_{}", self.made)).unwrap();
        let terms = Terms { now, retention: self.retention, fresh };
        let plan = plan(origin, change, stamp, &self.current(origin, change, now), &terms);
        if plan.outcome == Outcome::Unresolved {
            assert_eq!(plan.writes, []);
            return plan.outcome;
        }
        self.seen.extend(stamp.event().cloned());
        plan.writes.into_iter().for_each(|write| self.write(write));
        plan.outcome
    }

    pub(crate) fn replay(&mut self, events: &[Event]) {
        for event in events {
            self.apply(&origin(), &event.change, &event.stamp);
        }
    }

    fn current(&self, origin: &Origin, change: &DirectoryChange, now: Timestamp) -> Current {
        let mut current = Current {
            directory: self.directories.get(&origin.directory).cloned(),
            tenant: self.tenant.clone(),
            gate: self.gate.clone(),
            ..Current::default()
        };
        let live = |end: Option<Timestamp>| end.is_none_or(|end| end > now);
        let record = change.record();
        if let Some(id) = change.member() {
            current.member = self.members.get(id).filter(|member| live(member.expires_at)).cloned();
        }
        if let Some(id) = change.group() {
            current.group = self.groups.get(id).filter(|group| live(group.expires_at)).cloned();
            if let Some(member) = change.member() {
                let edge = self.memberships.get(&(id.clone(), member.clone()));
                current.membership = edge.filter(|edge| live(edge.expires_at)).cloned();
            }
        }
        let user = current.member.as_ref().and_then(|member| member.user.clone());
        let known = user.and_then(|user| self.users.get(&user)).filter(|user| !user.expired(now));
        let mut keys = BTreeSet::new();
        keys.extend(record.and_then(|record| record.idp_id.clone()).map(ClaimKey::IdpId));
        keys.extend(record.and_then(|record| record.email.as_ref()).map(ClaimKey::email));
        if let Some(member) = &current.member {
            keys.extend(member.idp_id.clone().map(ClaimKey::IdpId));
            keys.extend(member.email.as_ref().map(ClaimKey::email));
        }
        keys.extend(known.and_then(|user| user.email.as_ref()).map(ClaimKey::email));
        for key in keys {
            let claim = self.claims.get(&key).filter(|claim| live(claim.expires_at));
            current.claims.extend(claim.map(|claim| (key, claim.clone())));
        }
        let holders = current.claims.values().flat_map(|claim| claim.users().into_iter().cloned());
        let wanted: BTreeSet<UserId> = holders.chain(known.map(|user| user.id.clone())).collect();
        for id in wanted {
            current
                .users
                .extend(self.users.get(&id).filter(|user| !user.expired(now)).map(|user| (id, user.clone())));
        }
        current
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Tenant(tenant, gate) => {
                assert!(self.tenant.is_none() && self.gate.is_none());
                (self.tenant, self.gate) = (Some(tenant), Some(gate));
            }
            Write::Directory(directory) => {
                self.directories.insert(directory.id.clone(), directory);
            }
            Write::Gate(change) => {
                let gate = self.gate.as_mut().unwrap();
                gate.directories.insert(change.directory, change.state);
                gate.generation += u64::from(change.raise_generation);
            }
            Write::Member(member) => {
                self.members.insert(member.id.clone(), member);
            }
            Write::User(user) => {
                self.users.insert(user.id.clone(), user);
            }
            Write::EndSessions(user) => self.users.get_mut(&user).unwrap().generation += 1,
            Write::Claim(key, claim) if claim.holders.is_empty() => {
                self.claims.remove(&key);
            }
            Write::Claim(key, claim) => {
                self.claims.insert(key, claim);
            }
            Write::Group(group) => {
                self.groups.insert(group.id.clone(), group);
            }
            Write::Membership(edge) => {
                self.memberships.insert((edge.group.clone(), edge.member.clone()), edge);
            }
            Write::Notice(notice, order) => self.notices.push((notice, order)),
            Write::Audit(note) => self.audited.push(note.action),
        }
    }

    /// Somebody signs in for the first time, as the callback writes it.
    pub(crate) fn sign_in(&mut self, id: &str, connection_id: &str, idp_id: &str, email: &str) -> UserId {
        let mut user = User::provisioned(UserId::parse(id).unwrap(), organization(), 0, NOW);
        user.email = UserRecord::address(email);
        user.last_login_at = Some(NOW);
        let holder = Holder { user: user.id.clone(), via: Via::Connection(connection(connection_id)) };
        for key in [ClaimKey::IdpId(idp_id.into()), ClaimKey::Email(email.to_lowercase())] {
            let claim = self.claims.entry(key).or_default();
            *claim = claim.with(holder.clone());
        }
        let id = user.id.clone();
        self.users.insert(id.clone(), user);
        id
    }

    pub(crate) fn user_of(&self, id: &str) -> &User {
        &self.users[self.members[&member(id)].user.as_ref().unwrap()]
    }

    pub(crate) fn gate(&self) -> &Gate {
        self.gate.as_ref().unwrap()
    }

    pub(crate) fn kinds(&self) -> Vec<NoticeKind> {
        self.notices.iter().map(|(notice, _)| notice.kind()).collect()
    }

    /// What must be the same after any order of one history: everything but how often things were written.
    pub(crate) fn settled(&self) -> Settled {
        let name = |user: &UserId| {
            let first = self.members.iter().find(|(_, member)| member.user.as_ref() == Some(user));
            first.map_or_else(|| user.to_string(), |(member, _)| format!("user of {member}"))
        };
        let members = self.members.values().map(|member| {
            let user = member.user.as_ref().map(name);
            let member = DirectoryUser { version: 0, user: None, ..member.clone() };
            (member, user)
        });
        let users = self.users.values().map(|user| {
            let id = name(&user.id);
            let user = User {
                id: UserId::parse("user_x").unwrap(),
                generation: 0,
                revision: 0,
                described_by: None,
                ..user.clone()
            };
            (id, user)
        });
        let claims = self.claims.iter().map(|(key, claim)| {
            let mut holders: Vec<String> = claim.holders.iter().map(|holder| name(&holder.user)).collect();
            holders.sort();
            (key.clone(), holders, claim.expires_at)
        });
        let edges = self
            .memberships
            .values()
            .map(|edge| (Membership { version: 0, ..edge.clone() }, edge.clock.clone()));
        Settled {
            members: members.collect(),
            users: users.collect(),
            claims: claims.collect(),
            groups: self
                .groups
                .values()
                .map(|group| DirectoryGroup { version: 0, ..group.clone() })
                .collect(),
            edges: edges.collect(),
            directories: self.gate.as_ref().map(|gate| gate.directories.clone()).unwrap_or_default(),
        }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Settled {
    members: Vec<(DirectoryUser, Option<String>)>,
    users: BTreeMap<String, User>,
    claims: Vec<(ClaimKey, Vec<String>, Option<Timestamp>)>,
    groups: Vec<DirectoryGroup>,
    edges: Vec<(Membership, Option<EventClock>)>,
    directories: BTreeMap<DirectoryId, domain::directory::DirectoryState>,
}
