//! The world at start and after a reset. Deterministic: these ids may be written into tests and documents.
//!
//! | organization | id | connections |
//! |---|---|---|
//! | Acme Corp | `org_01SANDBOXACME` | `conn_01SANDBOXACMEOKTA` (OktaSAML), `conn_01SANDBOXACMEENTRA` (EntraIdOIDC); `organization=` is ambiguous |
//! | Globex | `org_01SANDBOXGLOBEX` | `conn_01SANDBOXGLOBEXGOOGLE` (GoogleOIDC) |
//! | Initech | `org_01SANDBOXINITECH` | `conn_01SANDBOXINITECHONELOGIN` (OneLoginSAML), inactive |
//! | Wayfarer Labs | `org_01SANDBOXWAYFARER` | `conn_01SANDBOXWAYFARERJUMPCLOUD` (JumpCloudSAML), validating, no logins from the IdP's portal |
//! | Northwind Traders | `org_01SANDBOXNORTHWIND` | `conn_01SANDBOXNORTHWINDOKTA` (OktaSAML) |
//! | Northwind Retail | `org_01SANDBOXNORTHWINDRETAIL` | `conn_01SANDBOXNORTHWINDRETAILENTRA` (EntraIdOIDC) |
//! | (environment) | | `conn_01SANDBOXGOOGLEOAUTH`, `conn_01SANDBOXMICROSOFTOAUTH`, `conn_01SANDBOXGITHUBOAUTH` |
//!
//! Each organization has a directory with its people, `directory_01SANDBOXACME` and so on.
//!
//! Domains: `acme.com`, `globex.com`, `initech.example`, `wayfarer.example` verified; `acme-labs.com` pending. Both
//! Northwinds verified `northwind.example`, and Northwind Retail `shop.northwind.example` beside it.

use domain::tenant::ConnectionState;
use domain::{ConnectionId, Domain, EmailAddress, OrganizationId, Timestamp};

use crate::directory;
use crate::model::{Connection, DomainState, Idp, Organization, OrganizationDomain, Person, World};
use crate::options::InvalidOptions;

const ACME: &str = "org_01SANDBOXACME";
const GLOBEX: &str = "org_01SANDBOXGLOBEX";
const INITECH: &str = "org_01SANDBOXINITECH";
const WAYFARER: &str = "org_01SANDBOXWAYFARER";
const NORTHWIND: &str = "org_01SANDBOXNORTHWIND";
const NORTHWIND_RETAIL: &str = "org_01SANDBOXNORTHWINDRETAIL";

const ACME_OKTA: &str = "conn_01SANDBOXACMEOKTA";
const ACME_ENTRA: &str = "conn_01SANDBOXACMEENTRA";
const GLOBEX_GOOGLE: &str = "conn_01SANDBOXGLOBEXGOOGLE";
const INITECH_ONELOGIN: &str = "conn_01SANDBOXINITECHONELOGIN";
const WAYFARER_JUMPCLOUD: &str = "conn_01SANDBOXWAYFARERJUMPCLOUD";
const NORTHWIND_OKTA: &str = "conn_01SANDBOXNORTHWINDOKTA";
const NORTHWIND_RETAIL_ENTRA: &str = "conn_01SANDBOXNORTHWINDRETAILENTRA";

/// 2026-01-12T09:00:00Z; each organization and connection is a day younger than the one before.
const BEGINNING: i64 = 1_768_208_400;
const DAY: i64 = 86_400;

/// How many groups the person with many groups has: enough to burst a cookie that would carry them.
const MANY_GROUPS: usize = 300;

pub(crate) fn world() -> Result<World, InvalidOptions> {
    let mut world = build().ok_or(InvalidOptions::Seed)?;
    world.directories = directory::directories(&world).ok_or(InvalidOptions::Seed)?;
    Ok(world)
}

