//! Copies of the sample events with fixtures that are good now, for `cargo lambda invoke` and `sam local invoke`.

use std::collections::BTreeMap;
use std::path::Path;

use super::Urls;
use super::fixtures::Fixtures;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../events/", $name)))),*]
    };
}

/// The files of `events/`, as they were when this program was built.
const EVENTS: [(&str, &str); 60] = files![
    "account-end-others-cross-site.json",
    "authorizer-allow-bearer.json",
    "authorizer-allow.json",
    "authorizer-deny.json",
    "callback-idp-error.json",
    "callback-invalid-state.json",
    "callback-success.json",
    "callback-unsolicited.json",
    "default-not-found.json",
    "login-email.json",
    "login-foreign-return.json",
    "login-head.json",
    "login-no-selector.json",
    "login-organization.json",
    "login-slug-unknown.json",
    "logout-cross-site.json",
    "logout-get.json",
    "logout-post.json",
    "outbox-purge.json",
    "outbox-stream.json",
    "outbox-sweep.json",
    "reconcile-directory.json",
    "reconcile-schedule.json",
    "scim-connection-activated.json",
    "scim-connection-deactivated.json",
    "scim-connection-deleted.json",
    "scim-connection-saml-certificate-renewal-required.json",
    "scim-connection-saml-certificate-renewed.json",
    "scim-dsync-activated.json",
    "scim-dsync-deactivated.json",
    "scim-dsync-deleted.json",
    "scim-dsync-group-created.json",
    "scim-dsync-group-deleted.json",
    "scim-dsync-group-updated.json",
    "scim-dsync-group-user-added.json",
    "scim-dsync-group-user-removed.json",
    "scim-dsync-token-created.json",
    "scim-dsync-token-revoked.json",
    "scim-dsync-user-created.json",
    "scim-dsync-user-deleted.json",
    "scim-dsync-user-updated.json",
    "scim-flag-created.json",
    "scim-organization-created.json",
    "scim-organization-deleted.json",
    "scim-organization-domain-created.json",
    "scim-organization-domain-deleted.json",
    "scim-organization-domain-updated.json",
    "scim-organization-domain-verification-failed.json",
    "scim-organization-domain-verified.json",
    "scim-organization-updated.json",
    "scim-unknown-directory.json",
    "scim-unsigned.json",
    "scim-users-old-envelope.json",
    "scim-users-unknown-token.json",
    "scim-users-webhook.json",
    "session-account.json",
    "session-get.json",
    "session-jwks.json",
    "session-openid-configuration.json",
    "session-signed-out.json",
];

/// Settings by function, as the SAM CLI reads them.
const ENV_JSON: &str = include_str!("../../../events/env.json");
/// Settings for cargo-lambda, which has one environment for all functions.
const LOCAL_ENV: &str = include_str!("../../../events/local.env");

/// The copies were not written.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    #[error("cannot write {file}: {why}; choose another directory with --data-dir")]
    Write { file: String, why: std::io::Error },
    #[error("events/env.json is not an object of objects: {0}")]
    Environment(serde_json::Error),
}

/// Writes every event and both environments into `dir`.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(
    dir: &Path,
    fixtures: &Fixtures,
    urls: &Urls,
    settings: &BTreeMap<String, String>,
) -> Result<(), EventsError> {
    let put = |name: &str, text: &str| {
        let file = dir.join(name);
        std::fs::write(&file, text)
            .map_err(|why| EventsError::Write { file: file.display().to_string(), why })
    };
    std::fs::create_dir_all(dir)
        .map_err(|why| EventsError::Write { file: dir.display().to_string(), why })?;
    let host = urls.app.split_once("://").map_or(urls.app.as_str(), |(_, host)| host);
    for (name, event) in EVENTS {
        put(name, &fixtures.fill(event, host))?;
    }
    let by_function = environment(urls, settings)?;
    put("env.json", &serde_json::to_string_pretty(&by_function).map_err(EventsError::Environment)?)?;
    let mut environment = addressed(LOCAL_ENV, urls);
    settings.iter().for_each(|(name, value)| environment.push_str(&format!("{name}=\"{value}\"\n")));
    put("local.env", &environment)
}

/// The addresses as they are, in place of the usual ones.
fn addressed(text: &str, urls: &Urls) -> String {
    let text =
        text.replace("http://localhost:8080", &urls.app).replace("http://127.0.0.1:8000", &urls.dynamodb);
    let text = match &urls.sandbox {
        Some(sandbox) => text.replace("http://127.0.0.1:8081", sandbox),
        None => text,
    };
    match &urls.secrets {
        Some(secrets) => text.replace("http://127.0.0.1:8082", secrets),
        None => text,
    }
}

/// Settings by the function's logical id in the template, as `env.json` has them, with the addresses of this stack.
///
/// # Errors
/// When `env.json` is not what it must be.
pub fn environment(
    urls: &Urls,
    settings: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, EventsError> {
    let parsed =
        serde_json::from_str::<BTreeMap<String, BTreeMap<String, String>>>(&addressed(ENV_JSON, urls));
    let mut functions = parsed.map_err(EventsError::Environment)?;
    functions.values_mut().for_each(|function| function.extend(settings.clone()));
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{OrganizationId, SessionId, UserId};
    use serde_json::Value;

    fn fixtures() -> Fixtures {
        Fixtures {
            token: "live.session.token".into(),
            code: "live-code".into(),
            organization: OrganizationId::parse("org_1").unwrap(),
            user: UserId::parse("user_1").unwrap(),
            session: SessionId::parse("sess_1").unwrap(),
            notice: "01NOTICE".into(),
        }
    }

    /// A new file in `events/` is one of the list.
    #[test]
    fn every_event_is_copied() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
        let names =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut on_disk: Vec<_> =
            names.filter(|name| name.ends_with(".json") && name != "env.json").collect();
        on_disk.sort();
        assert_eq!(EVENTS.map(|(name, _)| name).to_vec(), on_disk);
    }

    #[test]
    fn copies_have_live_values_and_the_addresses_of_this_stack() {
        let dir = tempfile::tempdir().unwrap();
        let urls = Urls {
            app: "http://localhost:9999".into(),
            sandbox: Some("http://localhost:1".into()),
            dynamodb: "http://127.0.0.1:2".into(),
            secrets: Some("http://127.0.0.1:3".into()),
        };
        let settings = BTreeMap::from([("APP_NAME".to_owned(), "Harbor".to_owned())]);
        write(dir.path(), &fixtures(), &urls, &settings).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(read("session-get.json").contains("__Host-session=live.session.token"));
        assert!(read("callback-success.json").contains("code=live-code&state=fixture-state-"));
        assert!(read("logout-post.json").contains("\"origin\": \"http://localhost:9999\""));
        for (name, _) in EVENTS {
            let copy = read(name);
            assert!(!copy.contains("fixture.session.token") && !copy.contains(":8080"), "{name}");
            assert!(serde_json::from_str::<Value>(&copy).is_ok(), "{name}");
        }
        let environment: Value = serde_json::from_str(&read("env.json")).unwrap();
        for function in environment.as_object().unwrap().values() {
            assert_eq!(function["APP_NAME"], "Harbor");
            assert_eq!(function["PUBLIC_URL"], "http://localhost:9999");
        }
        assert_eq!(environment["CallbackFunction"]["AWS_ENDPOINT_URL_SECRETS_MANAGER"], "http://127.0.0.1:3");
        let local = read("local.env");
        assert!(
            local.contains("WORKOS_API_BASE_URL=http://localhost:1\n")
                && local.contains("APP_NAME=\"Harbor\"\n")
        );
    }
}
