//! What every function of the template has, whichever functions there are: an own name, role, log, memory and alarms. The
//! functions are read from the template, so that a new one cannot be forgotten anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value;
use vestibule::dev::template::{TEMPLATE, Template};

use super::{line, root, template};

/// Binary by logical id.
pub(crate) fn functions(template: &Template) -> BTreeMap<String, String> {
    let binary = |function: &Value| line(&function["Metadata"]["BuildProperties"]["Binary"]);
    let functions = template.of_type("AWS::Serverless::Function");
    functions.map(|(id, function)| (id.to_owned(), binary(function))).collect()
}

/// The names of the binaries.
pub(crate) fn binaries() -> BTreeSet<String> {
    functions(&template()).into_values().collect()
}

/// As the template writes the name of a function.
fn deployed(binary: &str) -> String {
    format!("!Sub ${{AWS::StackName}}-{binary}")
}

/// Dimensions of a metric by name.
fn dimensions(metric: &Value) -> BTreeMap<String, String> {
    let dimensions = metric["Dimensions"].as_sequence().into_iter().flatten();
    dimensions.map(|dimension| (line(&dimension["Name"]), line(&dimension["Value"]))).collect()
}

/// Every metric that an alarm reads.
fn metrics(alarm: &Value) -> Vec<&Value> {
    let properties = &alarm["Properties"];
    let several = properties["Metrics"].as_sequence().into_iter().flatten();
    let several: Vec<&Value> =
        several.filter_map(|entry| entry.get("MetricStat")).map(|stat| &stat["Metric"]).collect();
    if several.is_empty() { vec![properties] } else { several }
}

/// How many metrics all alarms read: what they cost.
pub(super) fn alarm_metrics(template: &Template) -> usize {
    template.of_type("AWS::CloudWatch::Alarm").map(|(_, alarm)| metrics(alarm).len()).sum()
}

/// The folders, the release and the template have the same functions; one of each.
#[test]
fn functions_of_template_folders_and_release_are_the_same() {
    let deployed = binaries();
    assert_eq!(deployed.len(), functions(&template()).len(), "two functions of one binary");
    let folders = std::fs::read_dir(root().join("functions")).unwrap();
    let folders: BTreeSet<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, deployed);
    for file in [".ci/tools", "tests/rehearsal/rehearse.py"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let list =
            text.lines().find(|line| line.contains("FUNCTIONS=(") || line.starts_with("FUNCTIONS = ("));
        let (_, list) = list.and_then(|line| line.split_once('(')).unwrap();
        let words = list.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        assert_eq!(words.map(str::to_owned).collect::<BTreeSet<_>>(), deployed, "{file}");
    }
    let settings = std::fs::read_to_string(root().join("events/env.json")).unwrap();
    let settings: BTreeMap<String, serde_json::Value> = serde_json::from_str(&settings).unwrap();
    assert!(settings.keys().eq(functions(&template()).keys()), "events/env.json");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with("| `functions/`")).unwrap();
    assert!(deployed.iter().all(|name| row.contains(&format!("`{name}`"))), "README.md: {row}");
}

/// R69, R71: each function is deployed under its own name, role, log and memory, by an alias, and goes back when it fails.
#[test]
fn every_function_is_deployed_alike() {
    let template = template();
    let whole: Value = serde_yaml_ng::from_str(TEMPLATE).unwrap();
    let offered = line(&whole["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]);
    let mut roles = BTreeSet::new();
    for (id, function) in template.of_type("AWS::Serverless::Function") {
        let properties = &function["Properties"];
        let binary = line(&function["Metadata"]["BuildProperties"]["Binary"]);
        let own = id.strip_suffix("Function").unwrap();
        assert_eq!(own.to_lowercase(), binary);
        assert_eq!(line(&properties["FunctionName"]), deployed(&binary), "{id}");
        assert_eq!(line(&properties["CodeUri"]), format!("../functions/{binary}"), "{id}");
        assert_eq!(line(&properties["MemorySize"]), format!("!Ref {own}Memory"), "{id}");
        assert!(offered.contains(&format!("{own}Memory")), "{own}Memory is in no group of parameters");
        assert_eq!(line(&properties["LoggingConfig"]["LogGroup"]), format!("!Ref {own}Logs"), "{id}");
        let service = &properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"];
        assert_eq!(line(service), deployed(&binary), "{id}: its metrics are somebody else's");
        let alarms = line(&properties["DeploymentPreference"]["Alarms"]);
        assert!(alarms.contains(&format!("!Ref {own}ErrorsAlarm")), "{id}: {alarms}");
        assert!(roles.insert(line(&properties["Role"])), "{id} shares its role");
    }
}

/// R72: no function may crash, time out or be throttled unseen; and no alarm waits for a name that nobody has.
#[test]
fn every_function_is_watched() {
    let template = template();
    let alarms: BTreeMap<_, _> = template.of_type("AWS::CloudWatch::Alarm").collect();
    let named: BTreeSet<String> = binaries().iter().map(|binary| deployed(binary)).collect();
    for (id, binary) in functions(&template) {
        let own = id.strip_suffix("Function").unwrap();
        let errors = &alarms[format!("{own}ErrorsAlarm").as_str()]["Properties"];
        assert_eq!(
            (line(&errors["Namespace"]), line(&errors["MetricName"])),
            ("AWS/Lambda".into(), "Errors".into())
        );
        let expected =
            [("FunctionName", deployed(&binary)), ("Resource", format!("{}:live", deployed(&binary)))];
        assert_eq!(dimensions(errors), expected.map(|(name, value)| (name.to_owned(), value)).into(), "{id}");
    }
    let throttles = alarms["FunctionThrottlesAlarm"];
    let throttled: Vec<String> = metrics(throttles)
        .iter()
        .map(|metric| {
            assert_eq!(line(&metric["MetricName"]), "Throttles");
            dimensions(metric)["FunctionName"].clone()
        })
        .collect();
    assert_eq!(throttled.len(), named.len(), "{throttled:?}");
    assert_eq!(throttled.into_iter().collect::<BTreeSet<_>>(), named);
    for (id, alarm) in &alarms {
        assert!(line(&alarm["Properties"]["AlarmActions"]).contains("!Ref AlarmTopic"), "{id} tells nobody");
        for metric in metrics(alarm) {
            for name in ["FunctionName", "service"] {
                let value = dimensions(metric).remove(name);
                assert!(value.as_ref().is_none_or(|value| named.contains(value)), "{id}: {value:?}");
            }
        }
        // What is added up is all that is read.
        let metrics = alarm["Properties"]["Metrics"].as_sequence().into_iter().flatten();
        let (read, computed): (Vec<&Value>, Vec<&Value>) =
            metrics.partition(|entry| entry.get("MetricStat").is_some());
        let expressions: String = computed.iter().map(|entry| line(&entry["Expression"]) + " ").collect();
        for entry in read {
            let own = line(&entry["Id"]);
            let mut words = expressions.split(|c: char| !c.is_ascii_alphanumeric());
            assert!(words.any(|word| word == own), "{id} reads {own} and does not use it");
        }
    }
}
