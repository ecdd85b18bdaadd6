//! What the samples of WorkOS's events come to, in tables that have never heard of their directory.

use super::{Expected, page};

/// An event of WorkOS that is taken, with this outcome.
const fn webhook(event: &'static str, outcome: &'static str, changes: &'static [&'static str]) -> Expected {
    Expected { event, function: "scim", answer: page(200, outcome), changes }
}

const APPLIED: &str = "\"outcome\":\"applied\"";
const IGNORED: &str = "\"outcome\":\"ignored\"";
const NO_CHANGE: &str = "\"outcome\":\"no_change\"";
/// Only that it was seen.
const SEEN: &[&str] = &["+seen"];
/// The directory introduces itself, or is met for the first time by what is said of it.
const DIRECTORY: &[&str] = &["+audit", "+directory", "+directory_pointer", "+notice", "+seen", "~gate"];
const GROUP: &[&str] = &[
    "+audit",
    "+directory",
    "+directory_group",
    "+directory_list",
    "+directory_pointer",
    "+notice",
    "+seen",
    "~gate",
];
const PERSON: &[&str] = &[
    "+audit",
    "+claim",
    "+claim",
    "+directory",
    "+directory_list",
    "+directory_pointer",
    "+directory_user",
    "+notice",
    "+seen",
    "+user",
    "~gate",
];

pub(super) const EXPECTED: [Expected; 32] = [
    webhook("scim-connection-activated.json", APPLIED, &["+seen", "~tenant"]),
    webhook("scim-connection-deactivated.json", APPLIED, &["+seen", "~gate", "~tenant"]),
    webhook("scim-connection-deleted.json", APPLIED, &["+seen", "~gate", "~tenant"]),
    webhook("scim-connection-saml-certificate-renewal-required.json", APPLIED, &["+audit", "+seen"]),
    webhook("scim-connection-saml-certificate-renewed.json", IGNORED, SEEN),
    webhook("scim-dsync-activated.json", APPLIED, DIRECTORY),
    webhook("scim-dsync-deactivated.json", APPLIED, DIRECTORY),
    webhook("scim-dsync-deleted.json", APPLIED, DIRECTORY),
    webhook("scim-dsync-group-created.json", APPLIED, GROUP),
    webhook(
        "scim-dsync-group-deleted.json",
        NO_CHANGE,
        &["+directory", "+directory_group", "+directory_list", "+directory_pointer", "+seen", "~gate"],
    ),
    webhook("scim-dsync-group-updated.json", APPLIED, GROUP),
    webhook(
        "scim-dsync-group-user-added.json",
        APPLIED,
        &["+audit", "+directory", "+directory_pointer", "+membership", "+notice", "+seen", "~gate"],
    ),
    webhook(
        "scim-dsync-group-user-removed.json",
        NO_CHANGE,
        &["+directory", "+directory_pointer", "+membership", "+seen", "~gate"],
    ),
    webhook("scim-dsync-token-created.json", IGNORED, SEEN),
    webhook("scim-dsync-token-revoked.json", IGNORED, SEEN),
    webhook("scim-dsync-user-created.json", APPLIED, PERSON),
    webhook("scim-dsync-user-deleted.json", APPLIED, PERSON),
    webhook("scim-dsync-user-updated.json", APPLIED, PERSON),
    webhook("scim-flag-created.json", IGNORED, SEEN),
    webhook("scim-organization-created.json", IGNORED, SEEN),
    webhook("scim-organization-deleted.json", APPLIED, &["+audit", "+seen", "-domain", "~gate", "~tenant"]),
    webhook("scim-organization-domain-created.json", APPLIED, &["+seen", "~tenant"]),
    webhook("scim-organization-domain-deleted.json", APPLIED, &["+seen", "-domain", "~tenant"]),
    webhook("scim-organization-domain-updated.json", APPLIED, &["+seen", "~tenant"]),
    webhook("scim-organization-domain-verification-failed.json", APPLIED, &["+seen", "~tenant"]),
    webhook("scim-organization-domain-verified.json", APPLIED, &["+domain", "+seen", "~tenant"]),
    webhook("scim-organization-updated.json", APPLIED, &["+seen", "~tenant", "~tenant_list"]),
    webhook("scim-users-old-envelope.json", APPLIED, PERSON),
    webhook("scim-users-webhook.json", APPLIED, PERSON),
    Expected {
        event: "scim-unknown-directory.json",
        function: "scim",
        answer: page(503, "try_later"),
        changes: &["+failure"],
    },
    Expected {
        event: "scim-unsigned.json",
        function: "scim",
        answer: page(401, "unauthorized"),
        changes: &[],
    },
    Expected {
        event: "scim-users-unknown-token.json",
        function: "scim",
        answer: page(401, "urn:ietf:params:scim:api:messages:2.0:error"),
        changes: &[],
    },
];
