//! Randomness as a value.
//!
//! States, verifiers, cookie secrets, session and user ids come from here: the operating system's generator
//! in production, a seeded stream in tests. Never use a seeded [`Rng`] outside tests and the sandbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

use crate::clock::Timestamp;

/// Where random bytes come from. Cheap to clone; clones of a seeded generator share one stream.
#[derive(Clone, Debug)]
pub struct Rng(Source);

#[derive(Clone, Debug)]
enum Source {
    System(SystemRandom),
    Seeded { seed: u64, counter: Arc<AtomicU64> },
}

/// The operating system could not give random bytes; nothing secret may be made.
#[derive(Debug, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RngError;

impl Rng {
    #[expect(clippy::disallowed_methods, reason = "the one place that opens the system generator")]
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// A repeatable stream for tests and the sandbox: SHA-256 of seed and counter.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded { seed, counter: Arc::new(AtomicU64::new(0)) })
    }

    /// # Errors
    /// When the operating system's generator fails.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], RngError> {
        let mut out = [0; N];
        match &self.0 {
            Source::System(random) => random.fill(&mut out).map_err(|_| RngError)?,
            Source::Seeded { seed, counter } => {
                for chunk in out.chunks_mut(digest::SHA256_OUTPUT_LEN) {
                    let mut input = seed.to_be_bytes().to_vec();
                    input.extend(counter.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                    for (to, from) in chunk.iter_mut().zip(digest::digest(&digest::SHA256, &input).as_ref()) {
                        *to = *from;
                    }
                }
            }
        }
        Ok(out)
    }

    /// 32 random bytes as 43 base64url characters: more entropy than any state or secret needs (R01).
    ///
    /// # Errors
    /// When the operating system's generator fails.
    pub fn token(&self) -> Result<String, RngError> {
        Ok(URL_SAFE_NO_PAD.encode(self.bytes::<32>()?))
    }

    /// A ULID: 48 bits of time, 80 of randomness; sorts by creation.
    ///
    /// # Errors
    /// When the operating system's generator fails.
    pub fn ulid(&self, now: Timestamp) -> Result<String, RngError> {
        Ok(ulid_from(now, &self.bytes::<10>()?))
    }
}

/// With the first ten of these bytes behind the moment.
fn ulid_from(at: Timestamp, bytes: &[u8]) -> String {
    let random = bytes.iter().take(10).fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
    ulid::Ulid::from_parts(u64::try_from(at.millis()).unwrap_or(0), random).to_string()
}

/// The moment in a ULID. `None` when the text is none.
pub fn ulid_moment(text: &str) -> Option<Timestamp> {
    let parsed = ulid::Ulid::from_string(text).ok()?;
    i64::try_from(parsed.timestamp_ms()).ok().map(Timestamp::from_millis)
}

/// The ULID of a thing that has a name: the same for the same moment and name, so that writing twice is writing once.
pub fn ulid_of(at: Timestamp, name: &str) -> String {
    ulid_from(at, digest::digest(&digest::SHA256, name.as_bytes()).as_ref())
}

/// SHA-256 as base64url without padding: how states, cookie secrets and PKCE verifiers are kept and compared.
pub fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// R01: 100,000 tokens, no two alike, each 256 bits.
    #[test]
    fn tokens_are_unique_and_long() {
        let rng = Rng::system();
        let tokens: HashSet<String> = (0..100_000).map(|_| rng.token().unwrap()).collect();
        assert_eq!(tokens.len(), 100_000);
        assert!(tokens.iter().all(|token| token.len() == 43));
    }

    #[test]
    fn a_seeded_stream_repeats_and_never_stands_still() {
        let (one, two) = (Rng::seeded(7), Rng::seeded(7));
        let first = one.token().unwrap();
        assert_eq!(first, two.token().unwrap());
        assert_ne!(first, one.token().unwrap());
    }

    /// RFC 7636 appendix B gives this pair.
    #[test]
    fn sha256_is_the_pkce_transformation() {
        assert_eq!(
            sha256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_ulid_tells_its_moment_and_one_of_a_name_repeats() {
        let at = Timestamp::from_millis(1_764_059_400_123);
        assert_eq!(ulid_moment(&Rng::seeded(1).ulid(at).unwrap()), Some(at));
        assert_eq!(ulid_moment("no ulid"), None);
        assert_eq!(ulid_of(at, "one"), ulid_of(at, "one"));
        assert_ne!(ulid_of(at, "one"), ulid_of(at, "other"));
        assert_eq!(ulid_moment(&ulid_of(at, "one")), Some(at));
    }

    /// R57: what has a name gets the same id each time it is written, and no two names share one.
    #[test]
    fn ids_of_names_are_the_names_own() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let ids: HashSet<String> = (0..1000).map(|n| ulid_of(at, &format!("event_{n}"))).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.contains(&ulid_of(at, "event_7")));
        assert_eq!(ulid_moment(&ulid_of(at, "event_7")), Some(at));
    }
}
