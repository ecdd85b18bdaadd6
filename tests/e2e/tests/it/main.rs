//! The whole product from outside, over HTTP: one binary, one module for each subject.
//!
//! Each test has a stack of its own in memory. Nothing sleeps but the few requests that have to run into a deadline.

#![cfg(test)]

mod account;
mod admission;
mod authorizer;
mod browser;
mod cors;
mod cross_site;
mod edge;
mod events;
mod faults;
mod foreign;
mod headers;
mod identity;
mod idp_errors;
mod idp_initiated;
mod invalid_state;
mod joining;
mod key_rotation;
mod leaver;
mod limits;
mod login;
mod logins_command;
mod logout;
mod logs;
mod outage;
mod outbox;
mod payloads;
mod policies;
mod reconcile;
mod reload;
mod requirements;
mod return_to;
mod rotation;
mod routing;
mod session;
mod sessions_command;
mod tabs;
mod template;
mod tenants_command;
mod traces;
mod webhooks;
mod workos_tokens;
