//! Where a browser may be sent after a login or a logout.
//!
//! Anybody can write the link that carries a return URL, so it is an open redirect as soon as two readers of it
//! disagree. What they disagree about is refused first: control characters, backslashes, userinfo, hosts that are
//! not spelled plainly. The rest is parsed as browsers parse it, and its origin must be on an exact list (R08).
//! A stored return URL is plain text, checked again when it is used (R09): a [`ReturnUrl`] is never deserialized.
//! The value goes into a `Location` header as it is, and nowhere else: visible ASCII behind an allowed origin (R24).

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::Serialize;
use url::{Host, Url};

/// Longest return URL in bytes, as given and as sent. It shares one header block of 10 KB with the cookies.
const MAX_LENGTH: usize = 2048;

/// Times that a path is percent-decoded in search of what it hides. Nobody encodes more often in good faith.
const MAX_DECODINGS: usize = 4;

/// Paths of ours that are no place to return to: they would start another login, spend a code or sign out.
const OWN_ENDPOINTS: [&str; 5] = ["login", "auth/login", "auth/callback", "auth/logout", "logout"];

/// Scheme, host and port as browsers compare them: `https://app.example.com`, `http://localhost:8080`.
/// Always https, except on hosts that never leave the machine.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// Why a text is not an origin that may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    #[error("an origin starts with https://")]
    Scheme,
    #[error("http is for localhost only, use https")]
    Plaintext,
    #[error("the host is not a plain name or address: no wildcards, no trailing dot, IDN as xn--")]
    Host,
    #[error("an origin is scheme, host and port and nothing else, like https://app.example.com")]
    NotExact,
}

/// The origins that a browser may return to, and where it goes when nothing else was asked for.
#[derive(Clone, Debug)]
pub struct ReturnPolicy {
    public: Origin,
    allowed: Vec<Origin>,
    default: ReturnUrl,
}

/// An absolute URL that passed a [`ReturnPolicy`], serialised for a `Location` header.
///
/// Only a policy makes one. It serializes as text, to be kept, but has no `Deserialize`: what was kept goes
/// through [`ReturnPolicy::check`] again, because the list may have changed since, and so may the record.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ReturnUrl(String);

/// Why a browser is not sent there. Never carries the text: it may hold a token of the app's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReturnUrl {
    #[error("the return URL is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the return URL contains a control character")]
    ControlCharacter,
    #[error("the return URL contains whitespace")]
    Whitespace,
    #[error("the return URL contains an invisible character")]
    Invisible,
    #[error("the return URL contains a backslash")]
    Backslash,
    #[error("the return URL is neither absolute nor a path that begins with /")]
    Relative,
    #[error("the return URL begins with two slashes")]
    ProtocolRelative,
    #[error("the return URL's scheme is not https")]
    Scheme,
    #[error("the return URL's scheme is not followed by exactly two slashes")]
    Slashes,
    #[error("the return URL contains a user name or password")]
    UserInfo,
    #[error("the return URL's host is not spelled plainly")]
    Host,
    #[error("the return URL cannot be parsed")]
    Unparsable,
    #[error("the return URL's origin is not allowed")]
    Origin,
    #[error("the return URL contains an encoded control character")]
    EncodedControl,
    #[error("the return URL's path changes its meaning when it is decoded")]
    AmbiguousPath,
    #[error("the return URL is one of the sign-in addresses themselves")]
    OwnEndpoint,
}

