//! What became of a login, for whoever is asked "why can I not get in?".
//!
//! A short record of each attempt: the steps it took, how it ended, the words that name the cause, and the ids under
//! which our log and WorkOS know it. It holds no secret, no code, no state and no full e-mail address, and is gone
//! after fourteen days. [`explain`] turns a reason code into plain words and the next step.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, as_seconds};
use crate::email::EmailAddress;
use crate::ids::{ConnectionId, OrganizationId, UserId};

/// How long a trace is kept.
pub const TRACE_LIFETIME: Duration = Duration::from_secs(14 * 24 * 3600);

/// Longest detail of a step, in characters.
const LONGEST_DETAIL: usize = 160;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginTrace {
    /// ULID: unique, and sorts by time.
    pub id: String,
    /// The tenant, as soon as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    pub outcome: LoginOutcome,
    /// Stable word for why it ended as it did; the one on the page and in the metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub steps: Vec<TraceStep>,
    /// `a…@acme.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Ids of our requests, first the start's: what error pages ask people to quote.
    pub requests: Vec<String>,
    /// The id of the failed call at WorkOS: what its support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workos_request: Option<String>,
    /// Seconds, because DynamoDB's TTL reads it; checked in code as well.
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginOutcome {
    /// On the way: the browser was sent off and has not come back, or the person was asked something.
    Started,
    Succeeded,
    Failed,
}

impl LoginOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    pub at: Timestamp,
    pub did: Step,
    /// Ids and codes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The stations of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The request arrived; the detail says what it named.
    Asked,
    /// The connection was decided.
    Routed,
    /// The person was asked to choose, or told that nothing is set up.
    Answered,
    /// The browser left for WorkOS.
    SentToWorkos,
    /// The browser came back.
    CameBack,
    /// The code was exchanged for a profile.
    Exchanged,
    /// The profile is of the tenant and connection asked for.
    Matched,
    /// The tenant lets this person in.
    Admitted,
    /// User and session are written.
    SignedIn,
    /// It ended here; the detail is the reason.
    Failed,
}

impl Step {
    /// In words, for a table.
    pub const fn as_words(self) -> &'static str {
        match self {
            Self::Asked => "asked to sign in",
            Self::Routed => "connection decided",
            Self::Answered => "answered with a page",
            Self::SentToWorkos => "sent to WorkOS",
            Self::CameBack => "came back",
            Self::Exchanged => "code exchanged",
            Self::Matched => "profile matches the login",
            Self::Admitted => "admitted by the tenant",
            Self::SignedIn => "signed in",
            Self::Failed => "failed",
        }
    }
}

impl LoginTrace {
    pub fn begin(id: String, request: &str, now: Timestamp) -> Self {
        Self {
            id,
            organization: None,
            connection: None,
            started_at: now,
            updated_at: now,
            outcome: LoginOutcome::Started,
            reason: None,
            steps: Vec::new(),
            who: None,
            user: None,
            requests: vec![request.to_owned()],
            workos_request: None,
            expires_at: now.plus(TRACE_LIFETIME),
        }
    }

    pub fn step(&mut self, did: Step, detail: Option<&str>, now: Timestamp) {
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect();
        self.steps.push(TraceStep { at: now, did, detail: detail.map(clean) });
        self.updated_at = now;
    }

    /// Another request of ours that this login went through.
    pub fn request(&mut self, id: &str) {
        if !self.requests.iter().any(|known| known == id) {
            self.requests.push(id.to_owned());
        }
    }

    pub fn by(&mut self, email: &EmailAddress) {
        self.who = Some(email.masked());
    }

    pub fn failed(&mut self, reason: &str, workos_request: Option<&str>, now: Timestamp) {
        self.step(Step::Failed, Some(reason), now);
        self.outcome = LoginOutcome::Failed;
        self.reason = Some(reason.to_owned());
        self.workos_request = workos_request.map(str::to_owned);
    }

