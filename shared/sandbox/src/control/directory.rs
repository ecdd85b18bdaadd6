//! `POST /_sandbox/directory`: what an administrator does in a company's directory, and `POST /_sandbox/events`.
//!
//! The answer comes when the webhooks have been sent, and says what became of each: delivered, refused and to be tried
//! again, or held back by a switch. A test then needs no sleep.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId, EmailAddress, OrganizationId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::deliveries::delivery_json;
use super::given;
use super::input::{Names, Refused, Text, Verb};
use crate::delivery::Post;
use crate::directory::{Change, Details, Directory, NotDone, Sync, UserState, group_json, user_json};
use crate::events::News;
use crate::model::World;
use crate::state::Sandbox;

pub(crate) const PAGE: &str = "/_sandbox/directory";

/// How many webhooks of an initial sync are on their way at once, unless told otherwise.
const PARALLEL: usize = 8;
const MOST_PARALLEL: usize = 64;
/// So many events of one action are written out in the answer; the rest is counted.
const SHOWN: usize = 100;
const LONGEST_EVENT_NAME: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Hire,
    Update,
    Suspend,
    Reactivate,
    Fire,
    Rehire,
    GroupCreate,
    GroupRename,
    GroupDelete,
    GroupAdd,
    GroupRemove,
    DirectoryCreate,
    DirectoryDelete,
    Sync,
}

/// One thing to do in one directory.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Errand {
    action: Action,
    organization: Option<OrganizationId>,
    directory: Option<DirectoryId>,
    email: Option<EmailAddress>,
    /// A directory user's id, for who has no address.
    user: Option<DirectoryUserId>,
    /// Null: none any more.
    #[serde(default, deserialize_with = "given")]
    new_email: Option<Option<EmailAddress>>,
    first_name: Option<Text>,
    last_name: Option<Text>,
    role: Option<Text>,
    job_title: Option<Text>,
    department: Option<Text>,
    idp_id: Option<Text>,
    #[serde(default)]
    custom_attributes: Map<String, Value>,
    groups: Option<Names>,
    /// Id or name.
    group: Option<Text>,
    new_name: Option<Text>,
    people: Option<usize>,
    group_count: Option<usize>,
    group_size: Option<usize>,
    parallel: Option<usize>,
    #[serde(default = "yes")]
    wait: bool,
}

const fn yes() -> bool {
    true
}

impl Errand {
    fn details(&self) -> Details {
        let text = |text: &Option<Text>| text.as_ref().map(|text| text.0.clone());
        Details {
            email: self.new_email.clone(),
            first_name: text(&self.first_name),
            last_name: text(&self.last_name),
            role: text(&self.role),
            job_title: text(&self.job_title),
            department: text(&self.department),
            idp_id: text(&self.idp_id),
            attributes: self.custom_attributes.clone(),
            groups: self.groups.as_ref().map(|names| names.0.clone()),
        }
    }

