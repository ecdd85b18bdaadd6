//! The rows of an import file: CSV with a header line, or JSON Lines. Read as a stream, so that a file of any length
//! takes no more memory than the set of what must be unique.
//!
//! | column | meaning |
//! |---|---|
//! | `name` | of the organization; required unless `organization` is given |
//! | `domains` | e-mail domains, separated by spaces, commas or semicolons; in JSON a list |
//! | `verified` | `true`: you vouch for the domains; else WorkOS waits for their proof |
//! | `external_id` | your own id of the customer, unique |
//! | `organization` | `org_…` of an organization that exists at WorkOS already |
//! | `slug`, `logo`, `color`, `color_dark`, `support` | as for `tenants set` |

mod raw;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use clap::ValueEnum;
use domain::{Domain, OrganizationId, sha256};
use serde::Serialize;

use super::super::settings::Change;
use raw::{Fields, raw, to_the_first_error};

const COLUMNS: [&str; 10] = [
    "name",
    "domains",
    "verified",
    "external_id",
    "organization",
    "slug",
    "logo",
    "color",
    "color_dark",
    "support",
];
/// Longest name and external id that WorkOS takes.
const LONGEST_NAME: usize = 255;
const LONGEST_EXTERNAL_ID: usize = 128;
/// Domains of one organization.
const MOST_DOMAINS: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Jsonl,
}

/// The file cannot be read as one of customers.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("cannot read {file}: {why}")]
    File { file: String, why: io::Error },
    #[error("{0}: is it CSV or JSON Lines? Name it .csv or .jsonl, or give --format")]
    Format(String),
    #[error("{file}: the header line is not readable: {why}")]
    Header { file: String, why: csv::Error },
    #[error("{file}, line {line}: cannot be read: {why}")]
    Broken { file: String, line: u64, why: String },
    #[error(
        "{file}, line {line}: {why}; it was good when the file was checked, so somebody has changed it since"
    )]
    Changed { file: String, line: u64, why: String },
    #[error("{file}: {now} good rows, and {before} when it was checked: somebody has changed it since")]
    Shorter { file: String, before: usize, now: usize },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub line: u64,
    pub what: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub good: usize,
    pub problems: Vec<Problem>,
}

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    /// Hash of everything in the row: its name in the journal.
    pub key: String,
    pub name: String,
    pub domains: Vec<Domain>,
    pub verified: bool,
    pub external_id: Option<String>,
    pub organization: Option<OrganizationId>,
    pub settings: Change,
}

impl Format {
    pub(super) fn of(file: &Path, given: Option<Self>) -> Result<Self, InputError> {
        let extension = file.extension().and_then(|name| name.to_str()).unwrap_or_default();
        let known = match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            _ => None,
        };
        given.or(known).ok_or_else(|| InputError::Format(file.display().to_string()))
    }
}

/// Reads every row; says what is wrong, with what, in which line.
pub(super) fn check(file: &Path, format: Format) -> Result<Summary, InputError> {
    let mut summary = Summary::default();
    let mut unique = Unique::default();
    for raw in raw(file, format)? {
        let (line, fields) = raw?;
        let mut problems = Vec::new();
        match fields {
            Err(why) => problems.push(why),
            Ok(fields) => match row(line, &fields) {
                Ok(row) => unique.add(&row, &mut problems),
                Err(wrong) => problems = wrong,
            },
        }
        if problems.is_empty() {
            summary.good += 1;
        }
        summary.problems.extend(problems.into_iter().map(|what| Problem { line, what }));
    }
    Ok(summary)
}

/// The rows that [`check`] found nothing wrong with. Whatever is not as it was then is an error: what nobody has looked at is
/// not imported, and nothing is left out without a word.
pub(super) fn good(file: &Path, format: Format, summary: &Summary) -> Result<super::Rows, InputError> {
    let bad: HashSet<u64> = summary.problems.iter().map(|problem| problem.line).collect();
    let name = file.display().to_string();
    let rows = raw(file, format)?.filter_map(move |raw| {
        let (line, fields) = match raw {
            Ok(raw) => raw,
            Err(broken) => return Some(Err(broken)),
        };
        if bad.contains(&line) {
            return None;
        }
        let row = fields.and_then(|fields| row(line, &fields).map_err(|problems| problems.join("; ")));
        Some(row.map_err(|why| InputError::Changed { file: name.clone(), line, why }))
    });
    Ok(to_the_first_error(rows))
}

/// What may occur once in a file, with the line where it did.
#[derive(Default)]
struct Unique {
    rows: HashMap<String, u64>,
    external_ids: HashMap<String, u64>,
    organizations: HashMap<OrganizationId, u64>,
    slugs: HashMap<String, u64>,
}

