//! The decision table, and the properties that hold for every world.

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::tenant::{ConnectionState, TenantConnection, TenantDomain, TenantPolicy};
use crate::tenant_settings::{ConnectionSettings, Label};

fn org(name: &str) -> OrganizationId {
    OrganizationId::parse(&format!("org_{name}")).unwrap()
}

fn conn(name: &str) -> ConnectionId {
    ConnectionId::parse(&format!("conn_{name}")).unwrap()
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn google() -> Provider {
    Provider::parse("GoogleOAuth").unwrap()
}

/// `way("okta")`, `way("okta-")` for an unusable one, `way("okta acme.com")` for one with domains of its own.
fn way(text: &str) -> Way {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    Way {
        connection: conn(name.trim_end_matches('-')),
        label: name.trim_end_matches('-').to_owned(),
        usable: !name.ends_with('-'),
        domains: words.map(domain).collect(),
    }
}

fn tenant(name: &str, domains: &[&str], ways: &[&str]) -> Candidate {
    Candidate {
        organization: org(name),
        name: name.to_owned(),
        domains: domains.iter().map(|text| domain(text)).collect(),
        ways: ways.iter().map(|text| way(text)).collect(),
        providers: vec![google()],
    }
}

/// The world of the decision table.
fn world() -> Vec<Candidate> {
    vec![
        // One connection.
        tenant("globex", &["globex.com"], &["gglx"]),
        // Two connections for anybody.
        tenant("acme", &["acme.com"], &["okta", "entra"]),
        // Connections with domains of their own, and one for the rest.
        tenant(
            "umbrella",
            &["umbrella.com", "umbrella.de", "umbrella.fr"],
            &["us umbrella.com", "de umbrella.de", "rest"],
        ),
        // Two connections for the same domain of their own.
        tenant("hooli", &["hooli.com"], &["h1 hooli.com", "h2 hooli.com", "h3"]),
        // Every connection is for another domain.
        tenant("narrow", &["narrow.com", "narrow.de"], &["ndoms narrow.de"]),
        // No way in.
        tenant("initech", &["initech.com"], &["onelogin-"]),
        tenant("empty", &["empty.com"], &[]),
        // One of two is switched off.
        tenant("half", &["half.com"], &["on", "off-"]),
        // One domain, three companies, one of them without single sign-on.
        tenant("north", &["shared.com"], &["n1"]),
        tenant("south", &["shared.com"], &["s1", "s2"]),
        tenant("west", &["shared.com"], &["w1-"]),
        // Verified nothing.
        tenant("young", &[], &["y1"]),
        // Admits no public provider.
        Candidate { providers: vec![], ..tenant("strict", &["strict.com"], &["st1"]) },
    ]
}

/// `organization=acme place=acme connection=okta provider typed=a@b login=text domain=text choose last=acme/okta`
fn ask(text: &str) -> (Asked, Vec<Remembered>) {
    let mut asked = Asked::default();
    let mut remembered = vec![];
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "organization" => asked.organization = Some(org(value)),
            "place" => asked.place = Some(org(value)),
            "connection" => asked.connection = Some(conn(value)),
            "provider" => asked.provider = Some(google()),
            "typed" => asked.typed = Some(EmailAddress::parse(value).unwrap()),
            "login" => asked.login_hint = Some(value.to_owned()),
            "domain" => asked.domain_hint = Some(domain(value)),
            "choose" => asked.choose = true,
            "last" => {
                let (organization, connection) = value.split_once('/').unwrap();
                remembered.push(Remembered { organization: org(organization), connection: conn(connection) });
            }
            other => panic!("{other}"),
        }
    }
    (asked, remembered)
}

/// A decision in words.
fn say(decision: &Decision) -> String {
    let choice = |choice: &Choice| match choice {
        Choice::Connection { label, .. } => label.clone(),
        Choice::Provider(provider) => provider.as_str().to_owned(),
    };
    let list = |words: Vec<String>| words.join(" ");
    match decision {
        Decision::Go(to) => format!("go {}", to.selector.to_query()),
        Decision::PickConnection { company, choices } => {
            format!("pick of {}: {}", company.name, list(choices.iter().map(choice).collect()))
        }
        Decision::PickCompany(companies) => {
            format!("company: {}", list(companies.iter().map(|one| one.name.clone()).collect()))
        }
        Decision::WelcomeBack(known) => {
            format!("back: {}", list(known.iter().map(|(one, via)| format!("{}/{via}", one.name)).collect()))
        }
        Decision::AskEmail => "ask".to_owned(),
        Decision::NotSetUp => "not set up".to_owned(),
        Decision::Conflict(conflict) => format!("conflict {}", conflict.code()),
    }
}

