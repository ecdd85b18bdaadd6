//! What the terminal says once everything answers: where to click, whom to be, what to try next.

use std::path::Path;

use super::settings::{WEBHOOK_PATH, WEBHOOK_SECRET_VALUE};
use super::{LOG, Urls};

/// The card; with `events`, the one for those who run the functions elsewhere. Colours only where there is a terminal.
pub(super) fn card(urls: &Urls, data_dir: &Path, events: Option<&Path>, colours: bool) -> String {
    let style = Style { colours };
    let mut lines = vec![String::new()];
    match (events, &urls.secrets) {
        (None, None) => product(&mut lines, urls, &style),
        (events, _) => parts(&mut lines, urls, events, &style),
    }
    let dir = data_dir.display();
    lines.push(String::new());
    lines.push(format!("  State is kept in {dir} (--fresh forgets it), the log in {dir}/{LOG}."));
    lines.push("  Ctrl-C stops.".to_owned());
    lines.join("\n") + "\n"
}

struct Style {
    colours: bool,
}

impl Style {
    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn link(&self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn product(lines: &mut Vec<String>, urls: &Urls, style: &Style) {
    lines.push(format!("  {}", style.bold("Vestibule is open.")));
    lines.push(String::new());
    lines.push(format!("  Your app     {}", style.link(&urls.app)));
    match &urls.sandbox {
        Some(sandbox) => {
            lines.push(format!(
                "  Sandbox      {}   plays WorkOS: people, directories, faults",
                style.link(sandbox)
            ));
            lines.push(String::new());
            lines.push(format!("  {}", style.bold("Try this")));
            lines.push("    1. Open your app, choose Acme Corp with Okta, be Ada Okafor.".to_owned());
            lines.push("    2. You stand on the dashboard: \"Connected to Acme Corp\".".to_owned());
            lines.push("    3. Reload, go back, open a second tab; then sign out.".to_owned());
            lines.push(
                "    4. In the sandbox, switch a fault on for /sso/token and sign in again.".to_owned(),
            );
            lines.push(format!(
                "    5. Hire and fire at {}.",
                style.link(&format!("{sandbox}/_sandbox/directory"))
            ));
        }
        None => {
            let (callback, login) = (format!("{}/auth/callback", urls.app), format!("{}/login", urls.app));
            let endpoint = format!("{}{}", urls.app, WEBHOOK_PATH);
            lines.push(String::new());
            lines.push("  In the WorkOS dashboard, under Redirects, register".to_owned());
            lines.push(format!("    redirect URI      {}", style.link(&callback)));
            lines.push(format!("    sign-in endpoint  {}", style.link(&login)));
            lines.push(format!("  and under Webhooks, with its secret as {WEBHOOK_SECRET_VALUE} in .env,"));
            lines.push(format!("    endpoint          {}", style.link(&endpoint)));
        }
    }
}

fn parts(lines: &mut Vec<String>, urls: &Urls, events: Option<&Path>, style: &Style) {
    lines.push(format!(
        "  {}",
        style.bold("What the functions need is there; the functions are yours to start.")
    ));
    lines.push(String::new());
    lines.push(format!("  DynamoDB         {}", style.link(&urls.dynamodb)));
    if let Some(secrets) = &urls.secrets {
        lines.push(format!("  Secrets Manager  {}", style.link(secrets)));
    }
    if let Some(sandbox) = &urls.sandbox {
        lines.push(format!("  Sandbox WorkOS   {}", style.link(sandbox)));
    }
    lines.push(format!("  They expect the functions at {}.", style.link(&urls.app)));
    let Some(events) = events.map(Path::display) else { return };
    let port = urls.app.rsplit_once(':').map_or("8080", |(_, port)| port);
    lines.push(String::new());
    lines.push(format!("  {}", style.bold("With cargo-lambda")));
    let here = format!("-A 127.0.0.1 -P {port}");
    lines.push(format!("    cargo lambda watch {here} --disable-cors --env-file {events}/local.env"));
    lines.push(format!("    cargo lambda invoke {here} session --data-file {events}/session-get.json"));
    lines.push(String::new());
    lines.push(format!("  {}", style.bold("With the SAM CLI and a container runtime")));
    lines.push(format!("    sam local invoke SessionFunction --event {events}/session-get.json \\"));
    lines.push(format!("      --env-vars {events}/env.json --docker-network host"));
    lines.push(String::new());
    lines.push(format!(
        "  {events} holds copies of the sample events with a session token that is valid now."
    ));
    lines.push(
        "  Pending logins (callback-*.json) work once, within ten minutes; start this again for new ones."
            .to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(secrets: Option<&str>) -> Urls {
        Urls {
            app: "http://localhost:8080".into(),
            sandbox: Some("http://localhost:8081".into()),
            dynamodb: "http://127.0.0.1:8000".into(),
            secrets: secrets.map(str::to_owned),
        }
    }

    fn fits(text: &str) {
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn the_card_names_every_address_and_has_no_colour_outside_a_terminal() {
        let text = card(&urls(None), Path::new(".vestibule"), None, false);
        for needed in
            ["http://localhost:8080", "http://localhost:8081", ".vestibule/vestibule.log", "--fresh"]
        {
            assert!(text.contains(needed), "{needed}");
        }
        assert!(!text.contains('\x1b'));
        assert!(card(&urls(None), Path::new(".vestibule"), None, true).contains('\x1b'));
        fits(&text);
    }

    #[test]
    fn without_the_functions_it_says_how_to_start_them() {
        let events = Path::new(".vestibule/events");
        let text = card(&urls(Some("http://127.0.0.1:8082")), Path::new(".vestibule"), Some(events), false);
        for needed in [
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8082",
            "cargo lambda invoke",
            "sam local invoke",
            "local.env",
        ] {
            assert!(text.contains(needed), "{needed}");
        }
        fits(&text);
    }
}
