//! Directories, their users and groups as WorkOS writes them: one spelling in the API, another in events.
//!
//! `raw_attributes` is empty and the old `emails`, `job_title` and `username` are gone, as at WorkOS since April 2026;
//! `groups` of a user is empty, as for teams created since May 2026. A client that needs any of them finds out here.

use serde_json::{Map, Value, json};

use super::{Directory, Group, User, UserState};
use crate::model::World;
use crate::resources::{domain_id, moment};

impl Directory {
    /// `external_key` is WorkOS's name for the endpoint's secret part; nobody signs in with it here.
    fn external_key(&self) -> String {
        let tail = self.id.as_str().trim_start_matches("directory_");
        domain::sha256(tail).chars().filter(char::is_ascii_alphanumeric).take(16).collect()
    }

    fn object(&self, state: &str) -> Map<String, Value> {
        let fields = json!({
            "object": "directory",
            "id": self.id,
            "organization_id": self.organization,
            "type": self.kind,
            "name": self.name,
            "state": state,
            "created_at": moment(self.created_at),
            "updated_at": moment(self.updated_at),
        });
        match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }
}

fn domains(world: &World, directory: &Directory) -> Vec<(String, String)> {
    let organization = world.organization(directory.organization.as_str());
    organization
        .iter()
        .flat_map(|known| known.domains.iter().map(|own| (domain_id(&known.id, &own.domain), own)))
        .map(|(id, own)| (id, own.domain.to_string()))
        .collect()
}

/// As in the API, where a connected directory is `linked`.
pub(crate) fn directory_json(world: &World, directory: &Directory) -> Value {
    let mut fields = directory.object("linked");
    let domain = domains(world, directory).first().map(|(_, domain)| domain.clone());
    fields.insert("external_key".to_owned(), json!(directory.external_key()));
    fields.insert("domain".to_owned(), json!(domain));
    let active = directory.count(UserState::Active);
    fields.insert(
        "metadata".to_owned(),
        json!({
            "users": { "active": active, "inactive": directory.users.len() - active },
            "groups": directory.groups.len(),
        }),
    );
    Value::Object(fields)
}

/// `dsync.activated`: a connected directory is `active` here.
pub(super) fn activated(world: &World, directory: &Directory) -> Value {
    let mut fields = directory.object("active");
    let domain = |(id, domain)| json!({ "object": "organization_domain", "id": id, "domain": domain });
    fields.insert("external_key".to_owned(), json!(directory.external_key()));
    fields.insert(
        "domains".to_owned(),
        domains(world, directory).into_iter().map(domain).collect::<Vec<_>>().into(),
    );
    Value::Object(fields)
}

/// `dsync.deleted`: the state is the one before.
pub(super) fn deleted(directory: &Directory) -> Value {
    Value::Object(directory.object("active"))
}

/// As in events.
pub(crate) fn user_json(directory: &Directory, user: &User) -> Value {
    let mut object = json!({
        "object": "directory_user",
        "id": user.id,
        "directory_id": directory.id,
        "organization_id": directory.organization,
        "idp_id": user.idp_id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "name": user.name(),
        "emails": [],
        "job_title": null,
        "username": null,
        "state": user.state.as_str(),
        "custom_attributes": user.attributes,
        "raw_attributes": {},
        "created_at": moment(user.created_at),
        "updated_at": moment(user.updated_at),
    });
    // Absent, not null, without a role.
    if let (Some(slug), Some(fields)) = (&user.role, object.as_object_mut()) {
        fields.insert("role".to_owned(), json!({ "slug": slug }));
        fields.insert("roles".to_owned(), json!([{ "slug": slug }]));
    }
    object
}

/// As in the API.
pub(super) fn listed_user(directory: &Directory, user: &User) -> Value {
    let mut object = user_json(directory, user);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("groups".to_owned(), json!([]));
    }
    object
}

/// In a membership event: who it is, and not what is known of them. Whoever stores this over the user loses attributes.
pub(super) fn member_json(directory: &Directory, user: &User) -> Value {
    let bare = User { role: None, attributes: Map::new(), ..user.clone() };
    user_json(directory, &bare)
}

pub(crate) fn group_json(directory: &Directory, group: &Group) -> Value {
    json!({
        "object": "directory_group",
        "id": group.id,
        "idp_id": group.idp_id,
        "directory_id": directory.id,
        "organization_id": directory.organization,
        "name": group.name,
        "raw_attributes": {},
        "created_at": moment(group.created_at),
        "updated_at": moment(group.updated_at),
    })
}

/// `previous_attributes`: what differs, one level deep, and one more in `custom_attributes`. What was not there is null.
pub(super) fn previous(old: &Value, new: &Value) -> Value {
    let diff = |old: &Value, new: &Value| -> Map<String, Value> {
        let (Some(before), Some(now)) = (old.as_object(), new.as_object()) else { return Map::new() };
        before
            .keys()
            .chain(now.keys().filter(|name| !before.contains_key(*name)))
            .filter(|name| {
                before.get(*name).unwrap_or(&Value::Null) != now.get(*name).unwrap_or(&Value::Null)
            })
            .map(|name| (name.clone(), before.get(name).cloned().unwrap_or_default()))
            .collect()
    };
    let mut fields = diff(old, new);
    fields.remove("updated_at");
    if let (true, Some(before), Some(now)) =
        (fields.contains_key("custom_attributes"), old.get("custom_attributes"), new.get("custom_attributes"))
    {
        fields.insert("custom_attributes".to_owned(), Value::Object(diff(before, now)));
    }
    Value::Object(fields)
}
