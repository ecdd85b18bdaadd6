//! Who a request says it is from: the table that everything else here hangs on.
//!
//! A request with a signature is WorkOS's or nobody's: when the signature is wrong it is never tried as something else.
//! One with a signature and a token is neither, because whoever sends both wants to find out which one is looked at.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use workos::SIGNATURE_HEADER;

/// What was presented, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The text of the signature header.
    Signature(Vec<u8>),
    Token,
    Both,
    Nothing,
}

impl Credential {
    /// `signed`: whether this path takes webhooks. On the others a signature is a header like any other.
    pub(crate) fn of(headers: &HeaderMap, signed: bool) -> Self {
        // Two headers of the name are one list, as HTTP has it; the list is then no signature.
        let values: Vec<&[u8]> =
            headers.get_all(SIGNATURE_HEADER).iter().map(http::HeaderValue::as_bytes).collect();
        let signature = (signed && !values.is_empty()).then(|| values.join(&b","[..]));
        match (signature, headers.contains_key(AUTHORIZATION)) {
            (Some(signature), false) => Self::Signature(signature),
            (Some(_), true) => Self::Both,
            (None, true) => Self::Token,
            (None, false) => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R51: every combination of headers and paths.
    #[test]
    fn the_table() {
        let signature = || Credential::Signature(b"t=1, v1=x".to_vec());
        for (signed, signatures, token, expected) in [
            (true, &["t=1, v1=x"][..], false, signature()),
            (true, &["t=1, v1=x"], true, Credential::Both),
            (true, &[], true, Credential::Token),
            (true, &[], false, Credential::Nothing),
            (true, &[""], false, Credential::Signature(Vec::new())),
            (true, &[""], true, Credential::Both),
            (true, &["t=1", "v1=x"], false, Credential::Signature(b"t=1,v1=x".to_vec())),
            (false, &["t=1, v1=x"], false, Credential::Nothing),
            (false, &["t=1, v1=x"], true, Credential::Token),
            (false, &[], true, Credential::Token),
            (false, &[], false, Credential::Nothing),
        ] {
            let mut headers = HeaderMap::new();
            for value in signatures {
                headers.append(SIGNATURE_HEADER, value.parse().unwrap());
            }
            if token {
                headers.append(AUTHORIZATION, "Bearer scim_x".parse().unwrap());
            }
            assert_eq!(Credential::of(&headers, signed), expected, "{signed} {signatures:?} {token}");
        }
    }
}
