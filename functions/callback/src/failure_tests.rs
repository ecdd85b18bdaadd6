use std::collections::BTreeSet;

use domain::login_trace::explain;
use domain::tenant;
use store::Cause;

use super::*;

/// What a variant is called; a new one does not compile until it is here, and so in the list below.
fn name(failure: &Failure) -> &'static str {
    match failure {
        Failure::InvalidState(_) => "InvalidState",
        Failure::TooMany(_) => "TooMany",
        Failure::Unsolicited { .. } => "Unsolicited",
        Failure::Upstream(..) => "Upstream",
        Failure::CodeRefused(_) => "CodeRefused",
        Failure::WorkOs(_) => "WorkOs",
        Failure::SsoToken(_) => "SsoToken",
        Failure::Email => "Email",
        Failure::Refused(_) => "Refused",
        Failure::OrganizationGone => "OrganizationGone",
        Failure::Barred(_) => "Barred",
        Failure::Contended => "Contended",
        Failure::Store(_) => "Store",
        Failure::Secrets(_) => "Secrets",
        Failure::Random(_) => "Random",
        Failure::Token(_) => "Token",
    }
}
const VARIANTS: usize = 16;

fn workos(kind: workos::Kind) -> workos::Error {
    workos::Error { kind, operation: "exchange_code", request_id: Some("req_1".into()), retry_after: None }
}

/// One failure of each kind that has a reason of its own.
fn every_failure() -> Vec<Failure> {
    use tenant::Refusal::{
        ConnectionMismatch, ConnectionUnknown, ConnectionUnusable, EmailOutsideDomains, OrganizationMismatch,
        ProviderNotAllowed,
    };
    let refusals = [
        OrganizationMismatch,
        ConnectionMismatch,
        ConnectionUnknown,
        ConnectionUnusable,
        ProviderNotAllowed,
        EmailOutsideDomains,
    ];
    let kinds = [
        workos::Kind::Rejected { status: 401, code: None },
        workos::Kind::RateLimited,
        workos::Kind::Unavailable { status: 500 },
        workos::Kind::Timeout,
        workos::Kind::Connect,
        workos::Kind::Interrupted,
        workos::Kind::Malformed,
    ];
    let mut all = vec![
        Failure::InvalidState("no pending login"),
        Failure::TooMany(RETRY_AFTER),
        Failure::Unsolicited { start: true },
        Failure::Unsolicited { start: false },
        Failure::CodeRefused(workos(workos::Kind::Rejected { status: 400, code: None })),
        Failure::SsoToken(AccessTokenError::Missing),
        Failure::Email,
        Failure::OrganizationGone,
        Failure::Barred(Barred::Deactivated),
        Failure::Barred(Barred::NotProvisioned),
        Failure::Contended,
        Failure::Store(StoreError { operation: "take login", cause: Cause::Contention }),
        Failure::Secrets(SecretError::Invalid { id: "signing-keys".into(), why: "gone".into() }),
        Failure::Random(RngError),
        Failure::Token("too long".into()),
    ];
    all.extend(refusals.map(Failure::Refused));
    all.extend(kinds.map(|kind| Failure::WorkOs(workos(kind))));
    all.extend(upstream::KNOWN.map(Failure::upstream));
    all.push(Failure::upstream("<script>"));
    all
}

/// Whoever looks a failed login up is told what happened and what to do, whatever happened.
#[test]
fn every_reason_is_explained() {
    let all = every_failure();
    assert_eq!(all.iter().map(name).collect::<BTreeSet<_>>().len(), VARIANTS);
    for failure in &all {
        assert!(explain(failure.reason()).is_some(), "{} has no explanation", failure.reason());
    }
}

/// What WorkOS's support asks for is kept where a call failed; and trouble is never a refusal.
#[test]
fn trouble_is_503_and_names_the_call() {
    for failure in every_failure() {
        let (trouble, request) = (failure.is_trouble(), failure.workos_request().map(str::to_owned));
        assert_eq!(request.is_some(), matches!(failure, Failure::WorkOs(_) | Failure::CodeRefused(_)));
        let later = matches!(failure, Failure::TooMany(_) | Failure::SsoToken(_));
        let why = failure.reason();
        let waits = matches!(failure.page(Link::path("/login")), Page::TryLater { .. });
        assert!(later || trouble == waits, "{why}");
    }
}