impl Unique {
    fn add(&mut self, row: &Row, problems: &mut Vec<String>) {
        let mut once = |known: Option<u64>, what: &str| {
            if let Some(line) = known {
                problems.push(format!("{what} as line {line}"));
            }
        };
        once(self.rows.insert(row.key.clone(), row.line), "the same");
        if let Some(id) = &row.external_id {
            once(self.external_ids.insert(id.clone(), row.line), "the same external_id");
        }
        if let Some(id) = &row.organization {
            once(self.organizations.insert(id.clone(), row.line), "the same organization");
        }
        if let Some(slug) = row.settings.slug.iter().flatten().next() {
            once(self.slugs.insert(slug.to_string(), row.line), "the same slug");
        }
    }
}

/// A row, or everything that is wrong with it.
fn row(line: u64, fields: &Fields) -> Result<Row, Vec<String>> {
    let mut problems: Vec<String> = fields
        .keys()
        .filter(|name| !COLUMNS.contains(&name.as_str()))
        .map(|name| format!("there is no column {name}"))
        .collect();
    let field = |name: &str| fields.get(name).map(String::as_str);
    fn parsed<T, E: std::fmt::Display>(
        problems: &mut Vec<String>,
        name: &str,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let outcome = parse(text?);
        outcome.map_err(|why| problems.push(format!("{name}: {why}"))).ok()
    }
    let organization = parsed(&mut problems, "organization", field("organization"), OrganizationId::parse);
    let name = field("name").unwrap_or_default().to_owned();
    if name.is_empty() && field("organization").is_none() {
        problems.push("name: is required".to_owned());
    }
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        problems.push(format!("name: must be one line of at most {LONGEST_NAME} characters"));
    }
    let mut domains: Vec<Domain> = Vec::new();
    for text in field("domains").unwrap_or_default().split([' ', ',', ';']).filter(|text| !text.is_empty()) {
        match Domain::parse(text) {
            Ok(domain) if domains.contains(&domain) => {
                problems.push(format!("domains: {domain} is there twice"))
            }
            Ok(domain) => domains.push(domain),
            Err(_) => problems.push(format!("domains: {} is not a domain", shown(text))),
        }
    }
    if domains.len() > MOST_DOMAINS {
        problems.push(format!("domains: more than {MOST_DOMAINS}"));
    }
    let verified = match field("verified").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "no" | "0") => false,
        Some("true" | "yes" | "1") => true,
        Some(_) => {
            problems.push("verified: must be true or false".to_owned());
            false
        }
    };
    let external_id = field("external_id").map(str::to_owned);
    if external_id.as_ref().is_some_and(|id| id.len() > LONGEST_EXTERNAL_ID || !id.is_ascii()) {
        problems.push(format!("external_id: must be ASCII, at most {LONGEST_EXTERNAL_ID} characters"));
    }
    if organization.is_some() && (external_id.is_some() || !domains.is_empty()) {
        problems.push(
            "organization: it exists already, so domains and external_id are WorkOS's to say".to_owned(),
        );
    }
    let settings = Change {
        slug: parsed(&mut problems, "slug", field("slug"), str::parse).map(Some),
        logo: parsed(&mut problems, "logo", field("logo"), str::parse).map(Some),
        accent: parsed(&mut problems, "color", field("color"), str::parse).map(Some),
        accent_dark: parsed(&mut problems, "color_dark", field("color_dark"), str::parse).map(Some),
        support: parsed(&mut problems, "support", field("support"), str::parse).map(Some),
        ..Change::default()
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let text: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(Row {
        line,
        key: sha256(&text.join("\n")),
        name,
        domains,
        verified,
        external_id,
        organization,
        settings,
    })
}

