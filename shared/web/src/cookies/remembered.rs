//! Where this browser signed in last, for a second visit with one click.
//!
//! A hint and nothing more: anybody can write into a cookie of their own browser, so what is read here must be one of the
//! ways that fit anyway (`domain::routing`). It holds ids, no e-mail address and no name. A browser keeps the last few,
//! latest first.

use std::time::Duration;

use domain::routing::Remembered;
use domain::{ConnectionId, OrganizationId};

use super::{RequestCookies, SetCookie};

const NAME: &str = "__Host-last";
/// Half a year: longer than any holiday.
const LIFE: Duration = Duration::from_secs(180 * 24 * 3600);
/// People work for one company, consultants for a few.
const MOST: usize = 3;
/// Longest value that is looked at: three pairs of the longest ids.
const LONGEST: usize = 1024;

/// The sign-ins that this browser remembers.
#[derive(Debug)]
pub struct RememberedCookie;

impl RememberedCookie {
    /// Latest first. What cannot be read counts as absent.
    pub fn read(cookies: &RequestCookies) -> Vec<Remembered> {
        let Some(value) = cookies.values(NAME).next().filter(|value| value.len() <= LONGEST) else {
            return Vec::new();
        };
        let pair = |text: &str| {
            let (organization, connection) = text.split_once('.')?;
            Some(Remembered {
                organization: OrganizationId::parse(organization).ok()?,
                connection: ConnectionId::parse(connection).ok()?,
            })
        };
        let pairs: Option<Vec<Remembered>> = value.split('~').map(pair).collect();
        let mut latest: Vec<Remembered> = Vec::new();
        for pair in pairs.unwrap_or_default().into_iter().take(MOST) {
            if latest.iter().all(|known| known.organization != pair.organization) {
                latest.push(pair);
            }
        }
        latest
    }

    /// With this sign-in as the latest.
    pub fn set(before: &[Remembered], last: &Remembered) -> SetCookie {
        let older = before.iter().filter(|known| known.organization != last.organization);
        let all = std::iter::once(last).chain(older).take(MOST);
        let text: Vec<String> =
            all.map(|known| format!("{}.{}", known.organization, known.connection)).collect();
        SetCookie::new(NAME, &text.join("~"), None, LIFE)
    }

    /// "Not you?"
    pub fn clear() -> SetCookie {
        SetCookie::new(NAME, "", None, Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(organization: &str, connection: &str) -> Remembered {
        Remembered {
            organization: OrganizationId::parse(&format!("org_{organization}")).unwrap(),
            connection: ConnectionId::parse(&format!("conn_{connection}")).unwrap(),
        }
    }

    fn read(value: &str) -> Vec<Remembered> {
        RememberedCookie::read(&RequestCookies::parse([format!("__Host-last={value}").as_str()]))
    }

    /// R17, R18: one short cookie of this host, however many companies.
    #[test]
    fn the_last_few_are_kept_latest_first() {
        let mut all = vec![];
        for (organization, connection) in [("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("d", "5")] {
            let cookie = RememberedCookie::set(&all, &known(organization, connection));
            let text = cookie.header().to_str().unwrap().to_owned();
            assert!(text.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=15552000"), "{text}");
            all = read(text.split([';', '=']).nth(1).unwrap());
        }
        assert_eq!(all, [known("d", "5"), known("a", "4"), known("c", "3")]);
        let long = |letter: &str| known(&letter.repeat(120), &letter.repeat(120));
        let longest = RememberedCookie::set(&[long("a"), long("b")], &long("c"));
        assert!(longest.header().len() < 1024);
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        assert_eq!(read("org_a.conn_b"), [known("a", "b")]);
        // We write each company once; whoever writes it twice is told the same as by the first.
        assert_eq!(read("org_a.conn_1~org_b.conn_2~org_a.conn_3"), [known("a", "1"), known("b", "2")]);
        let long = format!("org_{}.conn_b", "a".repeat(2000));
        for value in ["", "x", "org_a", "org_a.conn_b~", "conn_b.org_a", "org_a.conn_b~<script>", &long] {
            assert!(read(value).is_empty(), "{value}");
        }
        assert_eq!(
            RememberedCookie::clear().header(),
            "__Host-last=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
    }
}