fn build() -> Option<World> {
    use ConnectionState::{Active, Inactive, Validating};
    use DomainState::{Pending, Verified};

    Some(World::new(
        vec![
            organization(0, ACME, "Acme Corp", &[("acme.com", Verified), ("acme-labs.com", Pending)])?,
            organization(1, GLOBEX, "Globex", &[("globex.com", Verified)])?,
            organization(2, INITECH, "Initech", &[("initech.example", Verified)])?,
            organization(3, WAYFARER, "Wayfarer Labs", &[("wayfarer.example", Verified)])?,
            organization(4, NORTHWIND, "Northwind Traders", &[("northwind.example", Verified)])?,
            organization(
                5,
                NORTHWIND_RETAIL,
                "Northwind Retail",
                &[("northwind.example", Verified), ("shop.northwind.example", Verified)],
            )?,
        ],
        vec![
            connection(0, ACME_OKTA, Some(ACME), "Acme Okta", Idp::OktaSaml, Active)?,
            connection(1, ACME_ENTRA, Some(ACME), "Acme Entra ID", Idp::EntraIdOidc, Active)?,
            connection(2, GLOBEX_GOOGLE, Some(GLOBEX), "Globex Google Workspace", Idp::GoogleOidc, Active)?,
            connection(3, INITECH_ONELOGIN, Some(INITECH), "Initech OneLogin", Idp::OneLoginSaml, Inactive)?,
            Connection {
                idp_initiated: false,
                ..connection(
                    4,
                    WAYFARER_JUMPCLOUD,
                    Some(WAYFARER),
                    "Wayfarer JumpCloud",
                    Idp::JumpCloudSaml,
                    Validating,
                )?
            },
            connection(5, "conn_01SANDBOXGOOGLEOAUTH", None, "Google", Idp::GoogleOauth, Active)?,
            connection(6, "conn_01SANDBOXMICROSOFTOAUTH", None, "Microsoft", Idp::MicrosoftOauth, Active)?,
            connection(7, "conn_01SANDBOXGITHUBOAUTH", None, "GitHub", Idp::GitHubOauth, Active)?,
            connection(8, NORTHWIND_OKTA, Some(NORTHWIND), "Northwind Okta", Idp::OktaSaml, Active)?,
            connection(
                9,
                NORTHWIND_RETAIL_ENTRA,
                Some(NORTHWIND_RETAIL),
                "Northwind Retail Entra ID",
                Idp::EntraIdOidc,
                Active,
            )?,
        ],
        people()?,
    ))
}

fn people() -> Option<Vec<Person>> {
    let acme: &[&str] = &[ACME_OKTA, ACME_ENTRA];
    let globex: &[&str] = &[GLOBEX_GOOGLE];
    let plain = ["Everyone", "Staff"];
    let engineering = ["Everyone", "Engineering", "Platform on-call"];

    Some(vec![
        Person {
            role: Some("admin".into()),
            groups: engineering.map(str::to_owned).to_vec(),
            ..person("ADA", Some(ACME), acme, "ada@acme.com", ("Ada", "Okafor"), "Staff Engineer, Platform")?
        },
        Person {
            groups: plain.map(str::to_owned).to_vec(),
            ..person(
                "BEN",
                Some(ACME),
                acme,
                "ben.fischer@acme.com",
                ("Ben", "Fischer"),
                "Account Manager, Sales",
            )?
        },
        Person {
            groups: (1..=MANY_GROUPS).map(|n| format!("Project {n:03} contributors")).collect(),
            ..person(
                "MEI",
                Some(ACME),
                acme,
                "mei.lin@acme.com",
                ("Mei", "Lin"),
                "Programme Director, Operations",
            )?
        },
        // Longer than any sane limit, and outside the Basic Multilingual Plane: four bytes a character in UTF-8.
        person(
            "ALEX",
            Some(ACME),
            acme,
            "alexandra@acme.com",
            (
                "𝓐𝓵𝓮𝔁𝓪𝓷𝓭𝓻𝓪 🦊 Wilhelmina-Theodosia",
                &format!(
                    "𠮷田-{} 👩‍🚀",
                    ["Österreicher", "Nguyễn", "O’Shaughnessy", "Żółkiewska"].join("-").repeat(4)
                ),
            ),
            "Researcher, Design",
        )?,
        person("JO", Some(ACME), acme, "jo@acme-labs.com", ("Jo", "Nakamura"), "Scientist, Acme Labs")?,
        person(
            "CASEY",
            Some(ACME),
            &[ACME_OKTA],
            "casey@contractor.example",
            ("Casey", "Lopez"),
            "Contractor, Platform",
        )?,
        Person {
            blocked: true,
            ..person(
                "DANA",
                Some(ACME),
                acme,
                "dana.reyes@acme.com",
                ("Dana", "Reyes"),
                "Former employee, Sales",
            )?
        },
        Person {
            role: Some("admin".into()),
            groups: plain.map(str::to_owned).to_vec(),
            ..person("HANK", Some(GLOBEX), globex, "hank@globex.com", ("Hank", "Moreau"), "IT Manager, IT")?
        },
        Person {
            groups: engineering.map(str::to_owned).to_vec(),
            ..person(
                "PRIYA",
                Some(GLOBEX),
                globex,
                "priya.raman@globex.com",
                ("Priya", "Raman"),
                "Engineer, Product",
            )?
        },
        // A shared mailbox: the IdP has no names for it, and WorkOS sends null.
        Person {
            first_name: None,
            last_name: None,
            role: None,
            job_title: None,
            ..person("DESK", Some(GLOBEX), globex, "front.desk@globex.com", ("", ""), ", Facilities")?
        },
        // The same address as at Acme, another person: an address alone is nobody (R41).
        person(
            "CASEYGLOBEX",
            Some(GLOBEX),
            globex,
            "casey@contractor.example",
            ("Casey", "Lopez"),
            "Contractor, IT",
        )?,
        person(
            "PETER",
            Some(INITECH),
            &[INITECH_ONELOGIN],
            "peter@initech.example",
            ("Peter", "Gibson"),
            "Programmer, Software",
        )?,
        person(
            "MILTON",
            Some(INITECH),
            &[INITECH_ONELOGIN],
            "milton@initech.example",
            ("Milton", "Wade"),
            "Collator, Records",
        )?,
        person(
            "INES",
            Some(WAYFARER),
            &[WAYFARER_JUMPCLOUD],
            "ines@wayfarer.example",
            ("Inês", "Carvalho"),
            "Founder, Management",
        )?,
        person(
            "TOMAS",
            Some(WAYFARER),
            &[WAYFARER_JUMPCLOUD],
            "tomas@wayfarer.example",
            ("Tomáš", "Dvořák"),
            "Engineer, Research",
        )?,
        person(
            "NORA",
            Some(NORTHWIND),
            &[NORTHWIND_OKTA],
            "nora@northwind.example",
            ("Nora", "Lindqvist"),
            "Buyer, Trading",
        )?,
        person(
            "RAJ",
            Some(NORTHWIND_RETAIL),
            &[NORTHWIND_RETAIL_ENTRA],
            "raj@northwind.example",
            ("Raj", "Mehta"),
            "Regional Manager, Stores",
        )?,
        person(
            "SOFIA",
            Some(NORTHWIND_RETAIL),
            &[NORTHWIND_RETAIL_ENTRA],
            "sofia@shop.northwind.example",
            ("Sofía", "Ibarra"),
            "Store Lead, Stores",
        )?,
        person("ROBIN", None, &[], "robin.gray@mail.example", ("Robin", "Gray"), "Nobody's employee, Home")?,
    ])
}

