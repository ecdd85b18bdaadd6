//! From where webhooks are taken, if the adopter wants to say so.
//!
//! A second fence, never the first: addresses change hands, and WorkOS may add some without notice. The signature
//! decides. The caller's address is the one that API Gateway saw (R25).

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use web::Reader;
use workos::WEBHOOK_ADDRESSES;

const SETTING: &str = "WEBHOOK_ALLOWED_IPS";
/// Stands for the addresses that WorkOS documents.
const PRESET: &str = "workos";

/// Networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    /// IPv4 as its place in IPv6, with the host's part cleared.
    base: u128,
    mask: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `workos`, an IP address, or a network such as 192.0.2.0/24")]
struct NotANetwork;

impl Addresses {
    /// Reads `WEBHOOK_ALLOWED_IPS`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.optional(SETTING)?;
        let networks = reader.list_with(SETTING, |item| match item {
            PRESET => WEBHOOK_ADDRESSES.iter().map(|address| address.parse()).collect(),
            other => other.parse().map(|network| vec![network]),
        });
        let networks: Vec<Network> = networks.into_iter().flatten().collect();
        if text.split(',').all(|item| item.trim().is_empty()) {
            // It would let nobody in, which nobody means.
            reader.problem(SETTING, NotANetwork);
        }
        Some(Self(networks))
    }

    /// A caller whose address is not known is not among them.
    pub(crate) fn contain(&self, caller: Option<IpAddr>) -> bool {
        let Some(bits) = caller.map(bits) else { return false };
        self.0.iter().any(|network| bits & network.mask == network.base)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let (longest, before) = match address {
            IpAddr::V4(_) => (32, 96),
            IpAddr::V6(_) => (128, 0),
        };
        let length: u32 = match length {
            Some(digits) if digits.len() <= 3 && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| NotANetwork)?
            }
            Some(_) => return Err(NotANetwork),
            None => longest,
        };
        // Everybody is no list of somebody; and `/0` is more often a slip than a wish.
        if length == 0 || length > longest {
            return Err(NotANetwork);
        }
        let mask = u128::MAX << (128 - (before + length));
        let base: u128 = Ipv6Addr::from(bits(address)).into();
        Ok(Self { base: base & mask, mask })
    }
}

#[cfg(test)]
mod tests {
    use web::Vars;

    use super::*;

    fn read(text: &str) -> Result<Option<Addresses>, String> {
        let vars = Vars::from_iter([(SETTING, text)]);
        let mut reader = Reader::new(&vars);
        let addresses = Addresses::read(&mut reader);
        reader.finish(Some(addresses)).map_err(|why| why.to_string())
    }

    fn contains(text: &str, address: &str) -> bool {
        read(text).unwrap().unwrap().contain(Some(address.parse().unwrap()))
    }

    #[test]
    fn the_preset_is_what_workos_documents() {
        for address in WEBHOOK_ADDRESSES {
            assert!(contains("workos", address), "{address}");
        }
        assert!(!contains("workos", "3.217.146.167"));
        assert!(
            contains("workos, 192.0.2.0/24", "192.0.2.255") && contains("192.0.2.7 , workos", "192.0.2.7")
        );
    }

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.77/24", "192.0.2.0", "192.0.1.255"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.2"),
            ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("192.0.2.0/24", "::ffff:192.0.2.9", "2001:db8::c000:209"),
        ] {
            assert!(contains(network, inside) && !contains(network, outside), "{network}");
        }
        let nobody = read("192.0.2.0/24").unwrap().unwrap();
        assert!(!nobody.contain(None));
    }

    #[test]
    fn what_is_no_list_is_a_problem_and_none_is_none() {
        assert_eq!(read("").unwrap(), None);
        for wrong in [
            "WorkOS",
            "everyone",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/0",
            "::/0",
            "192.0.2.0/-1",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "2001:db8::/129",
            "192.0.2.0/24/8",
            ",",
            "workos,,x",
        ] {
            assert!(read(wrong).unwrap_err().starts_with(SETTING), "{wrong}");
        }
    }
}
