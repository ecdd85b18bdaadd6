//! `GET /_sandbox/directory`: a company's directory as its administrator sees it, and what became of the news.
//!
//! Forms only: whoever has switched scripts off has lost nothing. A directory of ten thousand shows its first few, and
//! finds the others.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::Timestamp;
use http::StatusCode;
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::{STYLE, answer};
use crate::control::DIRECTORY_PAGE;
use crate::delivery::Switches;
use crate::directory::{Directory, Group, User, UserState};
use crate::events::{Event, Standing};
use crate::model::Organization;
use crate::state::{Sandbox, Settings};

const PEOPLE: usize = 15;
const GROUPS: usize = 12;
const LEAVERS: usize = 10;
const DELIVERIES: usize = 25;
/// Longer lists of groups are not for a text field.
const EDITABLE_GROUPS: usize = 12;

#[derive(Deserialize)]
pub(crate) struct Which {
    organization: Option<String>,
    q: Option<String>,
}

#[derive(Template)]
#[template(path = "directory.html")]
struct Page {
    style: &'static str,
    companies: Vec<Company>,
    /// The company that is shown.
    name: String,
    organization: String,
    /// Where the forms come back to.
    here: String,
    domain: String,
    search: String,
    directory: Option<Shown>,
    webhook: Option<String>,
    switches: Switches,
    settings: Settings,
    waiting: usize,
    sending: usize,
    total: usize,
    deliveries: Vec<Line>,
}

struct Company {
    id: String,
    name: String,
    here: bool,
}

struct Shown {
    id: String,
    kind: &'static str,
    active: usize,
    inactive: usize,
    people: Vec<PersonRow>,
    people_found: usize,
    groups: Vec<GroupRow>,
    groups_total: usize,
    groups_found: usize,
    leavers: Vec<Leaver>,
}

struct PersonRow {
    id: String,
    name: String,
    email: Option<String>,
    first_name: String,
    last_name: String,
    title: Option<String>,
    state: &'static str,
    tone: &'static str,
    active: bool,
    groups: Vec<String>,
    more_groups: usize,
    /// For the text field; `None` where there are too many.
    groups_text: Option<String>,
}

struct GroupRow {
    id: String,
    name: String,
    members: usize,
}

struct Leaver {
    email: String,
    name: String,
}

struct Line {
    id: String,
    time: String,
    kind: String,
    about: String,
    standing: &'static str,
    tone: &'static str,
    tries: usize,
    last: Option<String>,
    due: Option<String>,
}

fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Delivered => "good",
        Standing::Sending | Standing::Delayed | Standing::Held | Standing::Dropped => "warn",
        Standing::Retrying | Standing::GivenUp => "bad",
        Standing::NoEndpoint => "",
    }
}

/// `09:30:05`, and the day where it is not today.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let text = at.rfc3339();
    let (day, time) = (text.get(..10).unwrap_or(""), text.get(11..19).unwrap_or(""));
    if now.rfc3339().get(..10) == Some(day) { time.to_owned() } else { format!("{day} {time}") }
}

fn person(directory: &Directory, user: &User) -> PersonRow {
    let groups: Vec<String> = directory.groups_of(&user.id).map(|group| group.name.clone()).collect();
    let few = groups.len() <= EDITABLE_GROUPS;
    PersonRow {
        id: user.id.to_string(),
        name: user.name().unwrap_or_else(|| "(no name)".to_owned()),
        email: user.email.as_ref().map(ToString::to_string),
        first_name: user.first_name.clone().unwrap_or_default(),
        last_name: user.last_name.clone().unwrap_or_default(),
        title: user.attributes.get("job_title").and_then(|title| title.as_str()).map(str::to_owned),
        state: user.state.as_str(),
        tone: match user.state {
            UserState::Active => "good",
            UserState::Suspended => "warn",
            UserState::Inactive => "bad",
        },
        active: user.state == UserState::Active,
        more_groups: groups.len().saturating_sub(3),
        groups_text: few.then(|| groups.join(", ")),
        groups: groups.into_iter().take(3).collect(),
    }
}