/// R16: every combination of what can be asked has one answer, and none is "the first that fits".
#[test]
fn the_decision_table() {
    let table = [
        // Nobody is named.
        ("", "ask"),
        ("choose", "ask"),
        ("login=ada", "ask"),
        // A connection is named: it wins over every hint.
        ("connection=okta", "go connection=conn_okta"),
        ("connection=unknown", "go connection=conn_unknown"),
        ("connection=okta login=hank@globex.com domain=globex.com", "go connection=conn_okta"),
        ("connection=okta login=hank@globex.com domain=acme.com", "go connection=conn_okta"),
        ("connection=okta last=acme/entra", "go connection=conn_okta"),
        ("connection=okta typed=hank@globex.com", "go connection=conn_okta"),
        // An organization is named.
        ("organization=globex", "go connection=conn_gglx"),
        ("organization=globex login=ada@acme.com", "go connection=conn_gglx"),
        ("organization=unknown", "go organization=org_unknown"),
        ("organization=unknown typed=ada@acme.com", "go organization=org_unknown"),
        ("organization=initech", "go organization=org_initech"),
        ("organization=empty", "go organization=org_empty"),
        ("organization=half", "go connection=conn_on"),
        ("organization=young", "go connection=conn_y1"),
        ("organization=acme", "pick of acme: entra okta GoogleOAuth"),
        ("organization=acme choose", "pick of acme: entra okta GoogleOAuth"),
        ("organization=acme last=acme/entra", "go connection=conn_entra"),
        ("organization=acme last=acme/entra choose", "pick of acme: entra okta GoogleOAuth"),
        ("organization=acme last=globex/gglx last=acme/okta", "go connection=conn_okta"),
        ("organization=acme last=globex/okta", "pick of acme: entra okta GoogleOAuth"),
        ("organization=acme last=acme/gglx", "pick of acme: entra okta GoogleOAuth"),
        ("organization=half last=half/off", "go connection=conn_on"),
        ("organization=umbrella", "pick of umbrella: de rest us GoogleOAuth"),
        ("organization=umbrella typed=a@umbrella.de", "go connection=conn_de"),
        ("organization=umbrella typed=a@umbrella.fr", "go connection=conn_rest"),
        ("organization=umbrella typed=a@elsewhere.com", "go connection=conn_rest"),
        ("organization=umbrella domain=umbrella.com", "go connection=conn_us"),
        ("organization=narrow typed=a@narrow.com", "go connection=conn_ndoms"),
        ("organization=hooli typed=a@hooli.com", "pick of hooli: h1 h2 GoogleOAuth"),
        ("organization=hooli typed=a@hooli.com last=hooli/h2", "go connection=conn_h2"),
        ("organization=hooli typed=a@hooli.com last=hooli/h3", "pick of hooli: h1 h2 GoogleOAuth"),
        // An address, typed or hinted, or its domain.
        ("typed=hank@globex.com", "go connection=conn_gglx"),
        ("login=hank@globex.com", "go connection=conn_gglx"),
        ("domain=globex.com", "go connection=conn_gglx"),
        ("login=hank@globex.com domain=globex.com", "go connection=conn_gglx"),
        ("login=hank domain=globex.com", "go connection=conn_gglx"),
        ("login=hank@globex.com domain=acme.com", "conflict hints_disagree"),
        ("typed=hank@globex.com login=ada@acme.com domain=half.com", "go connection=conn_gglx"),
        ("typed=a@sub.globex.com", "not set up"),
        ("typed=a@unknown.com", "not set up"),
        ("typed=a@initech.com", "not set up"),
        ("typed=a@empty.com", "not set up"),
        ("typed=a@narrow.com", "not set up"),
        ("typed=a@narrow.de", "go connection=conn_ndoms"),
        ("domain=unknown.com", "not set up"),
        ("login=a@initech.com", "not set up"),
        ("typed=a@half.com", "go connection=conn_on"),
        ("typed=ada@acme.com", "pick of acme: entra okta GoogleOAuth"),
        ("domain=acme.com", "pick of acme: entra okta GoogleOAuth"),
        ("typed=ada@acme.com last=acme/okta", "go connection=conn_okta"),
        ("typed=ada@acme.com last=acme/okta choose", "pick of acme: entra okta GoogleOAuth"),
        ("typed=ada@acme.com last=globex/gglx", "pick of acme: entra okta GoogleOAuth"),
        ("typed=ada@acme.com last=globex/okta", "pick of acme: entra okta GoogleOAuth"),
        ("typed=a@umbrella.com", "go connection=conn_us"),
        ("typed=a@umbrella.com last=umbrella/de", "go connection=conn_us"),
        ("typed=a@umbrella.fr", "go connection=conn_rest"),
        ("typed=a@hooli.com", "pick of hooli: h1 h2 GoogleOAuth"),
        // Several companies.
        ("typed=a@shared.com", "company: north south"),
        ("login=a@shared.com", "company: north south"),
        ("domain=shared.com", "ask"),
        ("login=a domain=shared.com", "ask"),
        ("typed=a@shared.com last=south/s1", "company: north south"),
        ("typed=a@shared.com organization=north", "go connection=conn_n1"),
        ("typed=a@shared.com organization=south", "pick of south: s1 s2 GoogleOAuth"),
        ("typed=a@shared.com organization=west", "go organization=org_west"),
        // A public provider.
        ("provider", "conflict provider_without_organization"),
        ("provider login=ada", "conflict provider_without_organization"),
        ("provider organization=acme", "go provider=GoogleOAuth&organization=org_acme"),
        ("provider organization=unknown", "go provider=GoogleOAuth&organization=org_unknown"),
        ("provider organization=strict", "conflict provider_not_allowed"),
        ("provider connection=okta", "conflict several_selectors"),
        ("provider typed=ada@acme.com", "go provider=GoogleOAuth&organization=org_acme"),
        ("provider typed=a@initech.com", "go provider=GoogleOAuth&organization=org_initech"),
        ("provider typed=a@strict.com", "not set up"),
        ("provider typed=a@unknown.com", "not set up"),
        ("provider typed=a@shared.com", "company: north south west"),
        ("provider domain=shared.com", "ask"),
        ("provider place=acme", "go provider=GoogleOAuth&organization=org_acme"),
        // Too much is named.
        ("connection=okta organization=acme", "conflict several_selectors"),
        ("connection=okta organization=globex", "conflict several_selectors"),
        ("connection=okta organization=acme provider", "conflict several_selectors"),
        // A tenant's own address.
        ("place=globex", "go connection=conn_gglx"),
        ("place=acme", "pick of acme: entra okta GoogleOAuth"),
        ("place=acme organization=acme", "pick of acme: entra okta GoogleOAuth"),
        ("place=acme organization=globex", "conflict other_tenant"),
        ("place=acme connection=okta", "go connection=conn_okta"),
        ("place=acme connection=gglx", "conflict other_tenant"),
        ("place=acme connection=unknown", "conflict other_tenant"),
        ("place=unknown connection=okta", "conflict other_tenant"),
        ("place=acme typed=hank@globex.com", "pick of acme: entra okta GoogleOAuth"),
        ("place=umbrella login=a@umbrella.de", "go connection=conn_de"),
        ("place=umbrella login=a@umbrella.de domain=umbrella.fr", "pick of umbrella: de rest us GoogleOAuth"),
        ("place=initech", "go organization=org_initech"),
        // Somebody who was here before.
        ("last=globex/gglx", "back: globex/conn_gglx"),
        ("last=acme/entra last=globex/gglx", "back: acme/conn_entra globex/conn_gglx"),
        ("last=acme/entra last=acme/okta", "back: acme/conn_entra"),
        ("last=half/off", "ask"),
        ("last=unknown/okta", "ask"),
        ("last=globex/okta", "ask"),
        ("last=globex/gglx choose", "ask"),
    ];
    for (question, expected) in table {
        let (asked, remembered) = ask(question);
        let decision = decide(&asked, &world(), &remembered);
        assert_eq!(say(&decision), expected, "{question}");
    }
}

