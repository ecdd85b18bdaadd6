//! The `vestibule` command: the whole product on localhost, and what an operator does to a deployed stack.

pub mod args;
pub mod dev;
pub mod keys;
mod operator;
pub mod secret_store;
pub mod setup;
pub mod signing_key;
pub mod stack;
mod target;
mod terminal;
