//! `POST /webhooks/workos`, and the same on `POST /scim/v2/Users` for whoever registered that address long ago.
//!
//! WorkOS says that something happened. Until the signature over the bytes has proved that it is WorkOS, nothing of the
//! body is looked at; nothing is read or written for anybody else. The answer is 200 when what the event means is
//! written, or is known to mean nothing, and never before: with a 200 WorkOS forgets the event.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::Serialize;
use web::Ctx;
use workos::{Event, SignatureError, Signed, is_legacy, legacy_event};

use crate::Deps;
use crate::credential::Credential;
use crate::refusal::Refusal;

pub(crate) const WEBHOOK: &str = "/webhooks/workos";
pub(crate) const USERS: &str = "/scim/v2/Users";

/// The largest body that is looked at, decoded (R52).
const LARGEST: usize = 256 * 1024;

/// What became of the event.
#[derive(Serialize)]
struct Receipt<'a> {
    event: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(crate) async fn webhook(State(deps): State<Deps>, ctx: Ctx, request: Request) -> Response {
    receive(&deps, &ctx, request, false).await.unwrap_or_else(|refusal| refusal.respond(&deps, &ctx))
}

/// Takes the deprecated envelope as well. SCIM clients come by the same path with a token; none has one yet.
pub(crate) async fn users(State(deps): State<Deps>, ctx: Ctx, request: Request) -> Response {
    receive(&deps, &ctx, request, true).await.unwrap_or_else(|refusal| refusal.respond(&deps, &ctx))
}

async fn receive(deps: &Deps, ctx: &Ctx, request: Request, scim: bool) -> Result<Response, Refusal> {
    let signature = match Credential::of(request.headers(), true) {
        Credential::Signature(signature) => signature,
        Credential::Both => return Err(Refusal::BothCredentials),
        Credential::Token if scim => return Err(Refusal::UnknownToken),
        Credential::Token | Credential::Nothing => return Err(Refusal::NoCredential),
    };
    if let Some(allowed) = &deps.settings.allowed
        && !allowed.contain(ctx.client.ip())
    {
        return Err(Refusal::Address);
    }
    let body = whole(request.into_body()).await?;
    let signed = deps.verify(&signature, &body).await?;
    let parsed = if scim && is_legacy(&body) { legacy_event(&body, signed.at) } else { Event::parse(&body) };
    let event = parsed.inspect_err(|_| deps.intake.count("malformed", "other"))?;
    let handled = deps.intake.handle(&event).await?;
    let receipt =
        Receipt { event: event.id.as_str(), outcome: handled.outcome, reason: handled.reason.as_deref() };
    Ok(Json(receipt).into_response())
}

/// Lambda hands the body over decoded; the limit is on what was signed.
async fn whole(body: Body) -> Result<Bytes, Refusal> {
    to_bytes(body, LARGEST).await.map_err(|error| {
        let long = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        if long { Refusal::TooLarge } else { Refusal::Broken }
    })
}

impl Deps {
    /// A secret that was rotated a moment ago is asked for before its signature is called forged.
    async fn verify(&self, signature: &[u8], body: &[u8]) -> Result<Signed, Refusal> {
        let now = self.shared.clock().now();
        let secrets = self.webhook.get().await?;
        match secrets.verify(signature, body, now) {
            Err(SignatureError::Forged) => {
                let renewed = self.webhook.refresh().await?;
                if Arc::ptr_eq(&renewed, &secrets) {
                    return Err(SignatureError::Forged.into());
                }
                Ok(renewed.verify(signature, body, now)?)
            }
            verified => Ok(verified?),
        }
    }
}
