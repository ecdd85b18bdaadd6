//! What the deployment template and the build promise, read from the files themselves.
//!
//! The template is linted elsewhere; here stand the promises that no linter knows: which function may do what, what is
//! kept when a stack goes, what costs money while nobody comes, and what must not be linked into a function.

mod functions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;
use vestibule::dev::template::{TEMPLATE, Template};

pub(crate) use functions::binaries;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn template() -> Template {
    Template::parse(TEMPLATE).unwrap()
}

/// A value as one line, functions of CloudFormation included.
fn line(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => format!("{} {}", tagged.tag, line(&tagged.value)),
        Value::Sequence(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        Value::Mapping(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(name, value)| format!("{}: {}", line(name), line(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => "null".to_owned(),
    }
}

/// R67: what must not be lost can be restored, and survives the stack.
#[test]
fn the_identity_table_cannot_be_lost_by_accident() {
    let template = template();
    let tables: BTreeMap<_, _> = template.of_type("AWS::DynamoDB::Table").collect();
    assert_eq!(tables.len(), 2);
    let identity = tables["IdentityTable"];
    assert_eq!(identity["DeletionPolicy"], "Retain");
    assert_eq!(identity["UpdateReplacePolicy"], "Retain");
    assert_eq!(identity["Properties"]["DeletionProtectionEnabled"], true);
    assert_eq!(
        identity["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
    for (_, secret) in template.of_type("AWS::SecretsManager::Secret") {
        assert_eq!(secret["DeletionPolicy"], "Retain");
    }
}

/// R68: every table is encrypted, every log ends, and every function has a log of its own.
#[test]
fn tables_are_encrypted_and_logs_end() {
    let template = template();
    for (name, table) in template.of_type("AWS::DynamoDB::Table") {
        let encryption = line(&table["Properties"]["SSESpecification"]);
        assert_eq!(
            encryption.matches("SSEEnabled: true").count(),
            2,
            "{name} with and without a key of one's own: {encryption}"
        );
    }
    let logs: Vec<String> = template
        .of_type("AWS::Logs::LogGroup")
        .map(|(name, group)| {
            assert_eq!(line(&group["Properties"]["RetentionInDays"]), "!Ref LogRetentionDays", "{name}");
            line(&group["Properties"]["LogGroupName"])
        })
        .collect();
    for function in binaries() {
        assert!(logs.iter().any(|log| log.ends_with(&format!("-{function}"))), "{function} in {logs:?}");
    }
}

/// R69, R70: one role for each function, and exactly these rights. A right that is added has to be added here.
#[test]
fn each_function_may_do_exactly_this() {
    let template = template();
    let mut rights = String::new();
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        let role = line(&function["Properties"]["Role"]);
        let (_, role) = template
            .of_type("AWS::IAM::Role")
            .find(|(id, _)| role == format!("!GetAtt {id}.Arn"))
            .unwrap_or_else(|| panic!("{name} has {role}"));
        rights.push_str(&format!("{name}\n"));
        for policy in role["Properties"]["Policies"].as_sequence().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_sequence().unwrap() {
                rights.push_str(&format!("  {}\n", line(statement)));
            }
        }
    }
    let wide = rights.lines().filter(|line| line.contains("Resource: *")).collect::<Vec<_>>();
    assert!(wide.iter().all(|line| line.contains("xray:")), "{wide:?}");
    assert!(!rights.contains("Action: *") && !rights.contains(":*]"), "{rights}");
    insta::assert_snapshot!(rights);
}

/// R70: secrets are named by ARN, where they may be read, and their text is nowhere in the template.
#[test]
fn secrets_are_named_where_they_may_be_read() {
    let template = template();
    for (name, function) in template.of_type("AWS::Serverless::Function") {
        let settings = line(&function["Properties"]["Environment"]["Variables"]);
        let signs = name == "CallbackFunction" || name == "SessionFunction";
        assert_eq!(settings.contains("SIGNING_KEYS_SECRET"), signs, "{name}");
        let asks = signs || name == "ReconcileFunction";
        assert_eq!(settings.contains("WORKOS_API_KEY_SECRET"), asks, "{name}");
        let called_by_browsers =
            !["AuthorizerFunction", "OutboxFunction", "ReconcileFunction"].contains(&name);
        assert_eq!(settings.contains("ORIGIN_SECRET"), called_by_browsers, "{name}");
        assert_eq!(settings.contains("WORKOS_WEBHOOK_SECRET"), name == "ScimFunction", "{name}");
        assert_eq!(settings.contains("APP_WEBHOOK_SECRET"), name == "OutboxFunction", "{name}");
    }
    assert!(!TEMPLATE.contains("sk_live_") && !TEMPLATE.contains("sk_test_"));
}

/// `docs/cost.md` lists every kind of resource, with its number, and adds up: nothing that costs money while idle comes in
/// unseen.
#[test]
fn the_list_of_idle_costs_is_complete() {
    let document = std::fs::read_to_string(root().join("docs/cost.md")).unwrap();
    let (_, table) = document.split_once("<!-- idle-cost: begin -->").unwrap();
    let (table, _) = table.split_once("<!-- idle-cost: end -->").unwrap();
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let kind = cells.next().filter(|kind| kind.starts_with("AWS::"))?;
        Some((kind.to_owned(), cells.next()?.parse::<usize>().unwrap(), cents(cells.next()?)))
    });
    let rows: Vec<_> = rows.collect();
    let listed: BTreeMap<String, usize> =
        rows.iter().map(|(kind, number, _)| (kind.clone(), *number)).collect();
    let whole: Value = serde_yaml_ng::from_str(TEMPLATE).unwrap();
    let mut deployed = BTreeMap::new();
    for (_, resource) in whole["Resources"].as_mapping().unwrap() {
        *deployed.entry(resource["Type"].as_str().unwrap().to_owned()).or_insert(0usize) += 1;
    }
    assert_eq!(listed, deployed);

    let sum: usize = rows.iter().map(|(_, _, idle)| idle).sum();
    let idle = |row: &str| document.lines().find_map(|line| line.strip_prefix(row)).unwrap().to_owned();
    assert_eq!(cents(&idle("| idle: nobody logs in |")), sum);
    for month in idle("| Idle part | |").trim_end_matches('|').split('|') {
        assert_eq!(cents(month), sum);
    }
    let alarms = rows.iter().find(|(kind, _, _)| kind == "AWS::CloudWatch::Alarm").unwrap();
    assert_eq!(alarms.2, 10 * functions::alarm_metrics(&template()), "0.10 for each metric");
}

/// `1.20` as 120.
fn cents(dollars: &str) -> usize {
    dollars.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// R79: nothing that only the local stack needs is in a function, and one TLS and crypto provider is.
#[test]
fn functions_link_neither_the_sandbox_nor_a_second_crypto_provider() {
    for function in binaries() {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--prefix", "none", "-e", "normal", "-p", &function])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).unwrap();
        let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        for needed in
            ["aws-config", "aws-sdk-dynamodb", "jsonwebtoken", "lambda_runtime", "reqwest", "ring", "tokio"]
        {
            assert!(names.contains(&needed), "{function} lacks {needed}");
        }
        for banned in ["aws-lc-rs", "dynoxide-rs", "native-tls", "openssl", "rsa", "sandbox", "vestibule"] {
            assert!(!names.contains(&banned), "{function} links {banned}");
        }
    }
}

/// R78: every crate comes from the one registry, with its checksum, and a release has its bill of materials.
#[test]
fn crates_come_from_the_registry_with_checksums() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut foreign = 0;
    for package in lock.split("[[package]]").skip(1) {
        if let Some(source) = package.lines().find_map(|line| line.strip_prefix("source = ")) {
            foreign += 1;
            assert!(source.starts_with("\"registry+"), "{package}");
            assert!(package.contains("\nchecksum = "), "{package}");
        }
    }
    assert!(foreign > 200);
    let rules = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    for section in ["[bans]", "[licenses]", "[sources]"] {
        assert!(rules.contains(section), "{section}");
    }
    assert!(std::fs::read_to_string(root().join(".ci/release")).unwrap().contains("sbom"));
}
