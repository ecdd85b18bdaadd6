//! The store against the embedded DynamoDB engine, through the real SDK and over HTTP. One engine per test.

#![cfg(test)]

mod directory;
mod door;
mod finding;
mod jobs;
mod keys_item;
mod limits;
mod logins;
mod moves;
mod people;
mod sessions;
mod settings;
mod support;
mod traces;
