//! New signing keys. P-256 comes from the same code as everywhere; RSA is generated here alone, so that no deployed
//! function links code for it. Signing and verifying with either is ring's work, never the `rsa` crate's.

use clap::ValueEnum;
use domain::{Rng, RngError};
use rsa::PrivateKey as RsaKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{TryCryptoRng, TryRng};
use tokens::{Algorithm, KeyError, PrivateKey};

/// What a session token is signed with, as the command line spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256: short signatures, the default
    Es256,
    /// RSA with 2048 bits: for API Gateway's own JWT authorizer, which knows no other
    Rs256,
}

impl From<SigningAlgorithm> for Algorithm {
    fn from(chosen: SigningAlgorithm) -> Self {
        match chosen {
            SigningAlgorithm::Es256 => Self::Es256,
            SigningAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    #[error("no signing key was made: {0}")]
    Key(#[from] KeyError),
    #[error("no RSA key was made: {0}")]
    Rsa(#[from] rsa::Error),
    #[error("the RSA key was not encoded: {0}")]
    Encoding(#[from] rsa::pkcs8::Error),
}

/// The one size that fits the cookie beside the claims.
const RSA_BITS: usize = 2048;

/// # Errors
/// When the system's random generator fails.
pub fn generate(algorithm: Algorithm, rng: &Rng) -> Result<PrivateKey, SigningKeyError> {
    match algorithm {
        Algorithm::Es256 => Ok(PrivateKey::generate_es256()?),
        Algorithm::Rs256 => {
            let key = RsaKey::new(&mut Source(rng), RSA_BITS)?;
            Ok(PrivateKey::from_pkcs8_der(key.to_pkcs8_der()?.as_bytes())?)
        }
    }
}

/// Our randomness for the `rsa` crate.
struct Source<'a>(&'a Rng);

impl TryRng for Source<'_> {
    type Error = RngError;

    fn try_next_u32(&mut self) -> Result<u32, RngError> {
        self.0.bytes().map(u32::from_le_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, RngError> {
        self.0.bytes().map(u64::from_le_bytes)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), RngError> {
        for chunk in out.chunks_mut(32) {
            let random = self.0.bytes::<32>()?;
            chunk.iter_mut().zip(random).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

impl TryCryptoRng for Source<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_key_are_made() {
        let rng = Rng::system();
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            let (one, two) = (generate(algorithm, &rng).unwrap(), generate(algorithm, &rng).unwrap());
            assert_eq!((one.algorithm(), two.algorithm()), (algorithm, algorithm));
            assert_ne!(one.id(), two.id());
        }
    }
}
