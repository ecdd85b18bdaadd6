//! Where a list of sessions goes on: a tenant and the sign-in after which to begin. Text that an operator copies from one
//! command into the next; pages stay right while people come and go, since a sign-in never moves.

use std::fmt;
use std::str::FromStr;

use domain::OrganizationId;
use store::SignInPlace;

use crate::logins::moment_of;

/// `org_…:01J…`, or `org_…` for the beginning of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub organization: OrganizationId,
    pub after: Option<SignInPlace>,
}

/// The text is no place of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not what the list before gave for --after")]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;
    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (organization, id) = text.split_once(':').map_or((text, None), |(org, id)| (org, Some(id)));
        let organization = OrganizationId::parse(organization).map_err(|_| NotAPlace)?;
        let after = match id {
            Some(id) => Some(SignInPlace { at: moment_of(id).ok_or(NotAPlace)?, id: id.to_owned() }),
            None => None,
        };
        Ok(Self { organization, after })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.organization.fmt(f)?;
        match &self.after {
            Some(place) => write!(f, ":{}", place.id),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Rng, Timestamp};

    #[test]
    fn places_are_copied_from_one_command_into_the_next() {
        let at = Timestamp::from_millis(1_800_000_123_456);
        let organization = OrganizationId::parse("org_1").unwrap();
        let id = Rng::seeded(1).ulid(at).unwrap();
        for after in [None, Some(SignInPlace { at, id })] {
            let place = Place { organization: organization.clone(), after };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for wrong in
            ["", "org_", "user_1", "org_1:", "org_1:01", ":01JDJ0T2V0ABCDEFGHJKMNPQRS", "org_1:org_1"]
        {
            assert_eq!(wrong.parse::<Place>(), Err(NotAPlace), "{wrong}");
        }
    }
}