impl Origin {
    /// Reads an origin from the settings. Capitals, the scheme's own port and one final `/` are forgiven.
    ///
    /// # Errors
    /// When the text is anything else than one https origin, or http on a loopback host.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let url = Url::parse(text).map_err(|_| InvalidOrigin::NotExact)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(InvalidOrigin::Plaintext),
            _ => return Err(InvalidOrigin::Scheme),
        }
        // The parser takes `*` and empty labels for parts of a name.
        if let Some(Host::Domain(name)) = url.host() {
            let plain = |label: &str| {
                !label.is_empty()
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            if !text.is_ascii() || !name.split('.').all(plain) {
                return Err(InvalidOrigin::Host);
            }
        }
        let origin = Self(url.origin().ascii_serialization());
        if origin.is_spelled(text.strip_suffix('/').unwrap_or(text)) {
            Ok(origin)
        } else {
            Err(InvalidOrigin::NotExact)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is this origin without any help from the parser, which also reads `0x7f.1`, `:0443`
    /// and full-width letters. Capitals and the scheme's own port are the two spellings that are plain.
    fn is_spelled(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let port = if self.0.starts_with("https:") { ":443" } else { ":80" };
        text == self.0 || text.strip_suffix(port) == Some(&self.0)
    }
}

/// Hosts that browsers keep on the machine, so that nobody on the way can read plain http.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl ReturnPolicy {
    /// `public` is the origin of the product itself and is always allowed. The default is the front page of it
    /// unless another place is given.
    ///
    /// # Errors
    /// When the default is not a place that the policy allows.
    pub fn new(
        public: Origin,
        allowed: Vec<Origin>,
        default: Option<&str>,
    ) -> Result<Self, RefusedReturnUrl> {
        let front_page = ReturnUrl(format!("{public}/"));
        let mut policy = Self { public, allowed, default: front_page };
        if let Some(text) = default {
            policy.default = policy.check(text)?;
        }
        Ok(policy)
    }

    pub fn default(&self) -> &ReturnUrl {
        &self.default
    }

    /// Decides on a return URL, when it arrives and again when it is used (R09). Takes an absolute URL or a path
    /// of the public origin. What comes out passes again unchanged.
    ///
    /// # Errors
    /// When the text is not a place where a browser may be sent; the variant says why.
    pub fn check(&self, text: &str) -> Result<ReturnUrl, RefusedReturnUrl> {
        refuse_characters(text)?;
        let (spelled, absolute) = match spelled_origin(text)? {
            Some(spelled) => (spelled, text.to_owned()),
            // Put behind the origin, not resolved against it: even a `//` that got this far would stay a path.
            None => (self.public.0.clone(), format!("{}{text}", self.public)),
        };
        let url = Url::parse(&absolute).map_err(|_| RefusedReturnUrl::Unparsable)?;
        let found = url.origin().ascii_serialization();
        let origin = std::iter::once(&self.public)
            .chain(&self.allowed)
            .find(|origin| origin.0 == found)
            .ok_or(RefusedReturnUrl::Origin)?;
        if !origin.is_spelled(&spelled) {
            return Err(RefusedReturnUrl::Host);
        }
        refuse_path(url.path(), *origin == self.public)?;
        let sent = String::from(url);
        // In a query or fragment, encoded line breaks are the text of somebody's form. An encoded NUL is not.
        if sent.contains("%00") {
            return Err(RefusedReturnUrl::EncodedControl);
        }
        if sent.len() > MAX_LENGTH {
            return Err(RefusedReturnUrl::TooLong);
        }
        // All of this follows from the parser's rules. It is what the header relies on, so it is not left to them.
        let behind_origin = sent.strip_prefix(&origin.0).is_some_and(|rest| rest.starts_with('/'));
        if !behind_origin || !sent.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RefusedReturnUrl::Unparsable);
        }
        Ok(ReturnUrl(sent))
    }

    /// For places where a person must land somewhere: the default when nothing was asked for or it is refused.
    pub fn check_or_default(&self, text: Option<&str>) -> ReturnUrl {
        text.and_then(|text| self.check(text).ok()).unwrap_or_else(|| self.default.clone())
    }
}

impl ReturnUrl {
    /// The value of the `Location` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parsers drop some of these and keep others, each its own set, and people cannot see most of them.
fn refuse_characters(text: &str) -> Result<(), RefusedReturnUrl> {
    if text.len() > MAX_LENGTH {
        return Err(RefusedReturnUrl::TooLong);
    }
    for c in text.chars() {
        if c.is_control() {
            return Err(RefusedReturnUrl::ControlCharacter);
        }
        if c.is_whitespace() {
            return Err(RefusedReturnUrl::Whitespace);
        }
        if is_invisible(c) {
            return Err(RefusedReturnUrl::Invisible);
        }
        // Browsers read it as a slash up to the query, most libraries do not.
        if c == '\\' {
            return Err(RefusedReturnUrl::Backslash);
        }
    }
    Ok(())
}

/// Format characters, fillers and tags, and the replacement character, which stands where bytes were not UTF-8.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

/// The origin as it was written, `None` for a path. Browsers also read `https:host`, `https:/host`,
/// `https:////host` and `//host` as another site: only `/…` and `scheme://…` are taken.
fn spelled_origin(text: &str) -> Result<Option<String>, RefusedReturnUrl> {
    if text.starts_with("//") {
        return Err(RefusedReturnUrl::ProtocolRelative);
    }
    if text.starts_with('/') {
        return Ok(None);
    }
    let (scheme, rest) = text.split_once(':').ok_or(RefusedReturnUrl::Relative)?;
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    {
        return Err(RefusedReturnUrl::Relative);
    }
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(RefusedReturnUrl::Scheme);
    }
    let rest = rest.strip_prefix("//").ok_or(RefusedReturnUrl::Slashes)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(RefusedReturnUrl::Slashes);
    }
    if authority.contains('@') {
        return Err(RefusedReturnUrl::UserInfo);
    }
    // No percent-encoding, no IDN mapping: browsers send hosts in their ASCII form.
    if !authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)) {
        return Err(RefusedReturnUrl::Host);
    }
    Ok(Some(format!("{scheme}://{authority}")))
}

