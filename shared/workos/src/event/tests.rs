use domain::DirectoryUserId;
use domain::directory::DirectoryUserState;
use serde_json::json;

use super::*;

fn event(kind: &str, data: Value) -> Event {
    Event::from_value(json!({
        "object": "event", "id": "event_01", "event": kind, "created_at": "2026-11-25T08:30:00.123Z",
        "context": {"client_id": "client_1", "actor": {"source": "system"}}, "data": data, "new_field": {},
    }))
    .unwrap()
}

fn read(kind: &str, data: Value) -> Result<Message, &'static str> {
    event(kind, data).read().map_err(Unreadable::as_str)
}

fn ada() -> Value {
    json!({
        "object": "directory_user", "id": "directory_user_1", "directory_id": "directory_1",
        "organization_id": "org_acme", "idp_id": "00u1", "email": "Ada.Okafor@ACME.com", "first_name": "Ada",
        "last_name": "", "state": "active", "custom_attributes": {"department_name": "R&D"}, "raw_attributes": {},
        "emails": null, "role": {"slug": "admin"}, "previous_attributes": {"email": "old@acme.com"},
        "created_at": "2026-11-25T08:30:00.000Z", "updated_at": "2026-11-25T08:30:00.000Z",
    })
}

fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

fn change(message: Result<Message, &'static str>) -> DirectoryChange {
    match message.unwrap() {
        Message::Directory { origin, change } => {
            assert_eq!(origin.directory.as_str(), "directory_1");
            change
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_envelope_has_an_id_a_type_a_time_and_data() {
    let whole = json!({"id": "event_1", "event": "dsync.deleted", "created_at": "2023-04-28 20:05:31.093", "data": {}});
    let event = Event::from_value(whole.clone()).unwrap();
    assert_eq!(event.created_at.rfc3339(), "2023-04-28T20:05:31.093Z");
    assert_eq!(event.client_id, None);
    for (change, error) in [
        (json!({"id": null}), InvalidEvent::NoId),
        (json!({"id": "evt_1"}), InvalidEvent::NoId),
        (json!({"id": "event_1\n"}), InvalidEvent::NoId),
        (json!({"event": 7}), InvalidEvent::NoType),
        (json!({"event": ""}), InvalidEvent::NoType),
        (json!({"event": "Bad\u{1b}[31m"}), InvalidEvent::NoType),
        (json!({"created_at": "yesterday"}), InvalidEvent::NoTime),
        (json!({"created_at": 1_795_595_400}), InvalidEvent::NoTime),
        (json!({"data": []}), InvalidEvent::NoData),
        (json!({"data": null}), InvalidEvent::NoData),
    ] {
        assert_eq!(Event::from_value(with(whole.clone(), change.clone())), Err(error), "{change}");
    }
    for text in ["", "null", "[]", "\"event\"", "{", "{\"id\":", "\u{feff}{}"] {
        assert!(Event::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(Event::parse(b"\xff"), Err(InvalidEvent::NotJson));
    assert_eq!(Event::parse("[".repeat(200_000).as_bytes()), Err(InvalidEvent::NotJson));
}

/// Debug output ends in logs, and data is about people.
#[test]
fn nothing_of_the_data_is_shown() {
    let shown = format!("{:?}", event("dsync.user.created", ada()));
    assert!(shown.contains("event_01") && !shown.to_lowercase().contains("ada"), "{shown}");
}

#[test]
fn a_person_is_what_the_directory_says() {
    let DirectoryChange::UpsertUser(record) = change(read("dsync.user.created", ada())) else { panic!() };
    assert_eq!(record.email.as_ref().unwrap().to_string(), "ada.okafor@acme.com");
    assert_eq!((record.idp_id.as_deref(), record.first_name.as_deref()), (Some("00u1"), Some("Ada")));
    assert_eq!((record.last_name, record.state), (None, DirectoryUserState::Active));
    assert_eq!(record.custom["department_name"], "R&D");
    for (state, expected) in [
        (json!("inactive"), DirectoryUserState::Inactive),
        (json!("suspended"), DirectoryUserState::Suspended),
        (json!("on_leave"), DirectoryUserState::Inactive),
        (json!(null), DirectoryUserState::Inactive),
    ] {
        let updated = read("dsync.user.updated", with(ada(), json!({"state": state})));
        let DirectoryChange::UpsertUser(record) = change(updated) else { panic!() };
        assert_eq!(record.state, expected, "{state}");
    }
    let deleted = change(read("dsync.user.deleted", ada()));
    let DirectoryChange::DeleteUser { user, record: Some(_) } = deleted else { panic!() };
    assert_eq!(user, DirectoryUserId::parse("directory_user_1").unwrap());
}

/// The address of users from before 2026-04: the primary one of a list.
#[test]
fn an_old_list_of_addresses_serves() {
    let emails = json!([{"value": "other@acme.com"}, {"primary": true, "value": "ada@acme.com"}]);
    for (changes, expected) in [
        (json!({"email": null, "emails": emails}), Some("ada@acme.com")),
        (json!({"email": "", "emails": [{"value": "only@acme.com"}]}), Some("only@acme.com")),
        (json!({"email": "a@b@acme.com", "emails": emails}), None),
        (json!({"email": null, "emails": []}), None),
    ] {
        let DirectoryChange::UpsertUser(record) = change(read("dsync.user.created", with(ada(), changes)))
        else {
            panic!()
        };
        assert_eq!(record.email.map(|email| email.to_string()).as_deref(), expected);
    }
}

#[test]
fn groups_and_memberships() {
    let group = json!({"id": "directory_group_1", "directory_id": "directory_1", "organization_id": "org_acme",
                       "name": "Engineers", "idp_id": "Engineers", "raw_attributes": {}});
    let DirectoryChange::UpsertGroup(record) = change(read("dsync.group.updated", group.clone())) else {
        panic!()
    };
    assert_eq!((record.name.as_str(), record.idp_id.as_deref()), ("Engineers", Some("Engineers")));
    assert!(matches!(
        change(read("dsync.group.deleted", group.clone())),
        DirectoryChange::DeleteGroup { .. }
    ));
    let membership =
        json!({"directory_id": "directory_1", "user": {"id": "directory_user_1"}, "group": group});
    let added = change(read("dsync.group.user_added", membership.clone()));
    assert!(matches!(added, DirectoryChange::AddMember { .. }));
    let removed = change(read("dsync.group.user_removed", membership.clone()));
    assert!(matches!(removed, DirectoryChange::RemoveMember { .. }));
    let torn = with(membership.clone(), json!({"directory_id": "directory_2"}));
    assert_eq!(read("dsync.group.user_added", torn), Err("it names two directories"));
    let torn = with(membership, json!({"user": {"id": "directory_user_1", "organization_id": "org_evil"}}));
    assert_eq!(read("dsync.group.user_added", torn), Err("it names two organizations"));
}

#[test]
fn directories_introduce_themselves_and_end() {
    let directory = json!({"object": "directory", "id": "directory_1", "organization_id": "org_acme", "name": "Okta",
                           "type": "okta scim v2.0", "state": "active", "external_key": "x", "domains": []});
    let DirectoryChange::DirectoryActivated(record) = change(read("dsync.activated", directory.clone()))
    else {
        panic!()
    };
    assert_eq!(record.kind, "okta scim v2.0");
    assert_eq!(change(read("dsync.deactivated", directory.clone())), DirectoryChange::DirectoryDeactivated);
    assert_eq!(change(read("dsync.deleted", directory)), DirectoryChange::DirectoryDeleted);
    let nobody = read("dsync.deleted", json!({"id": "directory_1"}));
    let Message::Directory { origin, .. } = nobody.unwrap() else { panic!() };
    assert_eq!(origin.organization, None);
}

#[test]
fn organizations_connections_and_domains_change_tenants() {
    let tenant = |kind: &str, data: Value| match read(kind, data).unwrap() {
        Message::Tenant { organization, change } => {
            assert_eq!(organization.as_str(), "org_acme");
            change
        }
        other => panic!("{other:?}"),
    };
    let connection = json!({"id": "conn_1", "organization_id": "org_acme", "name": "Okta", "state": "inactive",
                            "connection_type": "OktaSAML"});
    let TenantChange::Connection(known) = tenant("connection.deactivated", connection.clone()) else {
        panic!()
    };
    assert!(!known.state.usable());
    assert!(matches!(tenant("connection.deleted", connection.clone()), TenantChange::ConnectionDeleted(_)));
    let google = with(connection, json!({"organization_id": null}));
    assert_eq!(read("connection.activated", google), Ok(Message::Nothing));

    let organization = json!({"id": "org_acme", "name": "Acme", "domains": [
        {"domain": "acme.com", "state": "verified"}, {"domain": "no domain", "state": "verified"}]});
    let TenantChange::Organization { domains: Some(domains), .. } =
        tenant("organization.updated", organization.clone())
    else {
        panic!()
    };
    assert!(domains.len() == 1 && domains[0].verified);
    let bare = json!({"id": "org_acme", "name": "Acme"});
    assert!(matches!(tenant("organization.created", bare), TenantChange::Organization { domains: None, .. }));
    assert_eq!(tenant("organization.deleted", organization), TenantChange::OrganizationDeleted);

    let domain = json!({"id": "org_domain_1", "organization_id": "org_acme", "domain": "acme.com", "state": "verified"});
    let verified = |change| match change {
        TenantChange::Domain(known) => known.verified,
        other => panic!("{other:?}"),
    };
    assert!(verified(tenant("organization_domain.verified", domain.clone())));
    let failed = json!({"reason": "domain_verification_period_expired", "organization_domain": domain});
    assert!(!verified(tenant("organization_domain.verification_failed", failed)));
    assert!(matches!(tenant("organization_domain.deleted", domain), TenantChange::DomainDeleted(_)));
}

#[test]
fn a_certificate_runs_out() {
    let data = json!({"connection": {"id": "conn_1", "organization_id": "org_acme"}, "days_until_expiry": -3,
        "certificate": {"certificate_type": "ResponseSigning", "expiry_date": "2026-12-01T00:00:00.000Z", "is_expired": true}});
    let Message::Certificate(due) = read("connection.saml_certificate_renewal_required", data).unwrap()
    else {
        panic!()
    };
    assert!(due.expired && due.kind == "ResponseSigning");
    assert_eq!(due.expires.unwrap().rfc3339(), "2026-12-01T00:00:00Z");
}

/// R56: what nobody knows is no error.
#[test]
fn unknown_types_are_known_as_such() {
    assert_eq!(read("dsync.user.promoted", json!({})), Ok(Message::Unknown));
    let flag = event("flag.created", json!({"x": 1}));
    assert_eq!((flag.kind.as_str(), flag.kind.label()), ("flag.created", "other"));
    assert_eq!(event(&"x".repeat(500), json!({})).kind.as_str().len(), 64);
    for known in EventKind::KNOWN {
        assert_eq!(EventKind::parse(known).unwrap().label(), *known);
    }
}

/// R57: data that cannot be read says why, in words that hold nothing of it.
#[test]
fn broken_data_is_told_apart_from_absent_data() {
    for (kind, data) in [
        ("dsync.user.created", json!({})),
        ("dsync.user.created", with(ada(), json!({"id": "user_1"}))),
        ("dsync.user.created", with(ada(), json!({"directory_id": null}))),
        ("dsync.user.created", with(ada(), json!({"organization_id": "acme"}))),
        ("dsync.user.created", with(ada(), json!({"organization_id": ""}))),
        ("dsync.group.created", json!({"id": "directory_group_1"})),
        ("dsync.group.user_added", json!({"user": {}, "group": {}})),
        ("dsync.deleted", json!({"id": "org_1"})),
        ("connection.deleted", json!({"id": "x"})),
        ("organization.deleted", json!({"id": 1})),
        ("organization_domain.verified", json!({"domain": "acme.com"})),
        ("connection.saml_certificate_renewal_required", json!({"connection": {}})),
    ] {
        let why = read(kind, data.clone()).expect_err(kind);
        assert!(!why.is_empty(), "{kind} {data}");
    }
}

/// The deprecated form means the same, and the same body twice is one event.
#[test]
fn the_old_envelope_is_an_event() {
    let signed_at = Timestamp::from_seconds(1_795_595_400);
    let body = |operation: &str| json!({"operation": operation, "data": ada()}).to_string().into_bytes();
    for (operation, kind) in [
        ("create", "dsync.user.created"),
        ("replace", "dsync.user.updated"),
        ("delete", "dsync.user.deleted"),
    ] {
        let body = body(operation);
        assert!(is_legacy(&body));
        let event = legacy_event(&body, signed_at).unwrap();
        assert_eq!(
            (event.kind.as_str(), event.created_at.rfc3339().as_str()),
            (kind, "2026-11-25T08:30:00Z")
        );
        assert_eq!(event.id, legacy_event(&body, Timestamp::from_seconds(1)).unwrap().id);
        assert!(event.read().is_ok());
    }
    assert_ne!(
        legacy_event(&body("create"), signed_at).unwrap().id,
        legacy_event(&body("delete"), signed_at).unwrap().id
    );
    let bare = json!({"operation": "create", "user": {"id": "directory_user_1"}}).to_string();
    let event = legacy_event(bare.as_bytes(), signed_at).unwrap();
    assert_eq!((event.created_at, event.read().is_err()), (signed_at, true));
    assert_eq!(legacy_event(&body("drop"), signed_at), Err(InvalidEvent::NoType));
    assert_eq!(legacy_event(br#"{"operation":"create"}"#, signed_at), Err(InvalidEvent::NoData));
    assert!(!is_legacy(br#"{"event":"dsync.deleted","operation":"create"}"#) && !is_legacy(b"[]"));
}
