//! Events about organizations, their domains and their connections, made from what they were and what they are.

use domain::tenant::ConnectionState;
use serde_json::Value;

use super::News;
use crate::model::{Connection, Organization, OrganizationDomain, World};
use crate::resources::{connection_json, domain_id, domain_json, organization_json};
use crate::state::Settings;

/// `organization.created`, `.updated`, `.deleted`.
pub(crate) fn organization_news(
    kind: &'static str,
    organization: &Organization,
    settings: &Settings,
) -> News {
    News {
        kind: kind.to_owned(),
        organization: Some(organization.id.clone()),
        subject: organization.id.to_string(),
        data: organization_json(organization, settings),
    }
}

fn domain_news(kind: &'static str, organization: &Organization, known: &OrganizationDomain) -> News {
    News {
        kind: kind.to_owned(),
        organization: Some(organization.id.clone()),
        subject: domain_id(&organization.id, &known.domain),
        data: domain_json(organization, known),
    }
}

/// What differs between two states of one organization; with `whole`, the organization itself is news too. Domains
/// that are changed on their own are told on their own.
pub(crate) fn organization_changes(
    old: &Organization,
    new: &Organization,
    settings: &Settings,
    whole: bool,
) -> Vec<News> {
    let mut news = Vec::new();
    for gone in old.domains.iter().filter(|known| !new.domains.iter().any(|own| own.domain == known.domain)) {
        news.push(domain_news("organization_domain.deleted", old, gone));
    }
    for known in &new.domains {
        match old.domains.iter().find(|before| before.domain == known.domain) {
            None => news.push(domain_news("organization_domain.created", new, known)),
            Some(before) if before.state == known.state => {}
            Some(before) if known.state.verified() && !before.state.verified() => {
                news.push(domain_news("organization_domain.verified", new, known));
            }
            Some(_) => news.push(domain_news("organization_domain.updated", new, known)),
        }
    }
    let differs = old.name != new.name || old.external_id != new.external_id || !news.is_empty();
    if whole && differs {
        news.push(organization_news("organization.updated", new, settings));
    }
    news
}

/// `connection.activated` or `.deactivated`, when the state went one way or the other.
pub(crate) fn connection_state(
    world: &World,
    before: &ConnectionState,
    connection: &Connection,
) -> Option<News> {
    let (was, is) = (*before == ConnectionState::Active, connection.state == ConnectionState::Active);
    let kind = match (was, is) {
        (false, true) => "connection.activated",
        (true, false) => "connection.deactivated",
        (true, true) | (false, false) => return None,
    };
    let mut data = connection_json(world, connection);
    if let Some(fields) = data.as_object_mut() {
        fields.insert(
            "external_key".to_owned(),
            Value::from(connection.id.as_str().trim_start_matches("conn_")),
        );
    }
    Some(connection_news(kind, connection, data))
}

/// `connection.deleted`: with the state before, and without what is gone with it.
pub(crate) fn connection_deleted(world: &World, connection: &Connection) -> News {
    let mut data = connection_json(world, connection);
    if let Some(fields) = data.as_object_mut() {
        fields.remove("status");
        fields.remove("domains");
    }
    connection_news("connection.deleted", connection, data)
}

fn connection_news(kind: &'static str, connection: &Connection, data: Value) -> News {
    News {
        kind: kind.to_owned(),
        organization: connection.organization.clone(),
        subject: connection.id.to_string(),
        data,
    }
}