#[test]
fn hints_go_along_to_the_idp() {
    let to = |question: &str| {
        let (asked, remembered) = ask(question);
        match decide(&asked, &world(), &remembered) {
            Decision::Go(to) => (to.login_hint, to.domain_hint.map(|hint| hint.to_string()), to.organization),
            other => panic!("{}", say(&other)),
        }
    };
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(to("typed=Hank@globex.com"), (own("Hank@globex.com"), own("globex.com"), Some(org("globex"))));
    assert_eq!(to("domain=globex.com"), (None, own("globex.com"), Some(org("globex"))));
    assert_eq!(to("login=hank domain=globex.com").0, own("hank"));
    assert_eq!(to("connection=okta"), (None, None, None));
    assert_eq!(to("connection=okta login=x domain=other.com"), (own("x"), own("other.com"), None));
    assert_eq!(to("organization=globex typed=a@b.com"), (own("a@b.com"), None, Some(org("globex"))));
}

/// A request that contradicts itself reads nothing.
#[test]
fn what_is_read_is_what_is_asked_for() {
    let seek = |question: &str| {
        let (asked, remembered) = ask(question);
        asked.seek(!remembered.is_empty())
    };
    assert_eq!(seek(""), Ok(Seek::Nothing));
    assert_eq!(seek("connection=okta last=acme/okta"), Ok(Seek::Nothing));
    assert_eq!(seek("last=acme/okta"), Ok(Seek::Remembered));
    assert_eq!(seek("place=acme connection=okta"), Ok(Seek::Tenant(org("acme"))));
    assert_eq!(seek("typed=a@Acme.com"), Ok(Seek::Domain(domain("acme.com"))));
    assert_eq!(seek("typed=a@acme.com organization=globex"), Ok(Seek::Tenant(org("globex"))));
    assert_eq!(seek("connection=okta organization=acme"), Err(Conflict::SeveralSelectors));
}

