//! How far a long piece of work has come.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::note;

/// Progress: a bar at a terminal, a line for every thousand elsewhere.
pub(super) struct Bar {
    bar: ProgressBar,
    what: &'static str,
}

impl Bar {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("  {wide_bar} {pos}/{len} {msg} ({eta} left)") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar, what }
    }

    pub(super) fn at(&self, done: usize, all: Option<usize>) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        if let Some(all) = all {
            self.bar.set_length(number(all));
        }
        self.bar.set_position(number(done));
        if self.bar.is_hidden() && done.is_multiple_of(1000) {
            let of = all.map(|all| format!(" of {all}")).unwrap_or_default();
            // A line that cannot be written is no reason to stop.
            drop(note(&format!("  {done}{of} {}", self.what)));
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
