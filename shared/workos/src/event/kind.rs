//! Types of events. A closed list of what means something here, and a word for everything else: the list at WorkOS is
//! open, and a type that is new must never be an error (R56).

/// Longest type that is kept of an event that nobody here knows.
const LONGEST: usize = 64;

macro_rules! kinds {
    ($($variant:ident = $word:literal;)*) => {
        /// The type of an event.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
            /// Lower-case letters, digits, dots and underscores.
            Other(String),
        }

        impl EventKind {
            /// Every type that is known here, as WorkOS writes them.
            pub const KNOWN: &'static [&'static str] = &[$($word,)*];

            pub(super) fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    other => {
                        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
                        let kept: String = other.chars().take(LONGEST).collect();
                        (!kept.is_empty() && kept.bytes().all(plain)).then_some(Self::Other(kept))
                    }
                }
            }

            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(text) => text,
                }
            }

            /// The value of a metric's dimension: only words of our own cost money.
            pub const fn label(&self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(_) => "other",
                }
            }
        }
    };
}

kinds! {
    DirectoryActivated = "dsync.activated";
    DirectoryDeactivated = "dsync.deactivated";
    DirectoryDeleted = "dsync.deleted";
    UserCreated = "dsync.user.created";
    UserUpdated = "dsync.user.updated";
    UserDeleted = "dsync.user.deleted";
    GroupCreated = "dsync.group.created";
    GroupUpdated = "dsync.group.updated";
    GroupDeleted = "dsync.group.deleted";
    MemberAdded = "dsync.group.user_added";
    MemberRemoved = "dsync.group.user_removed";
    TokenCreated = "dsync.token.created";
    TokenRevoked = "dsync.token.revoked";
    ConnectionActivated = "connection.activated";
    ConnectionDeactivated = "connection.deactivated";
    ConnectionDeleted = "connection.deleted";
    CertificateRenewalRequired = "connection.saml_certificate_renewal_required";
    CertificateRenewed = "connection.saml_certificate_renewed";
    OrganizationCreated = "organization.created";
    OrganizationUpdated = "organization.updated";
    OrganizationDeleted = "organization.deleted";
    DomainCreated = "organization_domain.created";
    DomainUpdated = "organization_domain.updated";
    DomainDeleted = "organization_domain.deleted";
    DomainVerified = "organization_domain.verified";
    DomainVerificationFailed = "organization_domain.verification_failed";
}

impl EventKind {
    /// The types to ask the Events API for. Without `dsync.deactivated`, which is understood where it comes and not
    /// known to WorkOS any more: a list that names an unknown type is refused whole.
    pub fn listed() -> Vec<&'static str> {
        Self::KNOWN.iter().copied().filter(|word| *word != Self::DirectoryDeactivated.label()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R59: what means something here is asked for, and nothing that WorkOS would refuse the whole list for.
    #[test]
    fn every_known_type_is_asked_for_but_one() {
        let listed = EventKind::listed();
        assert_eq!(listed.len() + 1, EventKind::KNOWN.len());
        assert!(listed.contains(&"dsync.user.deleted") && listed.contains(&"organization.deleted"));
        assert!(!listed.contains(&"dsync.deactivated"));
    }
}
