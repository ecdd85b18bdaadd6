//! What an IdP and WorkOS call a person: `idp_id` and profile id, derived from connection and person.
//!
//! The same person has another `idp_id` and another profile at each connection, as in reality. Both are hashes,
//! so they are the same on every machine, after every restart, and when the person's address changes (R46).

use ring::digest;

use crate::model::{Connection, Idp, Person};

/// 32 bytes that depend on nothing but the purpose, the connection and the person's key.
fn bytes(purpose: &str, connection: &Connection, person: &Person) -> Vec<u8> {
    let input = format!("{purpose}\n{}\n{}", connection.id, person.key);
    digest::digest(&digest::SHA256, input.as_bytes()).as_ref().to_vec()
}

fn letters(bytes: &[u8], alphabet: &[u8]) -> String {
    bytes
        .iter()
        .filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len()))
        .map(|c| char::from(*c))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The subject identifier in the spelling that the IdP uses.
pub(crate) fn idp_id(connection: &Connection, person: &Person) -> String {
    let bytes = bytes("idp", connection, person);
    match connection.idp {
        Idp::OktaSaml => {
            format!("00u{}", letters(&bytes, b"abcdefghijklmnopqrstuvwxyz0123456789").get(..17).unwrap_or(""))
        }
        Idp::EntraIdOidc | Idp::MicrosoftOauth => {
            let hex = hex(&bytes);
            let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("").to_owned();
            format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
        }
        Idp::GoogleOidc | Idp::GoogleOauth => {
            format!("1{}", letters(bytes.get(..20).unwrap_or(&[]), b"0123456789"))
        }
        Idp::GitHubOauth => format!("4{}", letters(bytes.get(..7).unwrap_or(&[]), b"0123456789")),
        Idp::OneLoginSaml | Idp::JumpCloudSaml => hex(bytes.get(..12).unwrap_or(&[])),
    }
}

/// `prof_…` in the shape of WorkOS's ids.
pub(crate) fn profile_id(connection: &Connection, person: &Person) -> String {
    let bytes = bytes("profile", connection, person);
    let tail = letters(bytes.get(..17).unwrap_or(&[]), b"0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    format!("prof_01SANDBOX{tail}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use domain::ProfileId;

    use super::*;
    use crate::seed;

    #[test]
    fn ids_differ_by_connection_and_keep_when_the_address_changes() {
        let mut world = seed::world().unwrap();
        let (mut profiles, mut subjects, mut pairs) = (HashSet::new(), HashSet::new(), 0);
        for connection in &world.connections {
            for person in world.members(connection) {
                assert!(ProfileId::parse(&profile_id(connection, person)).is_ok());
                profiles.insert(profile_id(connection, person));
                subjects.insert(idp_id(connection, person));
                pairs += 1;
            }
        }
        assert_eq!((profiles.len(), subjects.len()), (pairs, pairs));

        let connection = world.connections[0].clone();
        let before = idp_id(&connection, &world.people[0]);
        assert_eq!(before, "00uvd83fh6ldo3nry0qc");
        world.people[0].email = domain::EmailAddress::parse("new@acme.com").unwrap();
        assert_eq!(idp_id(&connection, &world.people[0]), before);
    }
}
