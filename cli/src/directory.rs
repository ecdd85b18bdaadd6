//! `vestibule directory`: what came of WorkOS's events, and how to make good what was missed.
//!
//! The verbs use the very code of the functions (`intake`, `reconcile`), so that what an operator repairs by hand is what
//! would have happened by itself: each event counts once, and what is newer stays.

pub mod args;
mod command;

pub use command::{DirectoryCommandError, run};
