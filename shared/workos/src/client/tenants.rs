//! The calls of an operator: organizations made, found, listed and changed, and the way into their set-up pages.
//!
//! Only the command line and the reconciler make them; a login needs none. Making an organization is sent once: WorkOS
//! has no idempotency key for it, so whoever wants to repeat it looks first. A portal link lets its holder change how a
//! company signs in for five minutes, so it is a secret: it is never logged, and shown to the person who asked for it.
//!
//! Source: WorkOS API reference, "Organizations", "Admin Portal", "Events".

use std::fmt;

use domain::{ConnectionId, Domain, OrganizationId, Timestamp};
use net::Deadline;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::{Client, ConnectionPage, ListMetadata, MOST_PAGES, PAGE, read, same};
use crate::base_url::is_confidential;
use crate::connection::Connection;
use crate::credentials::ApiKey;
use crate::error::{Error, Kind};
use crate::lenient;
use crate::organization::Organization;
use crate::retry::Repeat;
use crate::transport::Call;

/// One page of organizations.
#[derive(Debug, Clone)]
pub struct Organizations {
    pub organizations: Vec<Organization>,
    /// For the next page; `None` at the end.
    pub next: Option<OrganizationId>,
}

/// An organization to be made or changed. What is `None` is not sent.
#[derive(Debug, Clone, Default)]
pub struct OrganizationDraft<'a> {
    pub name: Option<&'a str>,
    /// Replaces all of them.
    pub domains: Option<Vec<DraftDomain<'a>>>,
    /// The adopter's own id of it, unique in the environment.
    pub external_id: Option<&'a str>,
}

#[derive(Debug, Clone, Copy)]
pub struct DraftDomain<'a> {
    pub domain: &'a Domain,
    /// The operator vouches that the domain is the organization's; else WorkOS waits for its proof.
    pub verified: bool,
}

/// What a portal link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortalIntent {
    Sso,
    Dsync,
    AuditLogs,
    LogStreams,
    DomainVerification,
    CertificateRenewal,
}

/// An address that opens an organization's set-up pages for five minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct PortalLink(Url);

/// One page of the environment's connections.
#[derive(Debug, Clone)]
pub struct Connections {
    pub connections: Vec<Connection>,
    /// For the next page; `None` at the end.
    pub next: Option<ConnectionId>,
}

/// What WorkOS reported about a connection's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateNotice {
    pub connection: String,
    /// When it expires; `None` once it was renewed.
    pub expires: Option<Timestamp>,
    pub reported_at: Timestamp,
}

impl PortalIntent {
    pub const ALL: [Self; 6] = [
        Self::Sso,
        Self::Dsync,
        Self::AuditLogs,
        Self::LogStreams,
        Self::DomainVerification,
        Self::CertificateRenewal,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sso => "sso",
            Self::Dsync => "dsync",
            Self::AuditLogs => "audit_logs",
            Self::LogStreams => "log_streams",
            Self::DomainVerification => "domain_verification",
            Self::CertificateRenewal => "certificate_renewal",
        }
    }
}

impl PortalLink {
    /// For the browser of the person who asked for it.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for PortalLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PortalLink({}, [redacted])", self.0.host_str().unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct OrganizationList {
    /// Required: an answer without it must not pass for an environment without organizations.
    data: Vec<Organization>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list_metadata: ListMetadata,
}

#[derive(Deserialize)]
struct LinkAnswer {
    link: String,
}

#[derive(Deserialize)]
struct EventList {
    data: Vec<Value>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list_metadata: ListMetadata,
}

const RENEWAL_REQUIRED: &str = "connection.saml_certificate_renewal_required";
const RENEWED: &str = "connection.saml_certificate_renewed";