    /// The directory that is meant: named, or the only one that fits.
    fn directory<'a>(&self, world: &'a World) -> Result<&'a Directory, NotDone> {
        if let Some(id) = &self.directory {
            return world.directory(id.as_str()).ok_or(NotDone::Because("There is no such directory."));
        }
        if let Some(organization) = &self.organization {
            let known = world.directory_of(organization);
            return known
                .ok_or(NotDone::Because("This organization has no directory; directory_create makes one."));
        }
        let fits = |directory: &&Directory| match (self.action, &self.user, &self.email, &self.group) {
            (_, Some(user), _, _) => directory.users.get(user.as_str()).is_some(),
            (Action::Hire, None, Some(email), _) => world
                .organization(directory.organization.as_str())
                .is_some_and(|organization| organization.vouches_for(email.domain())),
            (Action::Rehire, None, Some(email), _) => directory.leaver(email).is_some(),
            (_, None, Some(email), _) => directory.user_by_email(email).is_some(),
            (_, None, None, Some(group)) => directory.group(&group.0).is_some(),
            (_, None, None, None) => false,
        };
        let mut fitting = world.directories.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(NotDone::Because("Several directories fit; give an organization.")),
            (None, _) => Err(NotDone::Because("No directory fits; give an organization.")),
        }
    }

    fn email(&self) -> Result<&EmailAddress, NotDone> {
        self.email.as_ref().ok_or(NotDone::Because("This action needs an email."))
    }

    fn user(&self, directory: &Directory) -> Result<DirectoryUserId, NotDone> {
        let found = match (&self.user, &self.email) {
            (Some(id), _) => directory.users.get(id.as_str()),
            (None, Some(email)) => directory.user_by_email(email),
            (None, None) => return Err(NotDone::Because("This action needs an email, or a user.")),
        };
        Ok(found.ok_or(NotDone::Because("Nobody like that is in the directory."))?.id.clone())
    }

    fn group(&self, directory: &Directory) -> Result<DirectoryGroupId, NotDone> {
        let wanted =
            self.group.as_ref().ok_or(NotDone::Because("This action needs a group: an id or a name."))?;
        let found = directory.group(&wanted.0);
        Ok(found.ok_or(NotDone::Because("The directory has no such group."))?.id.clone())
    }

    /// Does it; who and which group it was about.
    fn carry_out(
        &self,
        change: &mut Change<'_>,
        keep_inactive: bool,
        domain: &domain::Domain,
    ) -> Result<(Option<DirectoryUserId>, Option<DirectoryGroupId>), NotDone> {
        let user = |change: &Change<'_>| self.user(change.directory);
        let group = |change: &Change<'_>| self.group(change.directory);
        let name = |text: &Option<Text>| {
            let name = text.as_ref().map(|text| text.0.clone()).filter(|name| !name.is_empty());
            name.ok_or(NotDone::Because("This action needs a name: group to create, new_name to rename."))
        };
        match self.action {
            Action::Hire => Ok((Some(change.hire(self.email()?, &self.details())?), None)),
            Action::Rehire => Ok((Some(change.rehire(self.email()?, &self.details())?), None)),
            Action::Update => {
                let id = user(change)?;
                change.update(&id, &self.details())?;
                Ok((Some(id), None))
            }
            Action::Suspend | Action::Reactivate => {
                let id = user(change)?;
                let state =
                    if self.action == Action::Suspend { UserState::Suspended } else { UserState::Active };
                change.set_state(&id, state)?;
                Ok((Some(id), None))
            }
            Action::Fire => {
                let id = user(change)?;
                change.fire(&id, keep_inactive)?;
                Ok((Some(id), None))
            }
            Action::GroupCreate => Ok((None, Some(change.group_create(&name(&self.group)?)?))),
            Action::GroupRename => {
                let id = group(change)?;
                change.group_rename(&id, &name(&self.new_name)?)?;
                Ok((None, Some(id)))
            }
            Action::GroupDelete => {
                let id = group(change)?;
                change.group_delete(&id)?;
                Ok((None, Some(id)))
            }
            Action::GroupAdd => {
                let (group, user) = (group(change)?, user(change)?);
                change.group_add(&group, &user)?;
                Ok((Some(user), Some(group)))
            }
            Action::GroupRemove => {
                let (group, user) = (group(change)?, user(change)?);
                change.group_remove(&group, &user)?;
                Ok((Some(user), Some(group)))
            }
            Action::Sync => {
                match self.people {
                    None => change.announce()?,
                    Some(people) => {
                        let groups = self.group_count.unwrap_or(0);
                        let group_size = self.group_size.unwrap_or(0);
                        change.grow(Sync { people, groups, group_size }, domain)?;
                    }
                }
                Ok((None, None))
            }
            // These are about the directory as a whole, and done where it is kept.
            Action::DirectoryCreate | Action::DirectoryDelete => Ok((None, None)),
        }
    }
}

/// What was done, before anything is sent.
struct Done {
    organization: OrganizationId,
    directory: DirectoryId,
    user: Option<Value>,
    group: Option<Value>,
    news: Vec<News>,
}

