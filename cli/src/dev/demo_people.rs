//! The demo app's own list of people, fed by nothing but Vestibule's webhook: what an adopter's back end does with it.
//!
//! It believes a message only with a good signature over the raw bytes, keeps of each subject what has the highest order
//! number, and answers 204 once that is kept. So messages may come twice, late or in another order. A person sees the
//! people of their own company only.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use domain::directory::{Notice, UserNotice};
use domain::{Clock, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokens::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WebhookSecrets};
use web::Secret;

/// A message is a few KB; anybody may send one.
pub(super) const LONGEST: usize = 256 * 1024;

/// What the app keeps. Clones share it.
#[derive(Clone)]
pub(super) struct People {
    secrets: Secret<WebhookSecrets>,
    clock: Clock,
    /// Messages that were taken, one a line: the app's own memory over a restart.
    journal: Option<PathBuf>,
    known: Arc<Mutex<Known>>,
}

#[derive(Deserialize)]
struct Message {
    timestamp: String,
    organization_id: String,
    subject: String,
    order: u64,
    #[serde(flatten)]
    notice: Notice,
}

/// The newest message about each subject of each organization.
#[derive(Default)]
struct Known(BTreeMap<(String, String), Kept>);

struct Kept {
    order: u64,
    at: String,
    notice: Notice,
}

/// A line of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) active: bool,
    pub(super) groups: Vec<String>,
    pub(super) fields: Vec<(String, String)>,
    /// `2026-11-25 08:30 UTC`.
    pub(super) changed: String,
}

/// The journal cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the demo app's people in {file}: {why}")]
pub struct PeopleError {
    file: String,
    why: std::io::Error,
}

impl People {
    /// # Errors
    /// When the journal of an earlier run cannot be read.
    pub(super) fn open(
        secrets: Secret<WebhookSecrets>,
        clock: Clock,
        journal: Option<PathBuf>,
    ) -> Result<Self, PeopleError> {
        let mut known = Known::default();
        if let Some(file) = journal.as_ref().filter(|file| file.exists()) {
            let failed = |why| PeopleError { file: file.display().to_string(), why };
            for line in BufReader::new(std::fs::File::open(file).map_err(failed)?).lines() {
                // A line that a crash cut off tells nothing; its message was never answered and came again.
                if let Ok(message) = serde_json::from_str(&line.map_err(failed)?) {
                    known.keep(message);
                }
            }
        }
        Ok(Self { secrets, clock, journal, known: Arc::new(Mutex::new(known)) })
    }

    /// Takes one message.
    pub(super) async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Ok(secrets) = self.secrets.get().await else { return StatusCode::SERVICE_UNAVAILABLE };
        let (id, time, signatures) =
            (header(WEBHOOK_ID), header(WEBHOOK_TIMESTAMP), header(WEBHOOK_SIGNATURE));
        if secrets.verify(id, time, signatures, body, self.clock.now()).is_err() {
            return StatusCode::UNAUTHORIZED;
        }
        // Signed, so it is a message; one of a type that this version does not know is taken and means nothing to it.
        let Ok(message) = serde_json::from_slice::<Message>(body) else { return StatusCode::NO_CONTENT };
        if self.note(body).is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keep(message);
        StatusCode::NO_CONTENT
    }

    fn note(&self, body: &[u8]) -> std::io::Result<()> {
        let Some(file) = &self.journal else { return Ok(()) };
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
        file.write_all(&[body, b"\n"].concat())
    }

    /// The people of a company, by name.
    pub(super) fn of(&self, organization: &str) -> Vec<Person> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).people(organization)
    }
}

impl Known {
    fn keep(&mut self, message: Message) {
        let Message { timestamp, organization_id, subject, order, notice } = message;
        let key = (organization_id, subject);
        if self.0.get(&key).is_none_or(|kept| kept.order < order) {
            self.0.insert(key, Kept { order, at: timestamp, notice });
        }
    }

    fn people(&self, organization: &str) -> Vec<Person> {
        let own = || self.0.iter().filter(|((of, _), _)| of == organization).map(|(_, kept)| kept);
        let mut closed = Vec::new();
        let mut groups = BTreeMap::new();
        for kept in own() {
            match &kept.notice {
                Notice::GroupCreated(group) | Notice::GroupUpdated(group) => {
                    groups.insert(&group.id, group.name.as_str());
                }
                Notice::DirectoryDeleted(directory) | Notice::DirectoryUpdated(directory)
                    if !directory.state.live() =>
                {
                    closed.push(&directory.id);
                }
                _ => {}
            }
        }
        let in_groups = |user: &UserNotice| {
            let mut names: Vec<String> = own()
                .filter_map(|kept| match &kept.notice {
                    Notice::MembershipAdded(edge)
                        if user.directory_users.iter().any(|one| one.id == edge.directory_user_id) =>
                    {
                        groups.get(&edge.group_id).map(|name| (*name).to_owned())
                    }
                    _ => None,
                })
                .collect();
            names.sort();
            names.dedup();
            names
        };
        let mut people: Vec<Person> = own()
            .filter_map(|kept| match &kept.notice {
                Notice::UserCreated(user)
                | Notice::UserUpdated(user)
                | Notice::UserDeactivated(user)
                | Notice::UserReactivated(user) => {
                    // A deleted directory takes its people with it, without a word about each.
                    let links = &user.directory_users;
                    let left = !links.is_empty()
                        && links
                            .iter()
                            .all(|link| closed.contains(&&link.directory_id) || !link.state.active());
                    Some(Person {
                        name: name(user),
                        email: user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
                        active: user.active && !left,
                        groups: in_groups(user),
                        fields: fields(user),
                        changed: minutes(&kept.at),
                    })
                }
                _ => None,
            })
            .collect();
        people.sort_by(|one, other| (&one.name, &one.email).cmp(&(&other.name, &other.email)));
        people
    }
}

