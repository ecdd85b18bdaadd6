//! The `vestibule` command: the whole product on localhost, and what an operator does to a deployed stack.

pub mod args;
mod desk;
pub mod dev;
pub mod directory;
pub mod events_sign;
pub mod keys;
pub mod logins;
mod operator;
pub mod secret_store;
pub mod sessions;
pub mod setup;
pub mod signing_key;
pub mod stack;
mod target;
pub mod tenants;
mod terminal;
