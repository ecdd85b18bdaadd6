//! A login costs the same whether ten companies are here or ten thousand.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::tenant::{ConnectionState, TenantConnection, TenantDomain};
use domain::{ConnectionId, Domain, Tenant};
use e2e::Stack;
use web::Vars;

use super::{GLOBEX, decide, organization, typed};

const TABLE: &str = "vestibule-identity";
/// Items that one call writes at most.
const BATCH: usize = 25;
/// Stands for the number in the items of the tenant that the others are copies of.
const PATTERN: &str = "00000";

type Item = std::collections::HashMap<String, AttributeValue>;

/// The items that a tenant is, as the store itself writes them.
async fn pattern(stack: &Stack) -> Vec<Item> {
    let name = format!("company{PATTERN}");
    let tenant = Tenant {
        organization: organization(&format!("org_{name}")),
        name: name.clone(),
        domains: vec![TenantDomain {
            domain: Domain::parse(&format!("{name}.example")).unwrap(),
            verified: true,
        }],
        connections: vec![TenantConnection {
            id: ConnectionId::parse(&format!("conn_{name}")).unwrap(),
            name: "Okta".into(),
            connection_type: "OktaSAML".into(),
            state: ConnectionState::Active,
        }],
        refreshed_at: stack.clock.now(),
    };
    assert!(stack.running.store.put_tenant(&tenant).await.unwrap());
    let scan =
        stack.running.store.client().scan().table_name(TABLE).consistent_read(true).send().await.unwrap();
    let own = |item: &Item| item.values().any(|value| format!("{value:?}").contains(&name));
    scan.items.unwrap().into_iter().filter(own).collect()
}

fn numbered(value: &AttributeValue, number: &str) -> AttributeValue {
    match value {
        AttributeValue::S(text) => AttributeValue::S(text.replace(PATTERN, number)),
        AttributeValue::L(list) => AttributeValue::L(list.iter().map(|one| numbered(one, number)).collect()),
        AttributeValue::M(map) => {
            let pair = |(name, value): (&String, &AttributeValue)| {
                (name.replace(PATTERN, number), numbered(value, number))
            };
            AttributeValue::M(map.iter().map(pair).collect())
        }
        other => other.clone(),
    }
}

/// Copies of the pattern with these numbers.
async fn fill(stack: &Stack, pattern: &[Item], numbers: std::ops::Range<usize>) {
    let copy = |number: usize| {
        let number = format!("{number:05}");
        let item = |item: &Item| -> Item {
            item.iter().map(|(name, value)| (name.clone(), numbered(value, &number))).collect()
        };
        pattern.iter().map(item).collect::<Vec<_>>()
    };
    let requests: Vec<WriteRequest> = numbers
        .flat_map(copy)
        .map(|item| PutRequest::builder().set_item(Some(item)).build().unwrap())
        .map(|put| WriteRequest::builder().put_request(put).build())
        .collect();
    for batch in requests.chunks(BATCH) {
        let patient = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(60));
        let patient = patient.operation_timeout(Duration::from_secs(60)).build();
        let write =
            stack.running.store.client().batch_write_item().request_items(TABLE, batch.to_vec()).customize();
        let write = write.config_override(aws_sdk_dynamodb::config::Builder::new().timeout_config(patient));
        let left = write.send().await.unwrap().unprocessed_items.unwrap_or_default();
        assert!(left.is_empty(), "the engine writes all of it");
    }
}

/// R15, R64: the calls of each kind of login, counted on the wire, with ten tenants and with a thousand; or with as many as
/// `VESTIBULE_TENANTS` says, which takes the unoptimized engine its time.
#[tokio::test]
async fn a_logins_calls_do_not_grow_with_the_number_of_tenants() {
    let stack = Stack::with_tenants(&[]).await;
    decide(&stack, "org_01SANDBOXGLOBEX", |_, settings| settings.slug = Some("globex".parse().unwrap()))
        .await;
    let pattern = pattern(&stack).await;
    assert!(pattern.len() >= 5, "a tenant, its gate, its place in the list, its connection, its domain");
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let most = Vars::from_process().get("VESTIBULE_TENANTS").map_or(1000, |most| most.parse().unwrap());
    let here = stack.tenants().await.len();
    let mut counted: Vec<BTreeMap<&str, BTreeMap<String, usize>>> = Vec::new();
    // Number zero is the pattern itself.
    let until = |tenants: usize| tenants - here + 1;
    for (before, until) in [(1, until(10)), (until(10), until(most))] {
        fill(&stack, &pattern, before..until).await;
        let last = format!("a@company{:05}.example", until - 1);
        let mut calls = BTreeMap::new();
        for (kind, how, status) in [
            ("an address of the newest", last.as_str(), 303),
            ("an address of one company", "hank@globex.com", 303),
            ("an address of two companies", "nora@northwind.example", 200),
            ("an address with two ways", "ada@acme.com", 200),
            ("an address of nobody", "a@nobody.example", 404),
            ("a company", "/login?organization=org_01SANDBOXGLOBEX", 303),
            ("a connection", "/login?connection=conn_01SANDBOXGLOBEXGOOGLE", 303),
            ("a company's own address", "/login/globex", 303),
            ("nothing", "/login", 200),
            ("a remembered company", "remembered", 200),
        ] {
            let browser = deployment.visited_by(&stack.browser());
            proxy.forget();
            let answer = match how {
                "remembered" => {
                    let last = format!("org_01SANDBOXGLOBEX.{GLOBEX}");
                    browser.jar().plant(&stack.url("/"), "__Host-last", &last);
                    browser.get("/login").await
                }
                link if link.starts_with('/') => browser.get(link).await,
                email => typed(&browser, email).await,
            };
            assert_eq!(answer.status, status, "{kind}: {}", answer.body);
            let made = proxy.calls();
            assert!(made.values().sum::<usize>() <= 7, "{kind}: {made:?}");
            calls.insert(kind, made);
        }
        stack.advance(60);
        counted.push(calls);
    }
    assert_eq!(counted[0], counted[1]);
    assert_eq!(counted[0]["nothing"], BTreeMap::new());
}
