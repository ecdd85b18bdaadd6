//! The directories of the seeded organizations: their people, but for those who may not sign in any more.
//!
//! Ids are made of names, as everywhere in the seed: `directory_01SANDBOXACME`, `directory_user_01SANDBOXADA`,
//! `directory_group_01SANDBOXACMEENGINEERING`.

use std::collections::HashSet;

use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId};
use serde_json::{Map, Value};

use super::verbs::idp_id_of;
use super::{Directory, Group, Roll, User, UserState};
use crate::model::{Idp, Organization, World};

/// One directory for each organization that has a connection.
pub(crate) fn directories(world: &World) -> Option<Vec<Directory>> {
    let seeded = world.organizations().filter_map(|organization| {
        let idp = world.connections_of(&organization.id).next()?.idp;
        Some(directory(world, organization, idp))
    });
    seeded.collect()
}

/// What WorkOS calls the directory of such a company.
pub(super) const fn kind(idp: Idp) -> &'static str {
    match idp {
        Idp::OktaSaml => "okta scim v2.0",
        Idp::EntraIdOidc | Idp::MicrosoftOauth => "azure scim v2.0",
        Idp::GoogleOidc | Idp::GoogleOauth => "gsuite directory",
        Idp::OneLoginSaml => "onelogin scim v2.0",
        Idp::JumpCloudSaml => "jump cloud scim v2.0",
        Idp::GitHubOauth => "generic scim v2.0",
    }
}

pub(super) fn attributes(job_title: Option<&str>, department: Option<&str>) -> Map<String, Value> {
    let known = [("job_title", job_title), ("department_name", department)];
    known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|text| !text.is_empty())?.into())))
        .collect()
}

fn directory(world: &World, organization: &Organization, idp: Idp) -> Option<Directory> {
    let name = organization.id.as_str().trim_start_matches("org_01SANDBOX");
    let mut directory = Directory {
        id: DirectoryId::parse(&format!("directory_01SANDBOX{name}")).ok()?,
        organization: organization.id.clone(),
        name: format!("{} {}", organization.name, idp.product()),
        kind: kind(idp),
        created_at: organization.created_at,
        updated_at: organization.created_at,
        users: Roll::default(),
        groups: Roll::default(),
        by_email: Default::default(),
        leavers: vec![],
    };
    let own = world.people.iter().filter(|person| person.organization.as_ref() == Some(&organization.id));
    for person in own.filter(|person| !person.blocked) {
        let id = DirectoryUserId::parse(&format!("directory_user_01SANDBOX{}", person.key)).ok()?;
        for group in &person.groups {
            let tail: String =
                group.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
            let group_id = DirectoryGroupId::parse(&format!("directory_group_01SANDBOX{name}{tail}")).ok()?;
            if let Some(known) = directory.groups.get_mut(group_id.as_str()) {
                known.members.insert(id.clone());
                continue;
            }
            let new = Group {
                id: group_id,
                idp_id: group.clone(),
                name: group.clone(),
                members: HashSet::from([id.clone()]),
                created_at: organization.created_at,
                updated_at: organization.created_at,
            };
            directory.groups.insert(new.id.to_string(), new);
        }
        directory.admit(User {
            id,
            idp_id: idp_id_of(&world.connections, person),
            email: Some(person.email.clone()),
            first_name: person.first_name.clone(),
            last_name: person.last_name.clone(),
            role: person.role.clone(),
            attributes: attributes(person.job_title.as_deref(), person.department.as_deref()),
            state: UserState::Active,
            created_at: organization.created_at,
            updated_at: organization.created_at,
        });
    }
    Some(directory)
}

impl World {
    /// Connects a new, empty directory.
    pub(crate) fn connect_directory(
        &mut self,
        organization: &domain::OrganizationId,
        id: DirectoryId,
        now: domain::Timestamp,
    ) -> Option<DirectoryId> {
        let company = self.organization(organization.as_str())?;
        let idp = self.connections_of(organization).next().map(|connection| connection.idp);
        let product = idp.map_or("directory", Idp::product);
        self.directories.push(Directory {
            id: id.clone(),
            organization: organization.clone(),
            name: format!("{} {product}", company.name),
            kind: idp.map_or("generic scim v2.0", kind),
            created_at: now,
            updated_at: now,
            users: Roll::default(),
            groups: Roll::default(),
            by_email: Default::default(),
            leavers: vec![],
        });
        Some(id)
    }
}
