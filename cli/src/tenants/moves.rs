//! `tenants move-connection`: the people of one connection keep their accounts at another.
//!
//! Without it a company that moves from one IdP to another orphans every user: identities belong to their connection
//! (R45). By id it links at once, where both IdPs call people the same. By address it leaves a grant that the person's
//! first login through the new connection uses up; only for addresses in domains that the tenant verified, and never
//! where two people share one (R42). A dry run counts exactly what a run would do. Running it again goes on where it
//! stopped, and changes nothing that was done.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::audit::AuditAction;
use domain::{ConnectionId, EmailAddress, IdentityKey, OrganizationId, RngError, User, UserId};
use serde::Serialize;
use store::{ConnectionPerson, MoveGrant, Moved, StoreError, TenantRecord};

use super::Tenants;

const PAGE: u16 = 200;
const NO_ADDRESS: &str = "no e-mail address is known of the account";

/// How people are recognised at the new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchBy {
    /// By e-mail address, at their first login.
    Email,
    /// Both IdPs send the same id for a person.
    IdpId,
}

/// Why nobody is moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("{0} is not one of the tenant's connections")]
    ForeignConnection(ConnectionId),
    #[error("from and to are the same connection")]
    Same,
    #[error("people cannot be moved to {connection}: it is {state}")]
    Unusable { connection: ConnectionId, state: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RngError),
}

/// Somebody who is left where they are, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    pub user: UserId,
    pub why: &'static str,
}

/// What was done, or in a dry run what would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoveReport {
    pub organization: OrganizationId,
    pub from: ConnectionId,
    pub to: ConnectionId,
    pub matched_by: MatchBy,
    pub dry_run: bool,
    pub people: usize,
    pub moved: usize,
    /// Moved by an earlier run, or there by themselves.
    pub already: usize,
    pub left: Vec<Left>,
}

impl Tenants {
    /// Moves the people of a connection. `progress` is called after each.
    ///
    /// # Errors
    /// When the connections are not what they must be, or the database does not answer. What was done stays done.
    pub async fn move_connection(
        &self,
        tenant: &TenantRecord,
        plan: &MovePlan,
        progress: &mut (dyn FnMut(usize, Option<usize>) + Send),
    ) -> Result<MoveReport, MoveError> {
        plan.check(tenant)?;
        let organization = &tenant.tenant.organization;
        let people = self.everybody(organization, &plan.from).await?;
        // The old connection may be deleted already; then its people are still known.
        if people.is_empty() && tenant.tenant.connection(&plan.from).is_none() {
            return Err(MoveError::ForeignConnection(plan.from.clone()));
        }
        let there = self.everybody(organization, &plan.to).await?;
        let there = There::new(&there, &self.users(organization, &there).await?);
        let mut report = MoveReport {
            organization: organization.clone(),
            from: plan.from.clone(),
            to: plan.to.clone(),
            matched_by: plan.matched_by,
            dry_run: plan.dry_run,
            people: people.len(),
            moved: 0,
            already: 0,
            left: Vec::new(),
        };
        let users = self.users(organization, &people).await?;
        let mut sharers: HashMap<String, usize> = HashMap::new();
        for user in users.values() {
            if let Some(email) = &user.email {
                *sharers.entry(email.folded()).or_default() += 1;
            }
        }
        for (done, person) in people.iter().enumerate() {
            let user = users.get(&person.user);
            let outcome = match judge(tenant, plan, user, &there, &sharers) {
                Ok(user) => self.move_one(plan, person, user).await?,
                Err(outcome) => outcome,
            };
            match outcome {
                One::Moved => report.moved += 1,
                One::Already => report.already += 1,
                One::Left(why) => report.left.push(Left { user: person.user.clone(), why }),
            }
            progress(done + 1, Some(people.len()));
        }
        if !plan.dry_run && report.moved > 0 {
            let by = match plan.matched_by {
                MatchBy::Email => "e-mail",
                MatchBy::IdpId => "idp id",
            };
            let details = [
                ("from", plan.from.to_string()),
                ("to", plan.to.to_string()),
                ("matched_by", by.to_owned()),
                ("moved", report.moved.to_string()),
            ];
            let event = self.audit(organization, AuditAction::TenantConnectionMoved, details)?;
            self.store.record(&event).await?;
        }
        Ok(report)
    }

    async fn everybody(
        &self,
        organization: &OrganizationId,
        connection: &ConnectionId,
    ) -> Result<Vec<ConnectionPerson>, StoreError> {
        let mut everybody = Vec::new();
        let mut after: Option<UserId> = None;
        loop {
            let page = self.store.people_of(organization, connection, after.as_ref(), PAGE).await?;
            everybody.extend(page.people);
            after = page.next;
            if after.is_none() {
                return Ok(everybody);
            }
        }
    }