fn shown(directory: &Directory, search: &str) -> Shown {
    let text = search.to_lowercase();
    let named = |name: &str| name.to_lowercase().contains(&text);
    let found = |user: &&User| {
        text.is_empty()
            || user.name().is_some_and(|name| named(&name))
            || user.email.as_ref().is_some_and(|email| named(&email.to_string()))
    };
    let group = |group: &&Group| text.is_empty() || named(&group.name);
    let row = |group: &Group| GroupRow {
        id: group.id.to_string(),
        name: group.name.clone(),
        members: group.members.len(),
    };
    // Who has come back is no leaver.
    let gone = directory.leavers.iter().rev().filter_map(|user| {
        let email = user.email.as_ref().filter(|email| directory.is_free(email, None))?;
        Some(Leaver { email: email.to_string(), name: user.name().unwrap_or_default() })
    });
    let mut leavers: Vec<Leaver> = Vec::new();
    for leaver in gone {
        if leavers.len() < LEAVERS && !leavers.iter().any(|known| known.email == leaver.email) {
            leavers.push(leaver);
        }
    }
    let active = directory.count(UserState::Active);
    Shown {
        id: directory.id.to_string(),
        kind: directory.kind,
        active,
        inactive: directory.users.len() - active,
        people_found: directory.users.iter().filter(found).count(),
        people: directory
            .users
            .iter()
            .filter(found)
            .take(PEOPLE)
            .map(|user| person(directory, user))
            .collect(),
        groups_total: directory.groups.len(),
        groups_found: directory.groups.iter().filter(group).count(),
        groups: directory.groups.iter().filter(group).take(GROUPS).map(row).collect(),
        leavers,
    }
}

fn line(event: &Event, now: Timestamp) -> Line {
    let last = event.attempts.last().map(|attempt| match &attempt.result {
        Ok(status) => status.to_string(),
        Err(why) => why.clone(),
    });
    Line {
        id: event.id.clone(),
        time: clock(event.created_at, now),
        kind: event.kind.clone(),
        about: about(event),
        standing: event.standing.as_str(),
        tone: tone(event.standing),
        tries: event.attempts.len(),
        last,
        due: event.due.map(|due| clock(due, now)),
    }
}

/// Whom or what an event is about, in words that a person knows.
fn about(event: &Event) -> String {
    let body: serde_json::Value = serde_json::from_str(&event.body).unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(|value| value.as_str());
    match (text("/data/user/email"), text("/data/group/name")) {
        (Some(email), Some(group)) => format!("{email} · {group}"),
        _ => ["/data/email", "/data/name", "/data/domain", "/data/id"]
            .iter()
            .find_map(|pointer| text(pointer))
            .unwrap_or(&event.subject)
            .to_owned(),
    }
}

pub(crate) async fn directory(State(sandbox): State<Sandbox>, Query(which): Query<Which>) -> Response {
    let now = sandbox.now();
    let state = sandbox.state();
    let world = &state.world;
    let wanted = which.organization.as_deref().and_then(|id| world.organization(id));
    let Some(organization) = wanted.or_else(|| world.organizations().next()) else {
        return super::message(
            StatusCode::NOT_FOUND,
            "No company",
            "There is no organization.",
            Some(("Back", "/")),
        );
    };
    let search = which.q.unwrap_or_default();
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let mut here = format!("{DIRECTORY_PAGE}?organization={}", encoded(organization.id.as_str()));
    if !search.is_empty() {
        here.push_str(&format!("&q={}", encoded(&search)));
    }
    // Those with a directory, and the one that is looked at: thousands may have been made.
    let listed =
        |known: &&Organization| known.id == organization.id || world.directory_of(&known.id).is_some();
    let company = |known: &Organization| Company {
        id: known.id.to_string(),
        name: known.name.clone(),
        here: known.id == organization.id,
    };
    let page = Page {
        style: STYLE,
        companies: world.organizations().filter(listed).map(company).collect(),
        name: organization.name.clone(),
        organization: organization.id.to_string(),
        here,
        domain: world.first_domain(&organization.id).map(|domain| domain.to_string()).unwrap_or_default(),
        directory: world.directory_of(&organization.id).map(|known| shown(known, search.trim())),
        search,
        webhook: state.webhook.as_ref().map(|webhook| webhook.url.clone()),
        switches: state.switches.clone(),
        settings: state.settings.clone(),
        waiting: state.journal.iter().filter(|event| event.standing.waits()).count(),
        sending: state.journal.sending(),
        total: state.journal.len(),
        deliveries: state.journal.iter().rev().take(DELIVERIES).map(|event| line(event, now)).collect(),
    };
    answer(StatusCode::OK, &page)
}
