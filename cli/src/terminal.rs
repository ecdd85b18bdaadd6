//! What every verb does at the terminal: say, ask, wait. Results go to standard output, everything else to standard
//! error, so that a pipeline can keep them apart. A secret is asked for without an echo and never taken as an argument,
//! where `ps` and the shell's history would have it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::Term;
use domain::{Clock, Timestamp};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use secrecy::SecretString;
use serde::Serialize;

/// A result, to standard output.
pub(crate) fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A result for programs: one line of JSON.
pub(crate) fn say_json(value: &impl Serialize) -> io::Result<()> {
    say(&serde_json::to_string(value).map_err(io::Error::other)?)
}

/// What the person should know, to standard error.
pub(crate) fn note(line: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{line}")
}

/// Whether somebody is there to answer.
pub(crate) fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A text that somebody else wrote, such as a company's name: without what would command the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Goes on only with leave: `--yes`, or a yes at the terminal. `false` when there is neither.
pub(crate) fn confirmed(question: &str, yes: bool) -> io::Result<bool> {
    if yes {
        return Ok(true);
    }
    Ok(somebody_is_there() && matches!(ask(&format!("{question} [y/N] "))?.as_str(), "y" | "Y" | "yes"))
}

/// Asks for a secret without an echo.
pub(crate) fn ask_secret(question: &str) -> io::Result<SecretString> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    Ok(terminal.read_secure_line()?.trim().to_owned().into())
}

/// Asks for a line.
pub(crate) fn ask(question: &str) -> io::Result<String> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    Ok(terminal.read_line()?.trim().to_owned())
}

/// `2026-11-25 03:22:10 UTC`.
pub(crate) fn utc(moment: Timestamp) -> String {
    let text = moment.rfc3339();
    let seconds = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

/// `1 d 2 h`, `9 min 58 s`: what is left, two units of it.
pub(crate) fn span(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Waits and shows for how long: a bar at a terminal, one line elsewhere.
pub(crate) async fn wait_until(moment: Timestamp, clock: &Clock, what: &str) -> io::Result<()> {
    let start = clock.now();
    let total = moment.since(start);
    if total.is_zero() {
        return Ok(());
    }
    let bar = ProgressBar::with_draw_target(Some(total.as_secs()), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("  {wide_bar} {msg}") {
        bar.set_style(style);
    }
    if bar.is_hidden() {
        note(&format!("  {what}: waiting until {} ({})", utc(moment), span(total)))?;
    }
    loop {
        let now = clock.now();
        let left = moment.since(now);
        if left.is_zero() {
            bar.finish_and_clear();
            return Ok(());
        }
        bar.set_position(now.since(start).as_secs());
        bar.set_message(format!("{what}: {}", span(left)));
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        assert_eq!(utc(Timestamp::from_seconds(1_764_059_400)), "2025-11-25 08:30:00 UTC");
        assert_eq!(utc(Timestamp::from_millis(1_764_059_400_093)), "2025-11-25 08:30:00 UTC");
        let spans = [0, 598, 7200, 93_600].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["0 s", "9 min 58 s", "2 h 0 min", "1 d 2 h"]);
    }

    #[test]
    fn foreign_text_does_not_command_the_terminal() {
        assert_eq!(plain("Acme\u{1b}[2J\r\n Corp"), "Acme[2J Corp");
    }

    #[tokio::test]
    async fn a_moment_that_has_passed_is_not_waited_for() {
        let clock = Clock::manual(Timestamp::from_seconds(10));
        wait_until(Timestamp::from_seconds(9), &clock, "caches").await.unwrap();
    }
}
