//! The session JWT: minted by one private key, verified by published ones, rotated without a single refusal.
//!
//! Three things live here and nowhere else: the private [`KeyRing`] (from the secret), the [`PublicKeys`]
//! derived from it (the item every verifier reads, and the JWKS document), and [`verify`], the only way from
//! text to [`SessionClaims`]. Beside them [`IssuerKeys`], by which tokens of another issuer are read as strictly.
//! Pure: no HTTP, no store, and the time is an argument.
//!
//! A token's text is never an identity: an ECDSA signature has a second valid form, so whoever compares,
//! remembers or revokes does it by `sid`.

mod claims;
mod discovery;
mod issuer_keys;
mod jws;
mod key;
mod key_ring;
mod provider;
mod public_keys;
mod strict;
mod verify;
mod webhook;

pub use claims::{
    ISSUER_BYTES, ROLE_BYTES, ROLES, ROLES_BYTES, SessionClaims, SessionToken, TOKEN_BYTES, TOKEN_TYPE,
    clip_roles,
};
pub use discovery::{Jwk, Jwks, OpenIdConfiguration};
pub use issuer_keys::IssuerKeys;
pub use jws::{Payload, claims_to_be_session};
pub use key::{Algorithm, InvalidKeyId, KeyError, KeyId, PrivateKey};
pub use key_ring::{KeyRing, KeyRingError, RotationError, SignError};
pub use public_keys::{KeyState, PublicKey, PublicKeys};
pub use verify::{Expected, Expiry, LEEWAY, TokenError, verify};
pub use webhook::{
    WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WebhookRefused, WebhookSecretError, WebhookSecrets,
};
