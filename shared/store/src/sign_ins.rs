//! The sessions of a tenant, newest first: found by the audit items of its sign-ins.
//!
//! Every session begins with a `user.signed_in` item in the same transaction, and no session outlives the longest one
//! that the settings allow. So the sign-ins of that span name every session there can be, by tenant and in order of
//! time, without an index that logins would have to write. The session, user and gate decide whether it is alive.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::audit::{Actor, AuditAction, AuditEvent};
use domain::{OrganizationId, Session, SessionId, Timestamp, User, UserId};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{decode, text};
use crate::keys::{self, Key};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// By how much whoever asks may be behind the functions: at midnight their sign-ins are in tomorrow's partition.
const CLOCKS: Duration = Duration::from_secs(600);
/// A batch read holds this many keys; a session has two.
const MOST_KEYS: usize = 100;

/// Somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub user: UserId,
    pub session: SessionId,
    pub place: SignInPlace,
}

/// Where a sign-in stands in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPlace {
    pub at: Timestamp,
    /// Of the audit item: a ULID.
    pub id: String,
}

/// Some sign-ins, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPage {
    pub sign_ins: Vec<SignIn>,
    /// The next page begins after this; `None` at the end.
    pub next: Option<SignInPlace>,
}

/// What the store says of a session and its user. Either may be gone.
#[derive(Clone, Debug)]
pub struct SessionAndUser {
    pub session: Session,
    pub user: User,
}

impl Store {
    /// Sign-ins of a tenant that are not older than `since`: newest first, from `now` or from after a place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_ins(
        &self,
        organization: &OrganizationId,
        since: Timestamp,
        now: Timestamp,
        after: Option<&SignInPlace>,
        limit: u16,
    ) -> Result<SignInPage, StoreError> {
        let operation = "list sign-ins";
        let limit = usize::from(limit.max(1));
        let mut sign_ins: Vec<SignIn> = Vec::new();
        let mut moment = after.map_or_else(|| now.plus(CLOCKS), |place| place.at);
        // One partition a day, back to the day of `since`.
        let mut bound = after.map(|place| place.id.clone());
        loop {
            let day = keys::audit(organization, moment, "");
            let mut start = None;
            loop {
                let mut query = self
                    .db
                    .query()
                    .table_name(&self.tables.identity)
                    .consistent_read(true)
                    .expression_attribute_values(":pk", day.pk())
                    .filter_expression("#action = :signed_in")
                    .expression_attribute_names("#action", "action")
                    .expression_attribute_values(":signed_in", text(AuditAction::UserSignedIn.as_str()))
                    .scan_index_forward(false)
                    .set_exclusive_start_key(start);
                query = match &bound {
                    Some(id) => query
                        .key_condition_expression("pk = :pk AND sk < :after")
                        .expression_attribute_values(":after", text(id)),
                    None => query.key_condition_expression("pk = :pk"),
                };
                let page = query.send().await.map_err(failed(operation))?;
                for item in page.items.unwrap_or_default() {
                    let event: AuditEvent = decode(operation, item)?;
                    if event.occurred_at < since {
                        return Ok(SignInPage { sign_ins, next: None });
                    }
                    let (Some(session), Actor::User(user)) = (event.session, event.actor) else { continue };
                    if sign_ins.len() == limit {
                        let next = sign_ins.last().map(|last| last.place.clone());
                        return Ok(SignInPage { sign_ins, next });
                    }
                    let place = SignInPlace { at: event.occurred_at, id: event.id };
                    sign_ins.push(SignIn { user, session, place });
                }
                start = page.last_evaluated_key.filter(|key| !key.is_empty());
                if start.is_none() {
                    break;
                }
            }
            bound = None;
            if day == keys::audit(organization, since, "") {
                return Ok(SignInPage { sign_ins, next: None });
            }
            moment = moment.minus(DAY).max(since);
        }
    }

    /// The sessions among these that exist, with their users, in the order in which they were asked for. One round trip
    /// for every fifty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sessions_of(
        &self,
        organization: &OrganizationId,
        wanted: &[SignIn],
    ) -> Result<Vec<SessionAndUser>, StoreError> {
        let operation = "read sessions";
        let mut sessions: HashMap<SessionId, Session> = HashMap::new();
        let mut users: HashMap<UserId, User> = HashMap::new();
        let keys: HashSet<Key> = wanted
            .iter()
            .flat_map(|one| {
                [keys::session(organization, &one.user, &one.session), keys::user(organization, &one.user)]
            })
            .collect();
        for some in keys.into_iter().collect::<Vec<_>>().chunks(MOST_KEYS) {
            for (sk, item) in self.batch_get(operation, some).await? {
                if sk.starts_with(keys::SESSION_PREFIX) {
                    let session: Session = decode(operation, item)?;
                    sessions.insert(session.id.clone(), session);
                } else {
                    let user: User = decode(operation, item)?;
                    users.insert(user.id.clone(), user);
                }
            }
        }
        Ok(wanted
            .iter()
            .filter_map(|one| {
                let session = sessions.remove(&one.session)?;
                let user = users.get(&one.user)?.clone();
                Some(SessionAndUser { session, user })
            })
            .collect())
    }

    /// The tenant that a user belongs to, among these. One round trip for every hundred.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization_of_user(
        &self,
        user: &UserId,
        among: &[OrganizationId],
    ) -> Result<Option<OrganizationId>, StoreError> {
        let operation = "find a user's tenant";
        for some in among.chunks(MOST_KEYS) {
            let wanted: Vec<Key> = some.iter().map(|organization| keys::user(organization, user)).collect();
            if let Some((_, item)) = self.batch_get(operation, &wanted).await?.into_iter().next() {
                return decode::<User>(operation, item).map(|user| Some(user.organization));
            }
        }
        Ok(None)
    }
}