fn moment(day: i64) -> Timestamp {
    Timestamp::from_seconds(BEGINNING + day * DAY)
}

fn organization(day: i64, id: &str, name: &str, domains: &[(&str, DomainState)]) -> Option<Organization> {
    let domains = domains.iter().map(|(domain, state)| {
        Some(OrganizationDomain { domain: Domain::parse(domain).ok()?, state: *state })
    });
    Some(Organization {
        id: OrganizationId::parse(id).ok()?,
        name: name.to_owned(),
        domains: domains.collect::<Option<_>>()?,
        external_id: None,
        created_at: moment(day),
        updated_at: moment(day),
    })
}

fn connection(
    day: i64,
    id: &str,
    organization: Option<&str>,
    name: &str,
    idp: Idp,
    state: ConnectionState,
) -> Option<Connection> {
    Some(Connection {
        id: ConnectionId::parse(id).ok()?,
        organization: organization.map(OrganizationId::parse).transpose().ok()?,
        name: name.to_owned(),
        idp,
        state,
        idp_initiated: true,
        created_at: moment(day),
        updated_at: moment(day),
    })
}

/// `work` is "job title, department".
fn person(
    key: &str,
    organization: Option<&str>,
    connections: &[&str],
    email: &str,
    name: (&str, &str),
    work: &str,
) -> Option<Person> {
    let (title, department) = work.split_once(", ")?;
    Some(Person {
        key: key.to_owned(),
        organization: organization.map(OrganizationId::parse).transpose().ok()?,
        connections: connections.iter().map(|id| ConnectionId::parse(id).ok()).collect::<Option<_>>()?,
        email: EmailAddress::parse(email).ok()?,
        first_name: Some(name.0.to_owned()),
        last_name: Some(name.1.to_owned()),
        role: Some("member".to_owned()),
        job_title: Some(title.to_owned()),
        department: Some(department.to_owned()),
        groups: vec!["Everyone".to_owned()],
        blocked: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_has_the_cases_that_a_login_must_survive() {
        let world = world().unwrap();
        let okta = world.connection(ACME_OKTA).unwrap();
        let members = world.members(okta);
        assert!(members.iter().any(|person| person.groups.len() == 300));
        assert!(members.iter().any(|person| person.blocked));
        assert_eq!(members.iter().filter(|person| world.outside_domains(okta, person)).count(), 2);
        let longest = members.iter().filter_map(|person| person.name()).max_by_key(String::len).unwrap();
        assert!(longest.len() > 200 && longest.chars().any(|c| c.len_utf8() == 4));
        let google = world.connection(GLOBEX_GOOGLE).unwrap();
        assert!(world.members(google).iter().any(|person| person.name().is_none()));
        // Everybody has an account at a public provider, once per address.
        let public = world.environment_connection("GoogleOAuth").unwrap();
        assert_eq!(world.members(public).len(), world.people.len() - 1);
    }
}