/// From the stored records: what WorkOS says, what the tenant calls it, which providers are admitted.
#[test]
fn a_candidate_is_made_of_the_stored_tenant() {
    let connection = |id: &str, name: &str, state| TenantConnection {
        id: conn(id),
        name: name.to_owned(),
        connection_type: "OktaSAML".to_owned(),
        state,
    };
    let stored = Tenant {
        organization: org("acme"),
        name: "Acme Corp".into(),
        domains: vec![
            TenantDomain { domain: domain("acme.com"), verified: true },
            TenantDomain { domain: domain("acme-labs.com"), verified: false },
        ],
        connections: vec![
            connection("a", "Acme Okta", ConnectionState::Validating),
            connection("b", "", ConnectionState::Inactive),
        ],
        refreshed_at: Timestamp::from_seconds(0),
    };
    let mut settings = TenantSettings::default();
    let own =
        ConnectionSettings { label: Some(Label::parse("Staff").unwrap()), domains: vec![domain("acme.com")] };
    settings.connections.insert(conn("a"), own);
    let gate = |providers| Gate {
        connections: stored.connection_states(),
        policy: TenantPolicy { providers, ..TenantPolicy::default() },
        ..Gate::new(org("acme"))
    };
    let candidate = Candidate::of(&stored, &gate(None), &settings, &[google()]);
    assert_eq!(candidate.domains, [domain("acme.com")]);
    assert_eq!(candidate.ways[0], Way { label: "Staff".into(), ..way("a acme.com") });
    assert_eq!(candidate.ways[1], Way { label: "OktaSAML".into(), ..way("b-") });
    assert_eq!(candidate.providers, [google()]);
    let other = Provider::parse("GitHubOAuth").unwrap();
    for (admitted, expected) in [(vec![], vec![]), (vec![other], vec![]), (vec![google()], vec![google()])] {
        let candidate = Candidate::of(&stored, &gate(Some(admitted)), &settings, &[google()]);
        assert_eq!(candidate.providers, expected);
    }
}

const DOMAINS: [&str; 4] = ["one.com", "two.com", "three.com", "four.com"];

/// Verified domains, connections (usable, domains of their own), whether the public provider is admitted.
type Drawn = (Vec<Domain>, Vec<(bool, Vec<Domain>)>, bool);

