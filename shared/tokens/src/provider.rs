//! Lets `jsonwebtoken` sign and verify with ring.
//!
//! Its two built-in providers would each bring a second cryptography stack into every function, and one of
//! them costs more processor time at start than a whole login. Only ES256 and RS256 exist here; `none` and the
//! HMAC family, by which a public key could pass for a shared secret, have no code to reach.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// `jsonwebtoken` finds its cryptography only through a process-wide default of `'static` life; this constant
/// table of functions is what it asks for. It holds no state.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // Only for making a JWK out of a key, which `discovery` does by itself.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Called before each use rather than by every `main`, so that nobody can forget it.
pub(crate) fn install() {
    // An error says that this process has its provider already.
    let _installed_before = RING.install_default();
}

#[expect(clippy::disallowed_methods, reason = "ring takes its own generator for new keys and ECDSA nonces")]
pub(crate) fn random() -> SystemRandom {
    SystemRandom::new()
}

enum KeyPair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Signer<Vec<u8>> for KeyPair {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        match self {
            Self::Es256(pair) => pair.sign(&random(), message).map(|signature| signature.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random(), message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|Unspecified| SignatureError::new())
    }
}

impl JwtSigner for KeyPair {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::ES256,
            Self::Rs256(_) => Algorithm::RS256,
        }
    }
}

/// Both kinds of private key are PKCS#8 documents.
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let pair = match (algorithm, key.family()) {
        (Algorithm::ES256, AlgorithmFamily::Ec) => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes(), &random())
                .map(KeyPair::Es256)
                .map_err(|_| ErrorKind::InvalidEcdsaKey)?
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa) => RsaKeyPair::from_pkcs8(key.as_bytes())
            .map(KeyPair::Rs256)
            .map_err(|why| ErrorKind::InvalidRsaKey(why.to_string()))?,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok(Box::new(pair))
}

struct Public(Algorithm, DecodingKey);

impl Verifier<Vec<u8>> for Public {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        match (self.0, self.1.kind()) {
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            _ => Err(Unspecified),
        }
        .map_err(|Unspecified| SignatureError::new())
    }
}

impl JwtVerifier for Public {
    fn algorithm(&self) -> Algorithm {
        self.0
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    match (algorithm, key.family()) {
        (Algorithm::ES256, AlgorithmFamily::Ec) | (Algorithm::RS256, AlgorithmFamily::Rsa) => {
            Ok(Box::new(Public(*algorithm, key.clone())))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::crypto;

    /// RFC 7515 appendix A.3.
    #[test]
    fn the_es256_example_of_rfc_7515_verifies() {
        install();
        let key = DecodingKey::from_ec_components(
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        )
        .unwrap();
        let message = "eyJhbGciOiJFUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(crypto::verify(signature, message.as_bytes(), &key, Algorithm::ES256).unwrap());
        assert!(!crypto::verify(signature, b"something else", &key, Algorithm::ES256).unwrap());
    }

    /// RFC 7515 appendix A.2.
    #[test]
    fn the_rs256_example_of_rfc_7515_verifies() {
        install();
        let key = DecodingKey::from_rsa_components(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-\
             SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-\
             UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2et\
             hFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "AQAB",
        )
        .unwrap();
        let message = "eyJhbGciOiJSUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
            jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0Gar\
            ZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq\
            Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        assert!(crypto::verify(signature, message.as_bytes(), &key, Algorithm::RS256).unwrap());
        assert!(!crypto::verify(signature, b"something else", &key, Algorithm::RS256).unwrap());
    }

    /// R29: the provider has nothing for HMAC, and no way to use one family's key for the other's algorithm.
    #[test]
    fn other_algorithms_and_mixed_families_have_no_code() {
        install();
        let secret = DecodingKey::from_secret(b"public key bytes");
        let point = DecodingKey::from_ec_der(&[4; 65]);
        let rsa = DecodingKey::from_rsa_raw_components(&[255; 256], &[1, 0, 1]);
        for (algorithm, key) in [
            (Algorithm::HS256, &secret),
            (Algorithm::ES256, &secret),
            (Algorithm::HS256, &point),
            (Algorithm::RS256, &point),
            (Algorithm::ES256, &rsa),
            (Algorithm::PS256, &rsa),
        ] {
            assert!(verifier(&algorithm, key).is_err(), "{algorithm:?}");
        }
        assert!(signer(&Algorithm::HS256, &EncodingKey::from_secret(b"secret")).is_err());
    }
}
