//! The figures as Markdown, and the page that holds them.

use std::fmt::Write;
use std::path::Path;

use domain::Clock;

use crate::Result;
use crate::budgets::{Bound, Budget, megabytes};
use crate::series::{median, minimum};
use crate::variant::{CALLBACK, HELLO, NODE, SIGNATURE, STRICT, Variant};

const BEGIN: &str = "<!-- figures: tests/bench/run writes from here -->";
const END: &str = "<!-- figures: to here -->";

/// What the figures were taken on.
pub(crate) struct Machine {
    date: String,
    processor: String,
    processors: usize,
    load: (String, String),
    starts: usize,
    warm: usize,
}

/// The load average of the last minute.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

impl Machine {
    pub(crate) fn describe(load_before: String, starts: usize, warm: usize) -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            date: Clock::system().now().rfc3339().chars().take(10).collect(),
            processor: model.map_or("an unnamed processor", |(_, name)| name).to_owned(),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            load: (load_before, load()),
            starts,
            warm,
        }
    }
}

pub(crate) fn write(variants: &[Variant], budgets: &[Budget], machine: &Machine) -> Result<String> {
    let mut text = String::new();
    let Machine { date, processor, processors, load, starts, warm } = machine;
    writeln!(
        text,
        "Taken on {date}: {processors} processors ({processor}), shared with others; load {} before and {} after. {starts} \
         interleaved starts, {warm} warm invocations each (ten times as many where nothing waits for the network). Times in \
         milliseconds; \"min\" is the best of the starts, \"med\" their median.\n",
        load.0, load.1
    )?;
    table(&mut text, variants)?;
    ratios(&mut text, variants)?;
    authorizer(&mut text, variants)?;
    verdicts(&mut text, budgets)?;
    Ok(text)
}

fn table(text: &mut String, variants: &[Variant]) -> Result<()> {
    writeln!(
        text,
        "| | zip MB | init min / med | init CPU min / med | first min / med | first CPU min / med | warm p50 | over floor | warm CPU | peak MB | handshakes init + first |\n\
         |---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for variant in variants {
        let f = &variant.figures;
        let both = |values: &[f64]| format!("{:.1} / {:.1}", minimum(values), median(values));
        writeln!(
            text,
            "| {} | {:.2} | {} | {} | {} | {} | {:.2} | {} | {:.2} | {:.1} | {} + {} |",
            variant.name,
            megabytes(variant.zip),
            both(&f.init_wall),
            both(&f.init_cpu),
            both(&f.first_wall),
            both(&f.first_cpu),
            median(&f.warm_wall),
            f.over_floor().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}x")),
            minimum(&f.warm_cpu),
            median(&f.peak),
            f.handshakes.0,
            f.handshakes.1,
        )?;
    }
    Ok(())
}

fn ratios(text: &mut String, variants: &[Variant]) -> Result<()> {
    let find = |name| variants.iter().find(|variant| variant.name == name).ok_or("a variant is missing");
    let (hello, node) = (find(HELLO)?, find(NODE)?);
    writeln!(
        text,
        "\nAs ratios of minima in this run: how much more than hello world, and how much less than Node.\n\n\
         | | init CPU over hello | peak over hello | Node's init over it | Node's first CPU over it | Node's peak over it |\n\
         |---|---|---|---|---|---|"
    )?;
    for variant in variants.iter().filter(|variant| variant.name != HELLO && variant.name != NODE) {
        let (f, h, n) = (&variant.figures, &hello.figures, &node.figures);
        writeln!(
            text,
            "| {} | {:.2}x | {:.1}x | {:.0}x | {:.0}x | {:.0}x |",
            variant.name,
            minimum(&f.init_cpu) / minimum(&h.init_cpu),
            median(&f.peak) / median(&h.peak),
            minimum(&n.init_wall) / minimum(&f.init_wall),
            minimum(&n.first_cpu) / minimum(&f.first_cpu),
            median(&n.peak) / median(&f.peak),
        )?;
    }
    let waits = find(CALLBACK)?.figures.waits;
    writeln!(
        text,
        "\nA warm callback makes {} calls to DynamoDB and waits for {} of them one after another; the others run beside \
         these or beside the code exchange.",
        waits.database_calls, waits.database_waits
    )?;
    Ok(())
}

fn authorizer(text: &mut String, variants: &[Variant]) -> Result<()> {
    let find = |name| variants.iter().find(|variant| variant.name == name).ok_or("a variant is missing");
    let runtime = minimum(&find(HELLO)?.figures.warm_cpu);
    writeln!(
        text,
        "\nThe authorizer for one verification, without what any function pays for being invoked ({runtime:.2} ms):\n\n\
         | mode | CPU | wall p50 | of which DynamoDB |\n|---|---|---|---|"
    )?;
    for (mode, name) in [("strict", STRICT), ("signature", SIGNATURE)] {
        let figures = &find(name)?.figures;
        writeln!(
            text,
            "| {mode} | {:.2} ms | {:.2} ms | {:.2} ms |",
            minimum(&figures.warm_cpu) - runtime,
            median(&figures.warm_wall),
            median(&figures.warm_floor),
        )?;
    }
    Ok(())
}

fn verdicts(text: &mut String, budgets: &[Budget]) -> Result<()> {
    writeln!(text, "\n| budget | bound | this run | |\n|---|---|---|---|")?;
    for budget in budgets {
        let (sign, bound) = match budget.bound {
            Bound::AtMost(bound) => ("≤", bound),
            Bound::AtLeast(bound) => ("≥", bound),
        };
        let verdict = if budget.holds() { "holds" } else { "**does not hold**" };
        let Budget { what, figure, unit, .. } = budget;
        writeln!(text, "| {what} | {sign} {bound} {unit} | {figure:.2} {unit} | {verdict} |")?;
    }
    Ok(())
}

/// Puts the figures between the page's two marks.
pub(crate) fn update(page: &Path, figures: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).map_err(|why| format!("{}: {why}", page.display()))?;
    std::fs::write(page, between_marks(&text, figures).ok_or("the page has lost its marks")?)?;
    Ok(())
}

fn between_marks(page: &str, figures: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", figures.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let page = format!("# Speed\n\n{BEGIN}\nold\n{END}\n\nWords.\n");
        let written = between_marks(&page, "new\n").unwrap();
        assert_eq!(written, format!("# Speed\n\n{BEGIN}\n\nnew\n\n{END}\n\nWords.\n"));
        assert_eq!(between_marks(&written, "new").unwrap(), written);
        assert_eq!(between_marks("no marks", "new"), None);
        // The page of this project has them.
        assert!(between_marks(include_str!("../../../docs/performance.md"), "new").is_some());
    }
}