/// The browser asks our origin for this path, but what answers may decode it and redirect again: to add a slash
/// (`//evil.example/` from `//evil.example`), or through a rule that copies the decoded path into a header
/// (response splitting). So the path is read as the most obliging server would read it.
fn refuse_path(path: &str, own_origin: bool) -> Result<(), RefusedReturnUrl> {
    let mut path = path.to_owned();
    for _ in 0..MAX_DECODINGS {
        if path.contains(char::is_control) {
            return Err(RefusedReturnUrl::EncodedControl);
        }
        let segments: Vec<&str> = path.split(is_slash).skip(1).collect();
        // The parser resolved the plain dot segments. One that is left was hidden behind an encoded slash or `%`.
        let leads_with_slashes = segments.len() > 1 && segments.first() == Some(&"");
        if leads_with_slashes || segments.iter().any(|segment| matches!(*segment, "." | "..")) {
            return Err(RefusedReturnUrl::AmbiguousPath);
        }
        let words: Vec<&str> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
        if own_origin && OWN_ENDPOINTS.contains(&words.join("/").to_lowercase().as_str()) {
            return Err(RefusedReturnUrl::OwnEndpoint);
        }
        // Bytes that are not UTF-8 are where overlong forms of `/` and `\` hide.
        let decoded = percent_decode_str(&path).decode_utf8().map_err(|_| RefusedReturnUrl::AmbiguousPath)?;
        if decoded == path {
            return Ok(());
        }
        path = decoded.into_owned();
    }
    Err(RefusedReturnUrl::AmbiguousPath)
}

/// Slashes, backslashes, and the characters that Unicode normalisation or a code page turns into one.
fn is_slash(c: char) -> bool {
    matches!(
        c,
        '/' | '\\' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f8}' | '\u{fe68}' | '\u{ff0f}' | '\u{ff3c}'
    )
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Without query and fragment, because `{:?}` ends in logs and apps put tokens there (R73).
impl fmt::Debug for ReturnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.split(['?', '#']).next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R08: an allowed origin is exact; a setting that could mean more is an error, not a guess.
    #[test]
    fn origins_are_exact() {
        for (text, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://app.example.com/", "https://app.example.com"),
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            ("https://app.example.com:8443", "https://app.example.com:8443"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("https://my_app.example.com", "https://my_app.example.com"),
            ("https://10.0.0.7", "https://10.0.0.7"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://localhost:80", "http://localhost"),
            ("http://app.localhost", "http://app.localhost"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(
                Origin::parse(text).map(|origin| origin.to_string()).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for (text, expected) in [
            ("", InvalidOrigin::NotExact),
            ("app.example.com", InvalidOrigin::NotExact),
            ("*", InvalidOrigin::NotExact),
            ("null", InvalidOrigin::NotExact),
            ("ftp://app.example.com", InvalidOrigin::Scheme),
            ("javascript:alert(1)", InvalidOrigin::Scheme),
            ("blob:https://app.example.com", InvalidOrigin::Scheme),
            ("http://app.example.com", InvalidOrigin::Plaintext),
            ("http://localhost.example.com", InvalidOrigin::Plaintext),
            ("http://notlocalhost", InvalidOrigin::Plaintext),
            ("http://10.0.0.7", InvalidOrigin::Plaintext),
            ("https://*.example.com", InvalidOrigin::Host),
            ("https://app.example.com.", InvalidOrigin::Host),
            ("https://app..example.com", InvalidOrigin::Host),
            ("https://b\u{fc}cher.example", InvalidOrigin::Host),
            ("https://app.example.com/app", InvalidOrigin::NotExact),
            ("https://app.example.com//", InvalidOrigin::NotExact),
            ("https://app.example.com/.", InvalidOrigin::NotExact),
            ("https://app.example.com?x", InvalidOrigin::NotExact),
            ("https://app.example.com#", InvalidOrigin::NotExact),
            ("https://user@app.example.com", InvalidOrigin::NotExact),
            ("https://@app.example.com", InvalidOrigin::NotExact),
            ("https:app.example.com", InvalidOrigin::NotExact),
            ("https:\\\\app.example.com", InvalidOrigin::NotExact),
            (" https://app.example.com", InvalidOrigin::NotExact),
            ("https://app.example.com\n", InvalidOrigin::NotExact),
            ("https://app.example.com:", InvalidOrigin::NotExact),
            ("https://app.example.com:0443", InvalidOrigin::NotExact),
            ("https://%61pp.example.com", InvalidOrigin::NotExact),
            ("http://0x7f.1:8080", InvalidOrigin::NotExact),
        ] {
            assert_eq!(Origin::parse(text), Err(expected), "{text}");
        }
    }
}