/// Somebody's typing error, cut short and without control characters: it ends in a terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> (Summary, Vec<Row>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        let format = Format::of(&file, None).unwrap();
        let summary = check(&file, format).unwrap();
        let rows = good(&file, format, &summary).unwrap().map(Result::unwrap).collect();
        (summary, rows)
    }

    #[test]
    fn both_formats_say_the_same() {
        let csv = "\u{feff}Name,domains,verified,external_id,slug,support\n\
                   \"Acme, Inc.\",\"acme.com; Acme.de\",true,crm-1,acme,it@acme.com\n\
                   Globex,,,,,\n\
                   \n";
        let json = r##"{"name": "Acme, Inc.", "domains": ["acme.com", "Acme.de"], "verified": true, "external_id": "crm-1", "slug": "acme", "support": "it@acme.com"}

{"name": "Globex", "domains": null}
"##;
        let (summary, csv) = read("a.csv", csv);
        assert_eq!((summary.good, summary.problems.len()), (2, 0), "{summary:?}");
        let (summary, json) = read("a.jsonl", json);
        assert_eq!((summary.good, summary.problems.len()), (2, 0), "{summary:?}");
        assert_eq!((csv[0].line, csv[1].line, json[0].line, json[1].line), (2, 3, 1, 3));
        for (one, other) in csv.iter().zip(&json) {
            let same = Row { line: 0, key: String::new(), ..one.clone() };
            assert_eq!(same, Row { line: 0, key: String::new(), ..other.clone() });
        }
        assert_eq!(csv[0].domains.iter().map(Domain::as_str).collect::<Vec<_>>(), ["acme.com", "acme.de"]);
        assert!(csv[0].verified && !csv[1].verified);
    }

    /// Every problem of every line is told, and a bad line is not among the good ones.
    #[test]
    fn all_problems_are_told_with_their_lines() {
        let long = "x".repeat(256);
        let text = format!(
            "name,domains,external_id,slug,organization,color\n\
             Fine,fine.com,1,fine,,\n\
             ,bad domain@,é,Bad Slug,,red\n\
             Twin,twin.com,1,fine,,\n\
             Fine,fine.com,1,fine,,\n\
             {long},x.com x.com,,,,\n\
             ,,,,org_1,\n\
             X,y.com,,,org_1,\n\
             Y,,,,conn_1,#123456\n\
             Too,many,fields,here,x,y,z\n"
        );
        let (summary, rows) = read("a.csv", &text);
        let told: Vec<String> =
            summary.problems.iter().map(|problem| format!("{} {}", problem.line, problem.what)).collect();
        assert_eq!(
            told,
            [
                "3 name: is required",
                "3 domains: bad is not a domain",
                "3 domains: domain@ is not a domain",
                "3 external_id: must be ASCII, at most 128 characters",
                "3 slug: a slug is 2 to 40 of a-z, 0-9 and -, and neither begins nor ends with -",
                "3 color: a colour is written #rrggbb",
                "4 the same external_id as line 2",
                "4 the same slug as line 2",
                "5 the same as line 2",
                "5 the same external_id as line 4",
                "5 the same slug as line 4",
                "6 name: must be one line of at most 255 characters",
                "6 domains: x.com is there twice",
                "8 organization: it exists already, so domains and external_id are WorkOS's to say",
                "9 organization: not a valid organization id",
                "10 has 7 fields, the header 6",
            ]
        );
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(summary.good, 2);
    }

    /// What was not there, or was good, when the file was checked is not imported and not passed over.
    #[test]
    fn a_row_that_went_bad_since_the_check_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.csv");
        std::fs::write(&file, "name,slug\nAcme,acme\n,nobody\nGlobex,globex\n").unwrap();
        let summary = check(&file, Format::Csv).unwrap();
        assert_eq!((summary.good, summary.problems.len()), (2, 1));
        std::fs::write(&file, "name,slug\nAcme,acme\n,nobody\nGlobex,Not A Slug\n").unwrap();
        let rows: Vec<_> = good(&file, Format::Csv, &summary).unwrap().collect();
        assert_eq!((rows.len(), rows[0].as_ref().unwrap().line), (2, 2));
        let told = rows[1].as_ref().unwrap_err().to_string();
        assert!(told.contains("a.csv, line 4: slug: a slug is") && told.contains("changed"), "{told}");
    }

    #[test]
    fn hostile_lines_are_problems_and_no_more() {
        let deep = "[".repeat(200);
        let text = format!(
            "{{\"name\": \"A\", \"nmae\": \"B\"}}\n[1]\n{{\"name\": {{\"x\": 1}}}}\n{deep}\n{{\"name\": \"C\", \"domains\": [1]}}\n\
             {{\"name\": \"\\u001b[2J\"}}\n{{\"name\": \"{}\"}}\n\u{0}\n",
            "x".repeat(70_000)
        );
        let (summary, rows) = read("a.ndjson", &text);
        assert!(rows.is_empty());
        let lines: Vec<u64> = summary.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 8], "{summary:?}");
        assert!(summary.problems.iter().all(|problem| !problem.what.chars().any(char::is_control)));
        assert!(matches!(Format::of(Path::new("customers.xlsx"), None), Err(InputError::Format(_))));
        assert!(matches!(check(Path::new("/nowhere/x.csv"), Format::Csv), Err(InputError::File { .. })));
    }
}
