//! WorkOS as Vestibule needs it: where to send a browser, what a code is worth, who an organization is.
//!
//! A thin, lenient client. WorkOS changes its API in place, without versions, so an answer may lack fields,
//! have new ones, or name states and connection types that did not exist yesterday; none of that may break a
//! login. What it must never be lenient about: ids are parsed (a malformed organization is an error, never
//! "no organization"), the API key leaves only in a header or the token request's body, never in a URL, a log
//! line or an error, and a code is exchanged once.
//!
//! * [`AuthorizationUrl`] needs no client and no secret: the function that only starts logins has neither.
//! * [`Client`] makes the calls. Each takes the request's [`net::Deadline`] and stays inside it; reads are
//!   tried again at most twice, writes never once they may have arrived.
//! * [`AccessTokens`] verifies tokens that WorkOS signed, by the keys that [`Jwks`] fetches and remembers.
//! * [`Error`] says what happened in the same words for all of WorkOS's error bodies.
//!
//! Sources: WorkOS API reference, "Single Sign-On", "Organizations", "Connections", "Errors", "Rate limits";
//! the OpenAPI description that WorkOS publishes; RFC 6749 and RFC 7636 for the flow; RFC 9110 section 10.2.3
//! for `Retry-After`.

mod access_token;
mod authorize;
mod base_url;
mod client;
mod connection;
mod credentials;
mod error;
mod event;
#[cfg(test)]
mod fake;
mod jwks;
mod lenient;
mod organization;
mod profile;
#[cfg(test)]
mod properties;
mod retry;
mod transport;
mod webhook;

pub use access_token::{AccessClaims, AccessTokenError, AccessTokens, Bearer, InvalidIssuer, Issuer};
pub use authorize::AuthorizationUrl;
pub use base_url::{BaseUrl, InvalidBaseUrl, InvalidSetting};
pub use client::{
    CertificateNotice, Client, Connections, Directories, DirectoryEntry, DirectoryUserEntry, DirectoryUsers,
    DraftDomain, EventPage, EventsFrom, EventsQuery, GroupEntry, Groups, GroupsOf, LogoutUrl,
    OrganizationDraft, Organizations, PortalIntent, PortalLink, TokenResponse, UsersOf,
};
pub use connection::{Connection, ConnectionType};
pub use credentials::{AccessToken, ApiKey, ClientId, Environment, InvalidApiKey, InvalidClientId};
pub use error::{Error, Kind};
pub use event::{
    CertificateDue, Event, EventKind, InvalidEvent, Message, Unreadable, is_legacy, legacy_event,
};
pub use jwks::{InvalidFreshness, Jwks, JwksFreshness};
pub use organization::{DomainState, Organization, OrganizationDomain};
pub use profile::Profile;
pub use webhook::{
    InvalidWebhookSecret, SIGNATURE_HEADER, SIGNATURE_TOLERANCE, SignatureError, Signed, WEBHOOK_ADDRESSES,
    WebhookSecret, WebhookSecrets,
};