fn some_domains() -> impl Strategy<Value = Vec<Domain>> {
    prop::collection::vec(0..DOMAINS.len(), 0..3)
        .prop_map(|picked| picked.into_iter().map(|n| domain(DOMAINS[n])).collect())
}

/// Worlds of up to four tenants with up to three connections each; connection ids are global, as at WorkOS.
fn some_world() -> impl Strategy<Value = Vec<Candidate>> {
    let some_way = (any::<bool>(), some_domains());
    let some_tenant = (some_domains(), prop::collection::vec(some_way, 0..4), any::<bool>());
    prop::collection::vec(some_tenant, 0..5).prop_map(|tenants| {
        let tenant = |(n, (domains, ways, provider)): (usize, Drawn)| {
            let way = |(m, (usable, domains)): (usize, (bool, Vec<Domain>))| Way {
                connection: conn(&format!("{n}x{m}")),
                label: "Same".to_owned(),
                usable,
                domains,
            };
            Candidate {
                organization: org(&n.to_string()),
                name: "Same".to_owned(),
                domains,
                ways: ways.into_iter().enumerate().map(way).collect(),
                providers: if provider { vec![google()] } else { vec![] },
            }
        };
        tenants.into_iter().enumerate().map(tenant).collect()
    })
}

fn some_asked() -> impl Strategy<Value = (Asked, Vec<Remembered>)> {
    let an_org = || prop::option::weighted(0.3, (0..5_usize).prop_map(|n| org(&n.to_string())));
    let a_conn = || (0..5_usize, 0..4_usize).prop_map(|(n, m)| conn(&format!("{n}x{m}")));
    let a_domain = || prop::option::weighted(0.4, (0..DOMAINS.len()).prop_map(|n| domain(DOMAINS[n])));
    let address = |domain: &Domain| format!("ada@{domain}");
    let last = prop::collection::vec(((0..5_usize).prop_map(|n| org(&n.to_string())), a_conn()), 0..4);
    (
        an_org(),
        an_org(),
        prop::option::weighted(0.2, a_conn()),
        any::<bool>(),
        a_domain(),
        a_domain(),
        a_domain(),
        any::<bool>(),
        last,
    )
        .prop_map(
            move |(place, organization, connection, provider, typed, login, hint, choose, last)| {
                let asked = Asked {
                    place,
                    organization,
                    connection,
                    provider: provider.then(google),
                    typed: typed.map(|domain| EmailAddress::parse(&address(&domain)).unwrap()),
                    login_hint: login.map(|domain| address(&domain)),
                    domain_hint: hint,
                    choose,
                };
                let remembered = last
                    .into_iter()
                    .map(|(organization, connection)| Remembered { organization, connection })
                    .collect();
                (asked, remembered)
            },
        )
}