    async fn users(
        &self,
        organization: &OrganizationId,
        people: &[ConnectionPerson],
    ) -> Result<HashMap<UserId, User>, StoreError> {
        let mut users = HashMap::new();
        for person in people {
            if let Some(user) = self.store.user(organization, &person.user).await? {
                users.insert(user.id.clone(), user);
            }
        }
        Ok(users)
    }

    async fn move_one(
        &self,
        plan: &MovePlan,
        person: &ConnectionPerson,
        user: &User,
    ) -> Result<One, MoveError> {
        let now = self.clock.now();
        let outcome = match plan.matched_by {
            MatchBy::IdpId => {
                let identity = IdentityKey {
                    organization: user.organization.clone(),
                    connection: plan.to.clone(),
                    idp_id: person.idp_id.clone(),
                };
                if plan.dry_run {
                    expected(&user.id, self.store.linked_user(&identity).await?.as_ref())
                } else {
                    self.store.link_identity(&identity, &user.id).await?
                }
            }
            MatchBy::Email if plan.dry_run => {
                let Some(email) = &user.email else { return Ok(One::Left(NO_ADDRESS)) };
                let grant = self.store.move_grant(&user.organization, &plan.to, email, now).await?;
                expected(&user.id, grant.as_ref().map(|grant| &grant.user))
            }
            MatchBy::Email => {
                let Some(email) = user.email.clone() else { return Ok(One::Left(NO_ADDRESS)) };
                let grant = MoveGrant {
                    organization: user.organization.clone(),
                    from: plan.from.clone(),
                    to: plan.to.clone(),
                    email,
                    user: user.id.clone(),
                    expires_at: now.plus(plan.grants_last),
                };
                self.store.put_move_grant(&grant, now).await?
            }
        };
        Ok(match outcome {
            Moved::Done => One::Moved,
            Moved::Already => One::Already,
            Moved::Taken => One::Left("somebody else is known there by the same id or address"),
        })
    }
}

/// What to move, and how.
#[derive(Clone, Debug)]
pub struct MovePlan {
    pub from: ConnectionId,
    pub to: ConnectionId,
    pub matched_by: MatchBy,
    pub dry_run: bool,
    /// How long a person has for the first login through the new connection.
    pub grants_last: Duration,
}

impl MovePlan {
    fn check(&self, tenant: &TenantRecord) -> Result<(), MoveError> {
        if self.from == self.to {
            return Err(MoveError::Same);
        }
        let to = tenant.tenant.connection(&self.to);
        let to = to.ok_or_else(|| MoveError::ForeignConnection(self.to.clone()))?;
        if !to.state.usable() {
            let state = to.state.as_str().to_owned();
            return Err(MoveError::Unusable { connection: self.to.clone(), state });
        }
        Ok(())
    }
}

/// Who is known at the new connection already.
struct There {
    users: HashSet<UserId>,
    addresses: HashSet<String>,
}

impl There {
    fn new(people: &[ConnectionPerson], users: &HashMap<UserId, User>) -> Self {
        let addresses = users.values().filter_map(|user| user.email.as_ref()).map(EmailAddress::folded);
        Self {
            users: people.iter().map(|person| person.user.clone()).collect(),
            addresses: addresses.collect(),
        }
    }
}

/// What becomes of one person.
enum One {
    Moved,
    Already,
    Left(&'static str),
}

fn judge<'u>(
    tenant: &TenantRecord,
    plan: &MovePlan,
    user: Option<&'u User>,
    there: &There,
    sharers: &HashMap<String, usize>,
) -> Result<&'u User, One> {
    let Some(user) = user else { return Err(One::Left("the account is gone")) };
    if there.users.contains(&user.id) {
        return Err(One::Already);
    }
    if !user.active() {
        return Err(One::Left("the account is deactivated"));
    }
    if plan.matched_by == MatchBy::Email {
        let Some(email) = &user.email else { return Err(One::Left(NO_ADDRESS)) };
        if !tenant.tenant.vouches_for(email.domain()) {
            return Err(One::Left("the address is outside the tenant's verified domains"));
        }
        if sharers.get(&email.folded()).is_some_and(|sharers| *sharers > 1) {
            return Err(One::Left("several accounts share the address"));
        }
        // That account is linked already, so a grant would never be used.
        if there.addresses.contains(&email.folded()) {
            return Err(One::Left("another account has this address at the new connection already"));
        }
    }
    Ok(user)
}

/// What a run would find.
fn expected(user: &UserId, holder: Option<&UserId>) -> Moved {
    match holder {
        None => Moved::Done,
        Some(holder) if holder == user => Moved::Already,
        Some(_) => Moved::Taken,
    }
}
