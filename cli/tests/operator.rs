//! What an operator types, as typed: the program itself, at a local stack that is another process of it.

#![cfg(test)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const ACME: &str = "org_01SANDBOXACME";
const OKTA: &str = "conn_01SANDBOXACMEOKTA";
const ENTRA: &str = "conn_01SANDBOXACMEENTRA";
const GOOGLE: &str = "conn_01SANDBOXGLOBEXGOOGLE";

/// A running `vestibule dev`. Ends with the value.
struct Local {
    dev: Child,
    app: String,
    sandbox: String,
    dir: TempDir,
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.dev.kill());
        drop(self.dev.wait());
    }
}

/// What a command did.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env("USER", "grace").stdin(Stdio::null());
    command
}

impl Local {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut dev = program()
            .args(["dev", "--port", "0", "--sandbox-port", "0", "--json", "--data-dir"])
            .arg(dir.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(dev.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let urls: Value = serde_json::from_str(&line).unwrap();
        let url = |name: &str| urls[name].as_str().unwrap().to_owned();
        Self { dev, app: url("app"), sandbox: url("sandbox"), dir }
    }

    /// Runs `vestibule WORDS --local`.
    fn run(&self, words: &[&str]) -> Done {
        let data = self.dir.path().join("data");
        let ran = program().args(words).arg("--local").arg("--data-dir").arg(data).output();
        let Output { status, stdout, stderr } = ran.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let done = Done { code: status.code().unwrap(), out: text(stdout), err: text(stderr) };
        assert!(!done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'), "colours in a pipe: {done:?}");
        done
    }

    fn fine(&self, line: &str) -> Done {
        let done = self.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(done.code, 0, "{line}: {done:?}");
        done
    }

    fn refused(&self, line: &str) -> Done {
        let done = self.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((done.code, done.out.as_str()), (1, ""), "{line}: {done:?}");
        assert!(done.err.lines().last().unwrap().starts_with("vestibule: "), "{line}: {done:?}");
        done
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Somebody signs in; gives the ids of user and session.
    async fn signed_in(&self, connection: &str, email: &str) -> (String, String) {
        let http = net::client().unwrap();
        let auto = format!("{}/_sandbox/auto", self.sandbox);
        http.post(auto).json(&serde_json::json!({ "email": email })).send().await.unwrap();
        let (mut url, mut cookies) = (format!("{}/login?connection={connection}", self.app), Vec::new());
        for _ in 0..3 {
            let answer = http.get(&url).header("cookie", cookies.join("; ")).send().await.unwrap();
            url = answer.headers()["location"].to_str().unwrap().to_owned();
            for cookie in answer.headers().get_all("set-cookie") {
                cookies.push(cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
            }
        }
        let asked = http.get(format!("{}/auth/session", self.app)).header("cookie", cookies.join("; "));
        let told: Value = asked.send().await.unwrap().json().await.unwrap();
        let id = |pointer| told.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        (id("/user/id"), id("/session/id"))
    }

    /// Asks the app, and gives the reference of the answer.
    async fn reference(&self, path: &str) -> String {
        let answer = net::client().unwrap().get(format!("{}{path}", self.app)).send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    }
}

/// What an event came to is told, with the way to handle it again; a directory is compared on demand.
#[tokio::test]
async fn what_came_of_directory_events_is_told() {
    let local = Local::start();
    let hire = serde_json::json!({
        "action": "hire", "email": "neo@globex.com", "organization": "org_01SANDBOXGLOBEX",
    });
    let errand = format!("{}/_sandbox/directory", local.sandbox);
    net::client().unwrap().post(errand).json(&hire).send().await.unwrap().error_for_status().unwrap();

    let told = local.fine("directory events --json").json();
    let newest = &told["events"][0];
    assert_eq!((&newest["change"], &newest["outcome"]), (&"upsert_user".into(), &"applied".into()));
    let event = newest["event"].as_str().unwrap();
    assert!(local.fine("directory events").out.contains(event));
    let again = local.fine(&format!("directory replay {event} --json")).json();
    assert_eq!(again["type"], "dsync.user.created");
    local.refused("directory replay event_01JUNKNOWN0000000000000000");

    let compare = "directory reconcile --directory directory_01SANDBOXGLOBEX --json";
    assert_eq!(local.fine(compare).json()["stop"], "done");
    assert_eq!(local.fine(compare).json()["counts"]["people_changed"], 0);
    assert_eq!(local.fine("directory redrive --json").json()["redriven"], 0);
    assert!(local.fine("directory status").out.starts_with("events "));
}

/// Made once however often it is typed, and then found by id, slug and domain, in words and as JSON.
#[test]
fn a_tenant_is_made_once() {
    let local = Local::start();
    let line = "tenants create --name Umbrella --domain umbrella.example --verified --slug umbrella";
    let first = local.fine(line);
    assert!(
        first.out.contains("/login/umbrella") && first.out.contains("umbrella.example (verified)"),
        "{first:?}"
    );
    assert!(
        first.err.contains("vestibule tenants portal-link org_") && first.err.contains("--local"),
        "{first:?}"
    );
    let id = first.out.split_whitespace().find(|word| word.starts_with("org_")).unwrap().to_owned();

    let again = local.fine(&format!("{line} --json")).json();
    assert_eq!((again["organization"].as_str(), again["existed"].as_bool()), (Some(&*id), Some(true)));
    for found in ["tenants show umbrella --json".to_owned(), format!("tenants show {id} --json")] {
        assert_eq!(local.fine(&found).json()["name"], "Umbrella", "{found}");
    }
    let listed = local.fine("tenants list --domain umbrella.example --json").json();
    assert_eq!(listed["tenants"][0]["organization"], *id);
    assert_eq!(listed["tenants"].as_array().unwrap().len(), 1);

    // Columns begin where their headings begin.
    let table = local.fine("tenants list");
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 8, "{table:?}");
    for heading in ["NAME", "DOMAINS", "CONNECTIONS"] {
        let at = lines[0].find(heading).unwrap();
        assert!(
            lines.iter().all(|line| line.as_bytes()[at - 1] == b' ' && line.as_bytes()[at] != b' '),
            "{}",
            table.out
        );
    }
    let page = local.fine("tenants list --limit 3");
    assert!(page.out.lines().count() == 4 && page.err.contains("--after org_"), "{page:?}");
}

/// Everything that can be set is shown once it is set, and `none` takes it away.
#[test]
fn settings_are_set_shown_and_taken_away() {
    let local = Local::start();
    let before = local.fine("tenants show org_01SANDBOXACME").out;
    let settings = [
        ("--slug", "acme", "/login/acme"),
        ("--host", "login.acme.com", "login.acme.com"),
        ("--logo", "https://acme.com/logo.svg", "https://acme.com/logo.svg"),
        ("--color", "#0b5fff", "#0b5fff"),
        ("--color-dark", "#8ab4ff", "#8ab4ff"),
        ("--support", "it@acme.com", "it@acme.com"),
        ("--unverified-domains", "allow", "allow"),
        ("--idp-initiated", "restart", "restart"),
        ("--idle-seconds", "3600", "3600"),
        ("--absolute-seconds", "7200", "7200"),
        ("--just-in-time-users", "false", "provisioned only"),
        ("--providers", "GoogleOAuth", "GoogleOAuth"),
        ("--attributes", "team=department_name", "team=department_name"),
    ];
    let mut words = vec!["tenants", "set", ACME];
    words.extend(settings.iter().flat_map(|(flag, value, _)| [*flag, *value]));
    let label = format!("{OKTA}=Head office");
    let domains = format!("{ENTRA}=acme.com");
    words.extend(["--label", &label, "--connection-domains", &domains]);
    let set = local.run(&words);
    assert_eq!(set.code, 0, "{set:?}");
    let shown = local.fine("tenants show acme").out;
    assert_eq!(shown, set.out);
    for (_, _, said) in settings {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(shown.contains("“Head office”") && shown.contains("for acme.com"), "{shown}");

    let mut words = vec!["tenants", "set", "acme"];
    words.extend(settings.iter().flat_map(|(flag, _, _)| [*flag, "none"]));
    let label = format!("{OKTA}=none");
    let domains = format!("{ENTRA}=none");
    words.extend(["--label", &label, "--connection-domains", &domains]);
    assert_eq!(local.run(&words).code, 0);
    assert_eq!(local.fine("tenants show org_01SANDBOXACME").out, before);

    for (wrong, said) in [
        ("", "nothing to change"),
        ("--idle-seconds 60", "at least 900"),
        ("--idle-seconds 3600 --absolute-seconds 1800", "must not be shorter"),
    ] {
        let done = local.refused(format!("tenants set {ACME} {wrong}").trim());
        assert!(done.err.contains(said), "{done:?}");
    }
    // What cannot be right is not even asked.
    for wrong in [
        "--color red",
        "--logo http://acme.com/x.png",
        "--slug A_B",
        "--host under_score",
        "--providers Nope",
    ] {
        let line = format!("tenants set {ACME} {wrong}");
        assert_eq!(local.run(&line.split(' ').collect::<Vec<_>>()).code, 2, "{line}");
    }
}

/// R47: whatever takes a tenant and another id knows nothing of another tenant's; the answer is the one for an id that
/// exists nowhere.
#[tokio::test]
async fn what_is_anothers_is_not_found() {
    let local = Local::start();
    let login =
        local.reference(&format!("/login?connection={OKTA}&return_to=https://elsewhere.example/")).await;
    let nowhere = "conn_01NOWHERE";
    let (ada, hers) = local.signed_in(OKTA, "ada@acme.com").await;
    let (hank, _) = local.signed_in(GOOGLE, "hank@globex.com").await;
    let (nobody, never) = ("user_01J00000000000000000000000", "sess_01J00000000000000000000000");
    for (line, foreign, made_up) in [
        ("tenants set org_01SANDBOXACME --label ID=Ours", GOOGLE, nowhere),
        ("tenants set org_01SANDBOXACME --connection-domains ID=acme.com", GOOGLE, nowhere),
        (&format!("tenants move-connection {ACME} --from {OKTA} --to ID --yes"), GOOGLE, nowhere),
        (&format!("tenants move-connection {ACME} --from ID --to {OKTA} --yes"), GOOGLE, nowhere),
        ("logins show ID --organization org_01SANDBOXGLOBEX", &login, "no-such-reference"),
        ("sessions list --user ID --organization org_01SANDBOXGLOBEX", &ada, nobody),
        ("sessions list --email ID --organization org_01SANDBOXGLOBEX", "ada@acme.com", "nobody@acme.com"),
        ("sessions end --user ID --organization org_01SANDBOXGLOBEX", &ada, nobody),
        ("sessions end --email ID --organization org_01SANDBOXGLOBEX", "ada@acme.com", "nobody@acme.com"),
        (&format!("sessions end --user {hank} --session ID"), &hers, never),
        (
            &format!("sessions end --user {hank} --session ID --organization org_01SANDBOXGLOBEX"),
            &hers,
            never,
        ),
        (&format!("sessions end --user ID --session {hers} --organization {ACME}"), &hank, nobody),
    ] {
        let answer = |id: &str| local.refused(&line.replace("ID", id));
        let (theirs, nobodys) = (answer(foreign), answer(made_up));
        assert_eq!(theirs.err.replace(foreign, "ID"), nobodys.err.replace(made_up, "ID"), "{line}");
    }
    for line in [
        "tenants show org_01NOWHERE",
        "tenants show nobody",
        "tenants set org_01NOWHERE --slug x1",
        "tenants sync org_01NOWHERE",
        "tenants health org_01NOWHERE",
        "tenants portal-link org_01NOWHERE --print",
        "logins list --organization nobody",
        "sessions list --organization org_01NOWHERE",
        "sessions end --organization org_01NOWHERE",
        "sessions end --user user_01J00000000000000000000000",
        // Directories and events have one owner each, so these verbs take no tenant that could be another one.
        "directory reconcile --directory directory_01NOWHERE",
        "directory replay event_01J00000000000000000000000",
    ] {
        let refused = local.refused(line);
        let said = &refused.err;
        assert!((said.contains("no ") || said.contains(" not ")) && !said.contains("Acme"), "{refused:?}");
    }
    for (organization, person) in [(ACME, &ada), ("org_01SANDBOXGLOBEX", &hank)] {
        let alive = local.fine(&format!("sessions list --organization {organization} --json")).json();
        assert_eq!(alive["sessions"].as_array().unwrap().len(), 1, "{organization}");
        assert_eq!(alive["sessions"][0]["user"], **person);
    }
}

/// Nobody who can be asked is there, so what is dangerous needs a word; a dry run needs none.
#[test]
fn what_is_dangerous_needs_a_yes() {
    let local = Local::start();
    let line = format!("tenants move-connection {ACME} --from {OKTA} --to {ENTRA}");
    let dry = local.fine(&format!("{line} --dry-run --json")).json();
    assert_eq!((dry["dry_run"].as_bool(), dry["people"].as_u64()), (Some(true), Some(0)));
    // Nobody came through it yet, so there is nothing to ask about.
    assert!(local.fine(&line).out.contains("0 people"));
    let same = local.refused(&format!("tenants move-connection {ACME} --from {OKTA} --to {OKTA} --yes"));
    assert!(same.err.contains("the same connection"));
    let inactive = local.refused(
        "tenants move-connection org_01SANDBOXINITECH --from conn_01OLD --to conn_01SANDBOXINITECHONELOGIN --yes",
    );
    assert!(inactive.err.contains("it is inactive"), "{inactive:?}");
    // Nothing is gone, so there is nothing to close either.
    assert!(local.fine("tenants sync --close").out.ends_with("0 gone\n"));
}

/// Where people cannot sign in the command fails, and says what helps.
#[test]
fn health_says_who_cannot_sign_in() {
    let local = Local::start();
    let sick = local.run(&["tenants", "health", "org_01SANDBOXINITECH"]);
    assert_eq!(sick.code, 1, "{sick:?}");
    assert!(
        sick.out.contains("people cannot sign in") && sick.out.contains("inactive (Initech OneLogin)"),
        "{sick:?}"
    );
    assert!(
        sick.out.contains("vestibule tenants portal-link org_01SANDBOXINITECH --intent sso --local"),
        "{sick:?}"
    );
    assert!(sick.out.contains("last sign-in: none"));
    let well = local.fine("tenants health org_01SANDBOXACME");
    assert!(well.out.contains("acme-labs.com") && well.out.contains("not verified"), "{well:?}");
    let strict = local.run(&["tenants", "health", "org_01SANDBOXACME", "--strict"]);
    assert_eq!(strict.code, 1, "an unverified domain is something to do");
    let all = local.run(&["tenants", "health", "--all", "--json"]);
    assert_eq!((all.code, all.json()["tenants"].as_array().unwrap().len()), (1, 6));
}

/// A file with bad rows is told whole and leaves nothing behind; a mended one is imported once, however often it is run.
#[test]
fn a_file_of_customers_is_all_or_told() {
    let local = Local::start();
    let rows = "name,domains,verified,external_id,slug\nOne,one.example,true,1,one-co\n,nameless.example,,2,\nThree,three,true,3,three\n";
    let bad = local.file("bad.csv", rows);
    let refused = local.refused(&format!("tenants import {bad}"));
    assert!(
        refused.err.contains("line 3: name: is required") && refused.err.contains("line 4: domains"),
        "{refused:?}"
    );
    assert!(refused.err.contains("2 lines have problems, so nothing was imported"), "{refused:?}");
    assert_eq!(local.fine("tenants list --json").json()["tenants"].as_array().unwrap().len(), 6);
    assert!(!Path::new(&format!("{bad}.journal")).exists());

    let good = local.file(
        "good.csv",
        "name,domains,verified,external_id,slug\nOne,one.example,true,1,one-co\nTwo,two.example,true,2,\n",
    );
    assert!(local.fine(&format!("tenants import {good} --dry-run")).out.contains("2 rows, all good"));
    let first = local.fine(&format!("tenants import {good} --json")).json();
    assert_eq!(
        (first["report"]["created"].as_u64(), first["report"]["already"].as_u64()),
        (Some(2), Some(0))
    );
    let second = local.fine(&format!("tenants import {good} --json")).json();
    assert_eq!(
        (second["report"]["created"].as_u64(), second["report"]["already"].as_u64()),
        (Some(0), Some(2))
    );
    assert!(local.fine("tenants show one-co").out.contains("one.example (verified)"));

    // The same file and its journal at another deployment, which has nobody yet.
    let other = Local::start();
    let there = other.fine(&format!("tenants import {good} --json")).json();
    assert_eq!(
        (there["report"]["created"].as_u64(), there["report"]["already"].as_u64()),
        (Some(2), Some(0))
    );
}

/// The reference on the page leads to the cause in plain words and to the next step.
#[tokio::test]
async fn a_reference_leads_to_the_cause() {
    let local = Local::start();
    let reference = local.reference("/auth/callback?error=access_denied").await;
    let shown = local.fine(&format!("logins show {reference}"));
    assert!(shown.out.starts_with("Failed: access_denied\n"), "{shown:?}");
    assert!(
        shown.out.contains("did not let the person through") && shown.out.contains("  Next: "),
        "{shown:?}"
    );
    let json = local.fine(&format!("logins show {reference} --json")).json();
    assert_eq!((json["reason"].as_str(), json["outcome"].as_str()), (Some("access_denied"), Some("failed")));

    let listed = local.fine("logins list --failed --since 1h --json").json();
    let id = listed["logins"][0]["id"].as_str().unwrap();
    assert_eq!(local.fine(&format!("logins show {id} --json")).json(), json);
    assert_eq!(
        local.fine("logins list --organization org_01SANDBOXACME --json").json()["logins"],
        serde_json::json!([])
    );
    let nobody = local.fine("logins list --email ada@acme.com");
    assert!(nobody.out.is_empty() && nobody.err.contains("No login."), "{nobody:?}");
    assert!(local.refused("logins show no-such").err.contains("fourteen days"));
}
