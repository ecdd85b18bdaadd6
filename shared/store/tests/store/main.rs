//! The store against the embedded DynamoDB engine, through the real SDK and over HTTP. One engine per test.

#![cfg(test)]

mod keys_item;
mod limits;
mod logins;
mod people;
mod sessions;
mod support;
