//! Identifiers as types, so that passing the wrong one does not compile.
//!
//! WorkOS's ids are opaque to us but never arbitrary text: a short run of letters, digits, `_` and `-` behind
//! the documented prefix. What does not look like that never reaches a key, a URL or a log line.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::rng::{Rng, RngError};

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    pub kind: &'static str,
}

const MAX_LENGTH: usize = 128;

fn well_formed(text: &str, prefix: &str) -> bool {
    text.len() <= MAX_LENGTH
        && text.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// # Errors
            /// When the text lacks the prefix, is too long or holds other characters than `[A-Za-z0-9_-]`.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if well_formed(text, $prefix) { Ok(Self(text.to_owned())) } else { Err(InvalidId { kind: $kind }) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// WorkOS connection: one IdP of one organization.
    ConnectionId, "conn_", "connection";
    /// WorkOS directory group.
    DirectoryGroupId, "directory_group_", "directory group";
    /// WorkOS directory: one source of people and groups of one organization.
    DirectoryId, "directory_", "directory";
    /// WorkOS directory user: what one directory says of one person. Never a user id.
    DirectoryUserId, "directory_user_", "directory user";
    /// WorkOS event. The same in a webhook and in the Events API.
    EventId, "event_", "event";
    /// WorkOS organization, and the name of our tenant.
    OrganizationId, "org_", "organization";
    /// WorkOS profile: what one connection says of one person. Never a user id.
    ProfileId, "prof_", "profile";
    /// Session record of ours; `sid` in the session JWT.
    SessionId, "sess_", "session";
    /// User of ours: one person inside one tenant; `sub` in the session JWT.
    UserId, "user_", "user";
}

impl SessionId {
    /// # Errors
    /// When no random bytes can be had.
    pub fn generate(rng: &Rng, now: Timestamp) -> Result<Self, RngError> {
        Ok(Self(format!("{}{}", Self::PREFIX, rng.ulid(now)?)))
    }
}

impl UserId {
    /// # Errors
    /// When no random bytes can be had.
    pub fn generate(rng: &Rng, now: Timestamp) -> Result<Self, RngError> {
        Ok(Self(format!("{}{}", Self::PREFIX, rng.ulid(now)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_words_behind_their_prefix() {
        assert!(OrganizationId::parse("org_01EHZNVPK3SFK441A1RGBFSHRT").is_ok());
        let long = format!("org_{}", "a".repeat(MAX_LENGTH));
        for wrong in
            ["", "org_", "conn_01", "org_a#b", "org_a/b", "org_é", "org_a\n", " org_a", long.as_str()]
        {
            assert_eq!(OrganizationId::parse(wrong), Err(InvalidId { kind: "organization" }), "{wrong:?}");
        }
    }

    #[test]
    fn stored_ids_are_checked_when_read_back() {
        assert!(serde_json::from_str::<UserId>("\"user_01\"").is_ok());
        assert!(serde_json::from_str::<UserId>("\"org_01\"").is_err());
    }
}