fn name(user: &UserNotice) -> String {
    let parts = [user.first_name.as_deref(), user.last_name.as_deref()];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    match (&user.email, name.is_empty()) {
        (_, false) => name,
        (Some(email), true) => email.to_string(),
        (None, true) => user.id.to_string(),
    }
}

/// The tenant's own fields of a person, as they come.
fn fields(user: &UserNotice) -> Vec<(String, String)> {
    match serde_json::to_value(&user.attributes) {
        Ok(serde_json::Value::Object(fields)) => fields
            .into_iter()
            .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect(),
        _ => Vec::new(),
    }
}

fn minutes(at: &str) -> String {
    let at = Timestamp::parse_rfc3339(at).map_or_else(|| at.to_owned(), Timestamp::rfc3339);
    format!("{} UTC", at.get(..16).unwrap_or_default().replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn user(order: u64, kind: &str, active: bool, name: &str) -> Value {
        json!({
            "id": format!("01NOTICE{order}"), "type": kind, "timestamp": "2026-11-25T08:30:00Z",
            "organization_id": "org_1", "subject": "user_1", "order": order,
            "data": {
                "id": "user_1", "organization_id": "org_1", "active": active, "email": "ada@acme.com",
                "first_name": name, "last_name": null, "attributes": {"department": "R&D"},
                "directory_users": [{"id": "directory_user_1", "directory_id": "directory_1", "state": "active"}],
            },
        })
    }

    fn known(messages: &[Value]) -> Known {
        let mut known = Known::default();
        for message in messages {
            known.keep(serde_json::from_value(message.clone()).unwrap());
        }
        known
    }

    #[test]
    fn the_newest_message_counts_whatever_comes_last() {
        let (hired, fired) =
            (user(1, "user.created", true, "Ada"), user(2, "user.deactivated", false, "Ada"));
        for order in [[&hired, &fired, &hired], [&fired, &hired, &fired]] {
            let people = known(&order.map(Clone::clone)).people("org_1");
            assert_eq!(people.iter().map(|one| one.active).collect::<Vec<_>>(), [false]);
        }
        let people = known(std::slice::from_ref(&hired)).people("org_1");
        assert_eq!((people[0].name.as_str(), people[0].changed.as_str()), ("Ada", "2026-11-25 08:30 UTC"));
        assert_eq!(people[0].fields, [("department".to_owned(), "R&D".to_owned())]);
        assert_eq!(known(&[hired]).people("org_2"), []);
    }

    #[test]
    fn groups_and_the_end_of_a_directory_reach_everybody() {
        let message = |kind: &str, subject: &str, order: u64, data: Value| {
            json!({"id": "x", "type": kind, "timestamp": "2026-11-25T08:30:00Z", "organization_id": "org_1",
                "subject": subject, "order": order, "data": data})
        };
        let edge = json!({"group_id": "directory_group_1", "directory_user_id": "directory_user_1",
            "directory_id": "directory_1", "organization_id": "org_1", "user_id": null});
        let group = json!({"id": "directory_group_1", "directory_id": "directory_1", "organization_id": "org_1",
            "name": "Engineering", "idp_id": null});
        let directory =
            json!({"id": "directory_1", "organization_id": "org_1", "name": "Acme", "state": "deleted"});
        let mut told = vec![
            message("membership.added", "directory_group_1/directory_user_1", 1, edge.clone()),
            message("group.created", "directory_group_1", 1, group),
            user(1, "user.created", true, "Ada"),
        ];
        assert_eq!(known(&told).people("org_1")[0].groups, ["Engineering"]);
        told.push(message("membership.removed", "directory_group_1/directory_user_1", 2, edge));
        assert!(known(&told).people("org_1")[0].groups.is_empty());
        assert!(known(&told).people("org_1")[0].active);
        told.push(message("directory.deleted", "directory_1", 2, directory));
        assert!(!known(&told).people("org_1")[0].active);
    }
}