fn act(errand: &Errand, sandbox: &Sandbox, state: &mut crate::state::State) -> Result<Done, NotDone> {
    let pen = sandbox.pen();
    if errand.action == Action::DirectoryCreate {
        let missing =
            NotDone::Because("directory_create needs an organization that exists and has no directory.");
        let Some(organization) = errand.organization.clone() else { return Err(missing) };
        if state.world.directory_of(&organization).is_some() {
            return Err(missing);
        }
        let id = DirectoryId::parse(&format!("directory_{}", pen.ulid()?)).map_err(|_| NotDone::Id)?;
        let id = state.world.connect_directory(&organization, id, pen.now).ok_or(missing)?;
        let news = state.world.directory(id.as_str()).map(|known| state.world.activated(known));
        let news = news.into_iter().collect();
        return Ok(Done { organization, directory: id, user: None, group: None, news });
    }
    let directory = errand.directory(&state.world)?;
    let (id, organization) = (directory.id.clone(), directory.organization.clone());
    if errand.action == Action::DirectoryDelete {
        let news = state.world.delete_directory(id.as_str()).into_iter().collect();
        return Ok(Done { organization, directory: id, user: None, group: None, news });
    }
    let activated =
        (errand.action == Action::Sync && errand.people.is_none()).then(|| state.world.activated(directory));
    let domain = state.world.first_domain(&organization).ok_or(NotDone::Id)?;
    let keep = state.settings.keep_inactive_users;
    let mut change = Change::new(&mut state.world, id.as_str(), pen).ok_or(NotDone::Id)?;
    let outcome = errand.carry_out(&mut change, keep, &domain);
    let mut news: Vec<News> = activated.into_iter().collect();
    news.append(&mut change.news);
    match outcome {
        Ok((user, group)) => {
            let directory = &*change.directory;
            let user = user.map(|id| {
                let known = directory.users.get(id.as_str());
                known.map_or_else(|| json!({ "id": id }), |user| user_json(directory, user))
            });
            let group = group.map(|id| {
                let known = directory.groups.get(id.as_str());
                known.map_or_else(|| json!({ "id": id }), |group| group_json(directory, group))
            });
            Ok(Done { organization, directory: id, user, group, news })
        }
        Err(error) => Err(error),
    }
}

pub(crate) async fn change(State(sandbox): State<Sandbox>, verb: Verb<Errand>) -> Result<Response, Refused> {
    let errand = &verb.value;
    let parallel = errand.parallel.unwrap_or(if errand.action == Action::Sync { PARALLEL } else { 1 });
    if parallel > MOST_PARALLEL {
        return Err(verb.refuse("parallel is at most 64."));
    }
    let (done, post) = {
        let mut state = sandbox.state();
        let mut done = act(errand, &sandbox, &mut state).map_err(|error| match &error {
            NotDone::Because(why) => verb.refuse(why),
            NotDone::Rng(_) | NotDone::Id => verb.broken(&error),
        })?;
        let news = std::mem::take(&mut done.news);
        let post = state.record(news, sandbox.pen()).map_err(|error| verb.broken(&error))?;
        (done, post)
    };
    // A page does not wait for ten thousand.
    let waits = errand.wait && !(verb.is_from_page() && errand.action == Action::Sync);
    send(&sandbox, &post, parallel, waits).await;
    let mut answer = told(&sandbox, &post);
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("organization_id".to_owned(), json!(done.organization));
        fields.insert("directory_id".to_owned(), json!(done.directory));
        fields.insert("user".to_owned(), json!(done.user));
        fields.insert("group".to_owned(), json!(done.group));
    }
    Ok(verb.answer(answer, &format!("{PAGE}?organization={}", done.organization)))
}

async fn send(sandbox: &Sandbox, post: &Post, parallel: usize, waits: bool) {
    if waits {
        sandbox.deliver(post, parallel).await;
    } else {
        let (sandbox, leaving) = (sandbox.clone(), post.leaving.clone());
        tokio::spawn(async move { sandbox.deliver_claimed(leaving, parallel).await });
    }
}

/// What became of the events: counted, and the first of them in full.
fn told(sandbox: &Sandbox, post: &Post) -> Value {
    let state = sandbox.state();
    let events = || post.events.iter().filter_map(|number| state.journal.get(*number));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events() {
        *counts.entry(event.standing.as_str()).or_default() += 1;
    }
    json!({
        "events_count": post.events.len(),
        "deliveries": counts,
        "events": events().take(SHOWN).map(delivery_json).collect::<Vec<_>>(),
    })
}

/// Any event at all: of a type that nobody knows, or about things that are not there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnyEvent {
    event: String,
    data: Map<String, Value>,
    organization: Option<OrganizationId>,
}

pub(crate) async fn emit(State(sandbox): State<Sandbox>, verb: Verb<AnyEvent>) -> Result<Response, Refused> {
    let wanted = &verb.value;
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
    if wanted.event.is_empty() || wanted.event.len() > LONGEST_EVENT_NAME || !wanted.event.bytes().all(fine) {
        return Err(verb.refuse("event is a name such as dsync.user.created."));
    }
    let subject = wanted.data.get("id").and_then(Value::as_str).unwrap_or(&wanted.event).to_owned();
    let news = News {
        kind: wanted.event.clone(),
        organization: wanted.organization.clone(),
        subject,
        data: Value::Object(wanted.data.clone()),
    };
    let post = sandbox.state().record(vec![news], sandbox.pen()).map_err(|error| verb.broken(&error))?;
    send(&sandbox, &post, 1, true).await;
    Ok(verb.answer(told(&sandbox, &post), PAGE))
}
