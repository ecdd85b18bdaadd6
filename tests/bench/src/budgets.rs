//! What the functions may cost, held against what they did.

use crate::Result;
use crate::series::{Series, median, minimum};
use crate::variant::{CALLBACK, HELLO, LOGIN, NODE, SESSION, SIGNATURE, STRICT, Variant};

/// One bound and the figure that it is for.
pub(crate) struct Budget {
    pub(crate) what: String,
    pub(crate) figure: f64,
    pub(crate) bound: Bound,
    pub(crate) unit: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Budget {
    pub(crate) fn holds(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.figure <= bound,
            Bound::AtLeast(bound) => self.figure >= bound,
        }
    }
}

pub(crate) fn check(variants: &[Variant]) -> Result<Vec<Budget>> {
    let find = |name| variants.iter().find(|variant| variant.name == name).ok_or("a variant is missing");
    let (hello, callback, node) = (find(HELLO)?, find(CALLBACK)?, find(NODE)?);
    let functions = [find(LOGIN)?, callback, find(SESSION)?, find(STRICT)?, find(SIGNATURE)?];
    let budget = |what: String, figure, bound, unit| Budget { what, figure, bound, unit };
    let best = |pick: fn(&Series) -> &[f64], variant: &Variant| minimum(pick(&variant.figures));
    let mut budgets = Vec::new();

    for name in [LOGIN, STRICT, CALLBACK] {
        let ratio = best(|s| &s.init_cpu, find(name)?) / best(|s| &s.init_cpu, hello);
        let what = format!("{name}: processor time of init over hello world's");
        budgets.push(budget(what, ratio, Bound::AtMost(2.0), "x"));
    }
    for variant in functions {
        let what = format!("{}: processor time of the first invocation", variant.name);
        budgets.push(budget(what, best(|s| &s.first_cpu, variant), Bound::AtMost(4.0), "ms"));
    }
    let over = callback.figures.over_floor().ok_or("the callback asks nobody")?;
    budgets.push(budget("callback: warm p50 over the floor".into(), over, Bound::AtMost(1.08), "x"));
    for variant in functions {
        let peak = median(&variant.figures.peak);
        budgets.push(budget(format!("{}: peak memory", variant.name), peak, Bound::AtMost(12.0), "MB"));
    }
    for (name, bound) in [(LOGIN, 2.2), (STRICT, 2.2), (CALLBACK, 3.0), (SESSION, 3.0)] {
        let zip = megabytes(find(name)?.zip);
        let file = name.split(',').next().unwrap_or(name);
        budgets.push(budget(format!("{file}: zip"), zip, Bound::AtMost(bound), "MB"));
    }
    let init = best(|s| &s.init_above, node) / best(|s| &s.init_above, callback);
    budgets.push(budget(
        "Node's init above the floor over the callback's".into(),
        init,
        Bound::AtLeast(20.0),
        "x",
    ));
    let first = best(|s| &s.first_above, node) / best(|s| &s.first_above, callback);
    let what = "Node's first invocation above the floor over the callback's";
    budgets.push(budget(what.into(), first, Bound::AtLeast(10.0), "x"));
    let waits = callback.figures.waits.database_waits;
    let waits = f64::from(u32::try_from(waits)?);
    budgets.push(budget(
        "callback: round trips to DynamoDB, one after another".into(),
        waits,
        Bound::AtMost(4.0),
        "",
    ));
    Ok(budgets)
}

#[expect(clippy::cast_precision_loss, reason = "file sizes are far below 2^52")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_on_their_own_side() {
        let budget = |figure, bound| Budget { what: String::new(), figure, bound, unit: "" };
        assert!(budget(2.0, Bound::AtMost(2.0)).holds() && !budget(2.1, Bound::AtMost(2.0)).holds());
        assert!(budget(20.0, Bound::AtLeast(20.0)).holds() && !budget(19.9, Bound::AtLeast(20.0)).holds());
        // What was not measured holds nothing.
        assert!(
            !budget(f64::NAN, Bound::AtMost(2.0)).holds() && !budget(f64::NAN, Bound::AtLeast(2.0)).holds()
        );
    }
}