    pub fn succeeded(&mut self, user: &UserId, now: Timestamp) {
        self.step(Step::SignedIn, Some(user.as_str()), now);
        self.outcome = LoginOutcome::Succeeded;
        self.user = Some(user.clone());
    }
}

/// A reason code in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub what: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// What a reason code means. `None` for a code of another version.
pub fn explain(reason: &str) -> Option<Explanation> {
    EXPLANATIONS.iter().find(|(code, _, _)| *code == reason).map(|(_, what, next)| Explanation { what, next })
}

/// Every reason code that a trace can hold, in alphabetical order: code, what happened, what to do.
pub const EXPLANATIONS: &[(&str, &str, &str)] = &[
    (
        "access_denied",
        "The company's identity provider did not let the person through, or the person cancelled there.",
        "Assign the person to the application at the identity provider, then try again.",
    ),
    (
        "ambiguous_connection_selector",
        "The organization has several connections, and the login named only the organization.",
        "Run `vestibule tenants sync ORG`; then the login offers the choice. Or link to one connection.",
    ),
    (
        "code_refused",
        "WorkOS refused the code: it was used before, older than ten minutes, or of another login.",
        "Let the person start again. If it repeats, compare WORKOS_CLIENT_ID with the WorkOS dashboard.",
    ),
    (
        "company_closed",
        "WorkOS has no such organization any more.",
        "Check the organization id in the link; if the organization was deleted on purpose, nothing is to be done.",
    ),
    (
        "connection_closed",
        "The connection is inactive, unfinished, being deleted, or none of the organization's.",
        "See `vestibule tenants health ORG`; activate the connection in the WorkOS dashboard or through a portal link.",
    ),
    (
        "connection_domain_invalid",
        "WorkOS knows no connection for the domain.",
        "Link to an organization or connection instead of a domain.",
    ),
    (
        "connection_invalid",
        "WorkOS knows no such connection in this environment.",
        "Check the connection id in the link, and that WORKOS_CLIENT_ID is of the same environment.",
    ),
    (
        "connection_strategy_invalid",
        "The provider is set up in several ways in this WorkOS environment.",
        "Link to an organization or connection instead of a provider.",
    ),
    (
        "connection_unlinked",
        "The connection is not finished: no identity provider is linked to it.",
        "Let the customer finish it: `vestibule tenants portal-link ORG --intent sso`.",
    ),
    (
        "contended",
        "The same person's record was being changed by several requests at once.",
        "Let the person try again; if it repeats, look for a script that signs in as this person.",
    ),
    (
        "domain_connection_selector_not_allowed",
        "WorkOS no longer takes a domain as the selector of a login.",
        "Link to an organization or connection.",
    ),
    (
        "email_domain_not_allowed",
        "The address that the identity provider sent is outside the domains that the tenant verified, or outside the \
         ones its connection is for.",
        "Verify the domain (`vestibule tenants portal-link ORG --intent domain_verification`), or set the tenant's \
         policy or the connection's domains.",
    ),
    (
        "hints_disagree",
        "login_hint and domain_hint in the link name different domains.",
        "Mend the link: give one of the two, or the same domain in both.",
    ),
    (
        "idp_initiated_sso_disabled",
        "The login began at the identity provider's own portal, and the connection does not allow that.",
        "Let the person start at the login page, or allow it for the connection.",
    ),
    ("internal", "Something failed inside the function.", "Look for the request id in the function's log."),
    (
        "invalid_connection_selector",
        "WorkOS did not understand which connection was meant.",
        "Check the login link: exactly one of organization, connection or provider.",
    ),
    (
        "invalid_email",
        "The identity provider sent an e-mail address that is not one.",
        "Mend the attribute mapping of the connection: the e-mail attribute must be a plain address.",
    ),
    (
        "invalid_parameter",
        "A parameter of the login link is not valid.",
        "Mend the link; the function's log names the parameter.",
    ),
    (
        "invalid_return_url",
        "The link's return_to leads to an origin that is not on the list.",
        "Add the origin to ALLOWED_RETURN_ORIGINS, or mend the link.",
    ),
    (
        "invalid_selector",
        "The login link names a company in a way that is not understood.",
        "Mend the link: organization=org_… or connection=conn_….",
    ),
    (
        "invalid_state",
        "The browser came back to a login that is over (ten minutes), was used already, or began in another browser.",
        "Let the person start again. If it repeats for one person, cookies of the login host are blocked.",
    ),
    (
        "not_provisioned",
        "The person has no account yet, and the tenant does not make accounts at the first sign-in.",
        "Provision the person through the directory, or `vestibule tenants set ORG --just-in-time-users true`.",
    ),
    (
        "not_set_up",
        "No tenant with a usable connection verified the domain of the address.",
        "See `vestibule tenants list --domain DOMAIN`; verify the domain or activate a connection, then \
         `vestibule tenants sync ORG`.",
    ),
    (
        "oauth_failed",
        "The identity provider refused or broke off the OAuth exchange with WorkOS.",
        "Check client id, client secret and redirect URI of the connection in the WorkOS dashboard.",
    ),
    (
        "organization_invalid",
        "WorkOS knows no such organization in this environment.",
        "Check the organization id in the link, and that WORKOS_CLIENT_ID is of the same environment.",
    ),
    (
        "other_company",
        "The profile that came back is of another organization or connection than the login was for.",
        "If the person has several accounts, sign out at the identity provider first. If it repeats, tell WorkOS's \
         support the request id.",
    ),
    (
        "other_tenant",
        "The link at a tenant's own login address names another tenant's organization or connection.",
        "Mend the link.",
    ),
    (
        "profile_not_allowed_outside_organization",
        "WorkOS refused the address: it is outside the organization's domains.",
        "Add the domain to the organization (`vestibule tenants portal-link ORG --intent domain_verification`).",
    ),
    (
        "provider_not_allowed",
        "The public provider is not on the list of this environment or tenant.",
        "Add it to ALLOWED_PROVIDERS or to the tenant's providers, if that is wanted.",
    ),
    (
        "provider_without_organization",
        "The link names a public provider and no organization to sign in to.",
        "Add organization=org_… to the link.",
    ),
    (
        "secrets_unavailable",
        "The WorkOS API key or the signing keys could not be read.",
        "Run `vestibule setup` if the stack is new; else see the function's log and Secrets Manager.",
    ),
    (
        "server_error",
        "The sign-in failed at WorkOS or at the identity provider.",
        "Try again; then look at the connection's sessions in the WorkOS dashboard.",
    ),
    (
        "several_selectors",
        "The login link names several of organization, connection and provider.",
        "Mend the link: name one.",
    ),
    (
        "signin_consent_denied",
        "The person declined on WorkOS's consent page.",
        "Let the person try again and accept, or switch the consent page off in the WorkOS dashboard.",
    ),
    (
        "sso_token_refused",
        "The token that WorkOS sent beside the profile did not verify.",
        "Compare WORKOS_CLIENT_ID with the WorkOS dashboard, and the server's clock with the time.",
    ),
    (
        "store_unavailable",
        "The database did not answer.",
        "See the alarms and the function's log; sessions that exist go on.",
    ),
    (
        "too_many_requests",
        "A limit was reached: too many logins of one address, domain, connection or tenant within a minute.",
        "Wait a minute. If it repeats with honest people, raise the limit that the function's log names.",
    ),
    (
        "unknown",
        "WorkOS came back with an error code that this version does not know.",
        "Look at the connection's sessions in the WorkOS dashboard at this time.",
    ),
    (
        "unsolicited",
        "The login began at the identity provider's own portal, which this tenant does not allow.",
        "Let the person start at the login page, or `vestibule tenants set ORG --idp-initiated restart`.",
    ),
    (
        "user_deactivated",
        "The person's account is deactivated.",
        "Reactivate the person in the customer's directory.",
    ),
    (
        "workos_rate_limited",
        "WorkOS answered that there were too many requests.",
        "Try again in a minute; if it repeats, ask WorkOS to raise the limit.",
    ),
    (
        "workos_unavailable",
        "WorkOS did not answer in time, or refused our API key.",
        "See WorkOS's status page. If only this deployment is hit, run `vestibule setup` with the current API key.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// R73: nothing in a trace identifies more than a domain and a first letter.
    #[test]
    fn a_trace_holds_no_full_address_and_no_control_characters() {
        let mut trace = LoginTrace::begin("01J".into(), "req-1", NOW);
        trace.by(&EmailAddress::parse("ada.lovelace@acme.com").unwrap());
        trace.step(Step::Asked, Some("a\nb\u{1b}[31m"), NOW);
        trace.step(Step::Routed, Some(&"x".repeat(1000)), NOW);
        let text = serde_json::to_string(&trace).unwrap();
        assert!(!text.contains("lovelace") && text.contains("a…@acme.com"), "{text}");
        assert_eq!(trace.steps[0].detail.as_deref(), Some("ab[31m"));
        assert_eq!(trace.steps[1].detail.as_ref().map(String::len), Some(LONGEST_DETAIL));
        assert_eq!(trace.expires_at.since(NOW), Duration::from_secs(1_209_600), "fourteen days");
    }

    #[test]
    fn the_end_is_told_with_its_reason() {
        let mut trace = LoginTrace::begin("01J".into(), "req-1", NOW);
        trace.request("req-2");
        trace.request("req-2");
        let later = NOW.plus(Duration::from_secs(9));
        trace.failed("code_refused", Some("workos-1"), later);
        assert_eq!(trace.requests, ["req-1", "req-2"]);
        assert_eq!((trace.outcome, trace.updated_at), (LoginOutcome::Failed, later));
        assert_eq!(
            serde_json::from_str::<LoginTrace>(&serde_json::to_string(&trace).unwrap()).unwrap(),
            trace
        );
    }

    #[test]
    fn a_success_is_told_with_its_user() {
        let mut trace = LoginTrace::begin("01J".into(), "req-1", NOW);
        let user = UserId::parse("user_1").unwrap();
        trace.succeeded(&user, NOW);
        assert_eq!((trace.outcome, trace.user.as_ref()), (LoginOutcome::Succeeded, Some(&user)));
        let last = trace.steps.last().unwrap();
        assert_eq!((last.did, last.detail.as_deref()), (Step::SignedIn, Some("user_1")));
    }

    #[test]
    fn outcomes_and_steps_have_words_of_their_own() {
        for outcome in [LoginOutcome::Started, LoginOutcome::Succeeded, LoginOutcome::Failed] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        let steps = [
            (Step::Asked, "asked to sign in"),
            (Step::Routed, "connection decided"),
            (Step::Answered, "answered with a page"),
            (Step::SentToWorkos, "sent to WorkOS"),
            (Step::CameBack, "came back"),
            (Step::Exchanged, "code exchanged"),
            (Step::Matched, "profile matches the login"),
            (Step::Admitted, "admitted by the tenant"),
            (Step::SignedIn, "signed in"),
            (Step::Failed, "failed"),
        ];
        for (step, words) in steps {
            assert_eq!(step.as_words(), words);
        }
    }

    #[test]
    fn every_reason_has_words_and_a_next_step() {
        for (n, (code, what, next)) in EXPLANATIONS.iter().enumerate() {
            assert!(what.ends_with('.') && next.ends_with('.'), "{code}");
            assert!(EXPLANATIONS.iter().skip(n + 1).all(|(other, _, _)| code < other), "{code}");
        }
        assert!(explain("email_domain_not_allowed").unwrap().next.contains("domain_verification"));
        assert_eq!(explain("<script>"), None);
    }
}