impl Client {
    /// `GET /organizations`: all of them, page by page, oldest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn organizations(
        &self,
        key: &ApiKey,
        after: Option<&OrganizationId>,
        deadline: Deadline,
    ) -> Result<Organizations, Error> {
        self.organization_page(key, None, after.map(OrganizationId::as_str), deadline).await
    }

    /// `GET /organizations?domains=`: those that have the domain, proven or not.
    ///
    /// # Errors
    /// More than 500 are [`Kind::Malformed`]: a list that is cut short would pass for whole.
    pub async fn organizations_with_domain(
        &self,
        key: &ApiKey,
        domain: &Domain,
        deadline: Deadline,
    ) -> Result<Vec<Organization>, Error> {
        let mut all: Vec<Organization> = Vec::new();
        let mut after: Option<OrganizationId> = None;
        for _ in 0..MOST_PAGES {
            let after_text = after.as_ref().map(OrganizationId::as_str);
            let page = self.organization_page(key, Some(domain), after_text, deadline).await?;
            // A server that does not know the filter ignores it.
            let has = |known: &Organization| {
                known.domains.iter().any(|own| own.domain.eq_ignore_ascii_case(domain.as_str()))
            };
            all.extend(page.organizations.into_iter().filter(has));
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
        Err(Error { kind: Kind::Malformed, operation: "organizations", request_id: None, retry_after: None })
    }

    async fn organization_page(
        &self,
        key: &ApiKey,
        domain: Option<&Domain>,
        after: Option<&str>,
        deadline: Deadline,
    ) -> Result<Organizations, Error> {
        let mut url = self.base.join(&["organizations"]);
        url.query_pairs_mut()
            .append_pair("limit", PAGE)
            .append_pair("order", "asc")
            .extend_pairs(domain.iter().map(|domain| ("domains", domain.as_str())))
            .extend_pairs(after.iter().map(|after| ("after", after)));
        let accept = |answer: OrganizationList| {
            let after = answer.list_metadata.after.filter(|_| !answer.data.is_empty());
            let next =
                after.map(|id| OrganizationId::parse(&id)).transpose().map_err(|_| "a broken cursor")?;
            Ok(Organizations { organizations: answer.data, next })
        };
        self.transport.call(&read("organizations", url, key.expose()), deadline, accept).await
    }

    /// `GET /connections`: those of all organizations, page by page, oldest first. Far fewer calls than asking for each
    /// organization's when there are thousands.
    ///
    /// # Errors
    /// As every call.
    pub async fn all_connections(
        &self,
        key: &ApiKey,
        after: Option<&ConnectionId>,
        deadline: Deadline,
    ) -> Result<Connections, Error> {
        let mut url = self.base.join(&["connections"]);
        url.query_pairs_mut()
            .append_pair("limit", PAGE)
            .append_pair("order", "asc")
            .extend_pairs(after.iter().map(|after| ("after", after.as_str())));
        let accept = |answer: ConnectionPage| {
            let after = answer.list_metadata.after.filter(|_| !answer.data.is_empty());
            let next = after.map(|id| ConnectionId::parse(&id)).transpose().map_err(|_| "a broken cursor")?;
            Ok(Connections { connections: answer.data, next })
        };
        self.transport.call(&read("all_connections", url, key.expose()), deadline, accept).await
    }

    /// `GET /organizations/external_id/{external_id}`. `None` when there is none.
    ///
    /// # Errors
    /// As every call.
    pub async fn organization_by_external_id(
        &self,
        key: &ApiKey,
        external_id: &str,
        deadline: Deadline,
    ) -> Result<Option<Organization>, Error> {
        let url = self.base.join(&["organizations", "external_id", external_id]);
        let call = read("organization_by_external_id", url, key.expose());
        let accept = |found: Organization| same(found.external_id.as_deref() == Some(external_id), found);
        match self.transport.call(&call, deadline, accept).await {
            Ok(found) => Ok(Some(found)),
            Err(Error { kind: Kind::Rejected { status: 404, .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /organizations`. Sent once.
    ///
    /// # Errors
    /// `external_id_already_used`, and whatever WorkOS has against a domain.
    pub async fn create_organization(
        &self,
        key: &ApiKey,
        draft: &OrganizationDraft<'_>,
        deadline: Deadline,
    ) -> Result<Organization, Error> {
        let call = Call {
            operation: "create_organization",
            method: Method::POST,
            url: self.base.join(&["organizations"]),
            bearer: Some(key.expose()),
            body: Some(draft.body()),
            repeat: Repeat::Once,
        };
        self.transport.call(&call, deadline, Ok).await
    }

    /// `PUT /organizations/{id}`. The same call twice changes nothing more.
    ///
    /// # Errors
    /// A rejection with status 404 when there is no such organization.
    pub async fn update_organization(
        &self,
        key: &ApiKey,
        id: &OrganizationId,
        draft: &OrganizationDraft<'_>,
        deadline: Deadline,
    ) -> Result<Organization, Error> {
        let call = Call {
            operation: "update_organization",
            method: Method::PUT,
            url: self.base.join(&["organizations", id.as_str()]),
            bearer: Some(key.expose()),
            body: Some(draft.body()),
            repeat: Repeat::Idempotent,
        };
        let accept = |organization: Organization| same(organization.id == *id, organization);
        self.transport.call(&call, deadline, accept).await
    }

    /// `POST /portal/generate_link`. To be opened at once: it lives for five minutes, and must never be sent on.
    ///
    /// # Errors
    /// A rejection with status 404 when there is no such organization. A link that is not https (or http on loopback) is
    /// [`Kind::Malformed`].
    pub async fn portal_link(
        &self,
        key: &ApiKey,
        organization: &OrganizationId,
        intent: PortalIntent,
        return_url: Option<&str>,
        deadline: Deadline,
    ) -> Result<PortalLink, Error> {
        let mut body = Map::new();
        body.insert("organization".to_owned(), json!(organization.as_str()));
        body.insert("intent".to_owned(), json!(intent.as_str()));
        if let Some(url) = return_url {
            body.insert("return_url".to_owned(), json!(url));
        }
        let call = Call {
            operation: "portal_link",
            method: Method::POST,
            url: self.base.join(&["portal", "generate_link"]),
            bearer: Some(key.expose()),
            body: Some(Value::Object(body)),
            repeat: Repeat::Once,
        };
        let accept = |answer: LinkAnswer| match Url::parse(&answer.link) {
            Ok(url) if is_confidential(&url) => Ok(PortalLink(url)),
            _ => Err("the link is not https"),
        };
        self.transport.call(&call, deadline, accept).await
    }

    /// What WorkOS reported about the certificates of an organization's connections since then: `GET /events`. A
    /// connection of which it reported nothing has nothing to worry about, or is none with a certificate.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_notices(
        &self,
        key: &ApiKey,
        organization: &OrganizationId,
        since: Timestamp,
        deadline: Deadline,
    ) -> Result<Vec<CertificateNotice>, Error> {
        let mut notices = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut url = self.base.join(&["events"]);
            {
                let mut query = url.query_pairs_mut();
                query
                    .append_pair("events", &format!("{RENEWAL_REQUIRED},{RENEWED}"))
                    .append_pair("organization_id", organization.as_str())
                    .append_pair("limit", PAGE)
                    .append_pair("order", "asc");
                match &after {
                    Some(after) => query.append_pair("after", after),
                    None => query.append_pair("range_start", &since.rfc3339()),
                };
            }
            let accept = |answer: EventList| {
                let next = answer.list_metadata.after.filter(|_| !answer.data.is_empty());
                Ok((answer.data.iter().filter_map(notice).collect::<Vec<_>>(), next))
            };
            let call = read("certificate_notices", url, key.expose());
            let (some, next) = self.transport.call(&call, deadline, accept).await?;
            notices.extend(some);
            after = next;
            if after.is_none() {
                break;
            }
        }
        notices.sort_by_key(|notice| notice.reported_at);
        Ok(notices)
    }
}

/// Events that are not understood are left out: a report that lacks its date warns of nothing.
fn notice(event: &Value) -> Option<CertificateNotice> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let reported_at = Timestamp::parse_rfc3339(text("/created_at")?)?;
    let connection = text("/data/connection/id")?.to_owned();
    let expires = match text("/event")? {
        RENEWAL_REQUIRED => Some(Timestamp::parse_rfc3339(text("/data/certificate/expiry_date")?)?),
        RENEWED => None,
        _ => return None,
    };
    Some(CertificateNotice { connection, expires, reported_at })
}

impl OrganizationDraft<'_> {
    fn body(&self) -> Value {
        let mut body = Map::new();
        if let Some(name) = self.name {
            body.insert("name".to_owned(), json!(name));
        }
        if let Some(domains) = &self.domains {
            let domain = |draft: &DraftDomain<'_>| {
                let state = if draft.verified { "verified" } else { "pending" };
                json!({ "domain": draft.domain.as_str(), "state": state })
            };
            body.insert("domain_data".to_owned(), domains.iter().map(domain).collect());
        }
        if let Some(external_id) = self.external_id {
            body.insert("external_id".to_owned(), json!(external_id));
        }
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{Clock, Rng};

    use super::*;
    use crate::base_url::BaseUrl;
    use crate::credentials::ClientId;
    use crate::fake::{Answer, Fake, ok, status};

    async fn scripted(script: impl IntoIterator<Item = Answer>) -> (Fake, Client) {
        let fake = Fake::start(script).await;
        let client = Client::new(
            net::client().unwrap(),
            BaseUrl::parse(&fake.base).unwrap(),
            ClientId::parse("client_01").unwrap(),
            Clock::manual(Timestamp::from_seconds(0)),
            Rng::seeded(1),
        );
        (fake, client)
    }

    fn key() -> ApiKey {
        ApiKey::parse("sk_test_canary").unwrap()
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(4))
    }

    fn acme() -> OrganizationId {
        OrganizationId::parse("org_acme").unwrap()
    }

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    #[tokio::test]
    async fn organizations_are_listed_page_by_page() {
        let page = |id: &str, after: Value| {
            ok(json!({ "object": "list", "data": [{ "id": id }], "list_metadata": { "after": after } }))
        };
        let (fake, client) = scripted([page("org_1", json!("org_1")), page("org_2", json!(null))]).await;
        let first = client.organizations(&key(), None, soon()).await.unwrap();
        let second = client.organizations(&key(), first.next.as_ref(), soon()).await.unwrap();
        assert_eq!(second.organizations[0].id.as_str(), "org_2");
        assert_eq!(second.next, None);
        let targets: Vec<String> = fake.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(
            targets,
            ["/organizations?limit=100&order=asc", "/organizations?limit=100&order=asc&after=org_1"]
        );
    }

    #[tokio::test]
    async fn connections_of_all_organizations_are_listed() {
        let page = |after: Value| {
            ok(json!({ "data": [{ "id": "conn_1", "organization_id": "org_1" }, { "id": "conn_2" }],
                       "list_metadata": { "after": after } }))
        };
        let (fake, client) = scripted([page(json!("conn_2")), page(json!(null))]).await;
        let first = client.all_connections(&key(), None, soon()).await.unwrap();
        assert_eq!(first.connections.len(), 2);
        let second = client.all_connections(&key(), first.next.as_ref(), soon()).await.unwrap();
        assert_eq!(second.next, None);
        assert_eq!(fake.requests()[1].target, "/connections?limit=100&order=asc&after=conn_2");
    }

    /// R47: an answer to another question is none.
    #[tokio::test]
    async fn only_organizations_with_the_domain_are_found() {
        let answer = json!({ "data": [
            { "id": "org_1", "domains": [{ "domain": "Acme.com", "state": "pending" }] },
            { "id": "org_2", "domains": [{ "domain": "globex.com", "state": "verified" }] },
        ] });
        let (fake, client) = scripted([ok(answer)]).await;
        let found = client.organizations_with_domain(&key(), &domain("acme.com"), soon()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(fake.requests()[0].target, "/organizations?limit=100&order=asc&domains=acme.com");
    }

    #[tokio::test]
    async fn an_external_id_is_found_or_is_free() {
        let (fake, client) = scripted([
            ok(json!({ "id": "org_1", "external_id": "crm/7" })),
            status(404, r#"{"message":"Organization not found."}"#),
            ok(json!({ "id": "org_1", "external_id": "other" })),
        ])
        .await;
        let key = key();
        let find = || client.organization_by_external_id(&key, "crm/7", soon());
        assert_eq!(find().await.unwrap().unwrap().id.as_str(), "org_1");
        assert!(find().await.unwrap().is_none());
        assert_eq!(find().await.unwrap_err().kind, Kind::Malformed);
        assert_eq!(fake.requests()[0].target, "/organizations/external_id/crm%2F7");
    }

    #[tokio::test]
    async fn an_organization_is_made_once_and_changed_as_often_as_needed() {
        let (fake, client) =
            scripted([status(500, "{}"), status(500, "{}"), ok(json!({ "id": "org_acme" }))]).await;
        let (acme_com, labs) = (domain("acme.com"), domain("acme-labs.com"));
        let draft = OrganizationDraft {
            name: Some("Acme Corp"),
            domains: Some(vec![
                DraftDomain { domain: &acme_com, verified: true },
                DraftDomain { domain: &labs, verified: false },
            ]),
            external_id: Some("crm-7"),
        };
        let failed = client.create_organization(&key(), &draft, soon()).await.unwrap_err();
        assert_eq!(failed.kind, Kind::Unavailable { status: 500 });
        assert_eq!(fake.requests().len(), 1, "a second try would make a second organization");
        let body: Value = serde_json::from_str(&fake.requests()[0].body).unwrap();
        assert_eq!(
            body,
            json!({ "name": "Acme Corp", "external_id": "crm-7", "domain_data": [
                { "domain": "acme.com", "state": "verified" },
                { "domain": "acme-labs.com", "state": "pending" },
            ] })
        );
        let rename = OrganizationDraft { name: Some("Acme"), ..OrganizationDraft::default() };
        client.update_organization(&key(), &acme(), &rename, soon()).await.unwrap();
        let last = fake.requests().pop().unwrap();
        assert_eq!((last.method.as_str(), last.target.as_str()), ("PUT", "/organizations/org_acme"));
        assert_eq!(last.body, r#"{"name":"Acme"}"#);
    }

    /// The link is a key to a company's sign-in: it is in no debug output, and plain http is refused.
    #[tokio::test]
    async fn a_portal_link_is_a_secret() {
        let (fake, client) = scripted([
            ok(json!({ "link": "https://setup.workos.com?token=canary" })),
            ok(json!({ "link": "http://setup.workos.example?token=canary" })),
            ok(json!({ "link": "javascript:alert(1)" })),
        ])
        .await;
        let (key, acme) = (key(), acme());
        let make = |return_url| client.portal_link(&key, &acme, PortalIntent::Sso, return_url, soon());
        let link = make(Some("https://app.example.com/")).await.unwrap();
        assert_eq!(link.expose(), "https://setup.workos.com/?token=canary");
        assert_eq!(format!("{link:?}"), "PortalLink(setup.workos.com, [redacted])");
        let body: Value = serde_json::from_str(&fake.requests()[0].body).unwrap();
        let expected =
            json!({ "organization": "org_acme", "intent": "sso", "return_url": "https://app.example.com/" });
        assert_eq!(body, expected);
        for _ in 0..2 {
            assert_eq!(make(None).await.unwrap_err().kind, Kind::Malformed);
        }
    }

    #[tokio::test]
    async fn certificates_are_as_last_reported() {
        let event = |name: &str, at: &str, certificate: Value| {
            json!({ "object": "event", "id": "event_1", "event": name, "created_at": at,
                    "data": { "connection": { "id": "conn_1" }, "certificate": certificate } })
        };
        let (fake, client) = scripted([ok(json!({ "data": [
            event(RENEWED, "2026-11-20T08:00:00.000Z", json!({ "certificate_type": "ResponseSigning" })),
            event(RENEWAL_REQUIRED, "2026-11-10T08:00:00.000Z", json!({ "expiry_date": "2026-12-01T00:00:00.000Z" })),
            event(RENEWAL_REQUIRED, "2026-11-11T08:00:00.000Z", json!({ "expiry_date": "soon" })),
            event("connection.deleted", "2026-11-12T08:00:00.000Z", json!({})),
            json!({}),
        ] }))])
        .await;
        let since = Timestamp::parse_rfc3339("2026-11-01T00:00:00Z").unwrap();
        let notices = client.certificate_notices(&key(), &acme(), since, soon()).await.unwrap();
        let expiries: Vec<Option<String>> =
            notices.iter().map(|notice| notice.expires.map(Timestamp::rfc3339)).collect();
        assert_eq!(expiries, [Some("2026-12-01T00:00:00Z".to_owned()), None]);
        assert!(fake.requests()[0].target.contains("range_start=2026-11-01T00%3A00%3A00Z"));

        let first = event(RENEWED, "2026-11-20T08:00:00.000Z", json!({}));
        let (fake, client) = scripted([
            ok(json!({ "data": [first], "list_metadata": { "after": "event_1" } })),
            ok(json!({ "data": [], "list_metadata": { "after": "event_1" } })),
        ])
        .await;
        assert_eq!(client.certificate_notices(&key(), &acme(), since, soon()).await.unwrap().len(), 1);
        let requests = fake.requests();
        assert!(
            requests.len() == 2 && requests[1].target.contains("after=event_1"),
            "page by page to the end"
        );
    }
}
