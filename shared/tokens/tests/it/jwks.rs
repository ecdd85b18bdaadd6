//! The JWKS as somebody else's library reads it.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use tokens::{KeyRing, PrivateKey};

use crate::forge::{ISSUER, NOW, at, claims, expected, payload, rsa_key};

/// R32: with nothing but the document, any JWT library verifies our tokens.
#[test]
fn a_plain_jwt_library_verifies_with_the_jwks() {
    for key in [PrivateKey::generate_es256().unwrap(), rsa_key()] {
        let ring = KeyRing::new(key, at(0));
        let token = ring.sign(&claims()).unwrap();
        let document =
            serde_json::to_string(&ring.public(None).jwks(at(NOW), expected().token_life)).unwrap();

        let keys: JwkSet = serde_json::from_str(&document).unwrap();
        let header = decode_header(token.expose()).unwrap();
        let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        // The library reads the system's clock, and these claims have their own time.
        validation.validate_exp = false;
        assert_eq!(decode::<Value>(token.expose(), &key, &validation).unwrap().claims, payload());
    }
}
