use super::*;

use domain::Timestamp;

fn function() -> Service {
    let name = "vestibule-callback".to_owned();
    Service { name: "callback".to_owned(), function_name: name, memory_size: 256 }
}

/// Runs `work` with a log of its own and gives its lines.
fn logged(work: impl FnOnce()) -> Vec<Value> {
    // With only one subscriber in the process, `tracing` takes it for everybody's, and what other tests' threads meet first
    // without one is then not asked for again.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let sink = Sink::memory();
    let clock = Clock::manual(Timestamp::from_millis(1_764_059_400_093));
    let registry = tracing_subscriber::registry().with(JsonLog::new(function(), clock, sink.clone()));
    tracing::subscriber::with_default(registry, work);
    sink.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ctx() -> Ctx {
    let mut ctx = crate::context::tests::ctx(crate::context::Answer::Json);
    ctx.request_id = "8f507cfc".to_owned();
    ctx
}

/// R73: one schema.
#[tokio::test]
async fn lines_have_the_keys_of_powertools() {
    let mut lambda = lambda_http::Context::default();
    lambda.request_id = "8f507cfc".to_owned();
    lambda.invoked_function_arn =
        "arn:aws:lambda:eu-west-1:123456789012:function:vestibule-callback".to_owned();
    lambda.xray_trace_id = Some("Root=1-5759e988-bd862e3f;Parent=53995c3f;Sampled=1".to_owned());
    let mut extensions = http::Extensions::new();
    extensions.insert(lambda);
    let ctx = ctx();
    let lines = logged(|| {
        request_span(&ctx, &extensions, false).in_scope(|| {
            tracing::info!(
                login.organization = "org_1",
                attempts = 2,
                fresh = true,
                "a login of org_1 was completed"
            );
        });
    });
    let mut line = lines[0].clone();
    let location = line["location"].take();
    assert!(location.as_str().unwrap().starts_with("web::telemetry::tests:"), "{location}");
    assert_eq!(
        line,
        serde_json::json!({
            "level": "INFO",
            "message": "a login of org_1 was completed",
            "timestamp": "2025-11-25T08:30:00.093Z",
            "service": "callback",
            "location": null,
            "cold_start": false,
            "function_name": "vestibule-callback",
            "function_memory_size": 256,
            "function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:vestibule-callback",
            "function_request_id": "8f507cfc",
            "xray_trace_id": "1-5759e988-bd862e3f",
            "correlation_id": "8f507cfc",
            "login.organization": "org_1",
            "attempts": 2,
            "fresh": true,
        })
    );
}

/// R74: nothing that is logged can start a line or forge a key.
#[test]
fn text_from_outside_stays_inside_its_field() {
    let hostile = "x\"}\n{\"level\":\"ERROR\"}\r\u{0}\u{1b}[31m\u{2028}\u{202e}\u{7f}\u{85}";
    let sink = Sink::memory();
    let log = JsonLog::new(function(), Clock::manual(Timestamp::from_seconds(0)), sink.clone());
    // With only one subscriber in the process, `tracing` takes it for everybody's, and what other tests' threads meet first
    // without one is then not asked for again.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
        tracing::warn!(user.agent = hostile, error.cause = %hostile, "{hostile}");
    });
    let lines = sink.lines();
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains(|char: char| char.is_control() || char > '~'), "{:?}", lines[0]);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["level"], "WARN");
    for key in ["message", "user.agent", "error.cause"] {
        assert_eq!(line[key], hostile);
    }
}

#[tokio::test]
async fn an_event_cannot_replace_what_identifies_it() {
    let ctx = ctx();
    let lines = logged(|| {
        request_span(&ctx, &http::Extensions::new(), false).in_scope(|| {
            tracing::info!(service = "forged", level = "forged", correlation_id = "forged", "x");
        });
    });
    assert_eq!(lines[0]["service"], "callback");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["correlation_id"], "8f507cfc");
}

#[test]
fn libraries_are_heard_from_warnings_up() {
    let lines = logged(|| {
        tracing::info!(target: "aws_smithy_runtime::client", "an answer with its body");
        tracing::warn!(target: "aws_smithy_runtime::client", "trouble");
        tracing::info!(target: "callback::exchange", "ours");
        tracing::debug!("ours, in detail");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["trouble", "ours"]);
    assert_eq!(lines[1]["cold_start"], true);
}

/// A crate that is missing from the list would log its errors only.
#[test]
fn every_crate_of_the_workspace_is_heard() {
    for folder in ["functions", "shared"] {
        let folder = format!("{}/../../{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(OWN.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn a_field_is_capped() {
    let lines = logged(|| tracing::info!(long = "é".repeat(5000), "x"));
    assert_eq!(lines[0]["long"].as_str().unwrap().chars().count(), 2049);
}

#[test]
fn the_service_is_named_by_the_first_setting_present() {
    let name = |pairs: &[(&str, &str)]| Service::from_vars(&pairs.iter().copied().collect()).name;
    assert_eq!(name(&[]), "vestibule");
    assert_eq!(name(&[("AWS_LAMBDA_FUNCTION_NAME", "stack-login-1")]), "stack-login-1");
    let both =
        [("AWS_LAMBDA_FUNCTION_NAME", "f"), ("POWERTOOLS_SERVICE_NAME", "login"), ("SERVICE_NAME", "front")];
    assert_eq!(name(&both[..2]), "login");
    assert_eq!(name(&both), "front");
}

#[test]
fn a_file_takes_whole_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vestibule.log");
    let sink = Sink::file(&path).unwrap();
    sink.write("{\"a\":1}".to_owned());
    sink.clone().write("{\"b\":2}".to_owned());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
}