fn tenant_of<'a>(world: &'a [Candidate], connection: &ConnectionId) -> Option<&'a Candidate> {
    world.iter().find(|tenant| tenant.has(connection))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// R16, R47: whatever is asked in whatever world, nobody is sent to a connection of another tenant, and nobody is
    /// sent anywhere on a guess.
    #[test]
    fn never_another_tenant_never_a_guess(world in some_world(), (asked, remembered) in some_asked()) {
        let decision = decide(&asked, &world, &remembered);
        let named = asked.place.clone().or(asked.organization.clone());
        let domain = asked.domain();
        match &decision {
            Decision::Go(to) => match &to.selector {
                Selector::Connection(connection) if asked.connection.as_ref() == Some(connection) => {
                    // Named by the request: at a tenant's own address it is one of the tenant's.
                    if let Some(place) = &asked.place {
                        let owner = tenant_of(&world, connection).map(|tenant| &tenant.organization);
                        prop_assert_eq!(owner, Some(place));
                    }
                }
                Selector::Connection(connection) => {
                    let tenant = tenant_of(&world, connection).unwrap();
                    let way = tenant.ways.iter().find(|way| way.connection == *connection).unwrap();
                    prop_assert!(way.usable);
                    prop_assert_eq!(to.organization.as_ref(), Some(&tenant.organization));
                    match &named {
                        Some(named) => prop_assert_eq!(named, &tenant.organization),
                        None => {
                            let domain = domain.clone().unwrap().unwrap();
                            prop_assert!(tenant.domains.contains(&domain));
                            prop_assert!(way.domains.is_empty() || way.domains.contains(&domain));
                            // No other company could have been meant.
                            let others = world.iter().filter(|other| {
                                other.organization != tenant.organization
                                    && other.domains.contains(&domain)
                                    && !other.fitting(Some(&domain)).is_empty()
                            });
                            prop_assert_eq!(others.count(), 0);
                        }
                    }
                    // No other way fitted, or this one worked here before and the person did not ask to choose.
                    let domain = domain.ok().flatten();
                    let fitting = tenant.fitting(domain.as_ref());
                    let fitting = if fitting.is_empty() { tenant.fitting(None) } else { fitting };
                    let worked = remembered.iter().find(|known| known.organization == tenant.organization);
                    prop_assert!(
                        fitting.len() == 1
                            || (!asked.choose && worked.is_some_and(|last| last.connection == *connection))
                    );
                }
                Selector::Organization(organization) => {
                    prop_assert_eq!(named.as_ref(), Some(organization));
                }
                Selector::Provider { organization, .. } => {
                    prop_assert!(asked.provider.is_some());
                    let tenant = world.iter().find(|tenant| tenant.organization == *organization);
                    match &named {
                        Some(named) => prop_assert_eq!(named, organization),
                        None => prop_assert!(tenant.unwrap().domains.contains(&domain.unwrap().unwrap())),
                    }
                    prop_assert!(tenant.is_none_or(|tenant| !tenant.providers.is_empty()));
                }
            },
            Decision::PickConnection { company, choices } => {
                let tenant = world.iter().find(|tenant| tenant.organization == company.organization).unwrap();
                prop_assert!(choices.len() > 1);
                for choice in choices {
                    match choice {
                        Choice::Connection { connection, .. } => {
                            prop_assert!(tenant.ways.iter().any(|way| way.connection == *connection && way.usable));
                        }
                        Choice::Provider(provider) => prop_assert!(tenant.providers.contains(provider)),
                    }
                }
            }
            Decision::PickCompany(companies) => {
                prop_assert!(asked.gives_address() && companies.len() > 1);
                let domain = domain.unwrap().unwrap();
                for company in companies {
                    let tenant = world.iter().find(|tenant| tenant.organization == company.organization).unwrap();
                    prop_assert!(tenant.domains.contains(&domain));
                }
            }
            Decision::WelcomeBack(known) => {
                prop_assert!(named.is_none() && asked.connection.is_none() && domain == Ok(None));
                for (company, connection) in known {
                    let tenant = tenant_of(&world, connection).unwrap();
                    prop_assert_eq!(&tenant.organization, &company.organization);
                }
            }
            Decision::AskEmail | Decision::NotSetUp | Decision::Conflict(_) => {}
        }
    }

    /// R16: the order in which tenants and connections come out of the store decides nothing.
    #[test]
    fn order_decides_nothing(
        world in some_world(),
        (asked, remembered) in some_asked(),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut turned = world.clone();
        turned.reverse();
        if !turned.is_empty() {
            let by = turn.index(turned.len());
            turned.rotate_left(by);
        }
        for tenant in &mut turned {
            tenant.ways.reverse();
        }
        prop_assert_eq!(decide(&asked, &world, &remembered), decide(&asked, &turned, &remembered));
    }

    /// R15: by address or domain, a tenant without a usable connection is as if it were not there.
    #[test]
    fn without_single_sign_on_is_like_unknown(
        world in some_world(),
        (asked, remembered) in some_asked(),
        typed in 0..DOMAINS.len(),
        address in any::<bool>(),
    ) {
        let asked = Asked {
            place: None,
            organization: None,
            connection: None,
            provider: None,
            typed: address.then(|| EmailAddress::parse(&format!("ada@{}", DOMAINS[typed])).unwrap()),
            domain_hint: Some(domain(DOMAINS[typed])),
            ..asked
        };
        let shut: Vec<Candidate> = world
            .into_iter()
            .map(|mut tenant| {
                tenant.ways.iter_mut().for_each(|way| way.usable = false);
                tenant
            })
            .collect();
        prop_assert_eq!(decide(&asked, &shut, &remembered), decide(&asked, &[], &remembered));
    }
}
