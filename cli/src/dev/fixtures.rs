//! What the sample events speak of, made real: a pending login, one that the IdP refuses, a person with a session.
//!
//! State, cookie secret and verifier are fixed, because they stand in the events. The authorization code and the session
//! token cannot be: the sandbox invents the one, the other is signed and dated. Both are asked for here, the code from
//! the sandbox and the person by a real exchange, so that a later login meets the same person.

use std::time::Duration;

use domain::directory::{ChangeStamp, DirectoryChange, DirectorySource, GroupRecord, Origin, Retention};
use domain::login::{LOGIN_LIFETIME, PkceVerifier};
use domain::tenant::{ConnectionState, TenantConnection, TenantDomain};
use domain::{
    Clock, ConnectionId, DirectoryGroupId, DirectoryId, Domain, EmailAddress, EventId, IdentityKey,
    InvalidId, Login, OrganizationId, Profile, Rng, RngError, Selector, Session, SessionId, Tenant,
    Timestamp, User, UserId, sha256,
};
use http::header::LOCATION;
use net::Deadline;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{Applier, CommitOutcome, LoginCommit, OUTBOX_SHARDS, Register, Store, StoreError, UserWrite};
use tokens::{Expected, KeyRing, SessionClaims};
use url::Url;
use workos::{ApiKey, BaseUrl, Client, ClientId};

use super::secrets::LocalSecrets;
use super::settings::SIGNING_KEYS_SECRET;

/// State of the pending login in `callback-success.json`.
pub const STATE: &str = "fixture-state-00000000000000000000000000000";
/// State of the pending login in `callback-idp-error.json`.
pub const REFUSED_STATE: &str = "fixture-error-00000000000000000000000000000";
/// The flow cookies' secret.
const BROWSER: &str = "fixture-browser-000000000000000000000000000";
const VERIFIER: &str = "fixture-verifier-0000000000000000000000000";

const ORGANIZATION: &str = "org_01SANDBOXGLOBEX";
const CONNECTION: &str = "conn_01SANDBOXGLOBEXGOOGLE";
/// Has the session.
const SIGNED_IN: &str = "hank@globex.com";
/// Is on the way back from the IdP.
const RETURNING: &str = "priya.raman@globex.com";

/// Where fixtures go, and what they are made with.
pub(super) struct Seeder {
    pub(super) store: Store,
    pub(super) secrets: LocalSecrets,
    pub(super) http: reqwest::Client,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) sandbox: String,
    pub(super) redirect_uri: String,
    pub(super) return_to: String,
    pub(super) expected: Expected,
    pub(super) idle: Duration,
}

/// The parts of the fixtures that differ each time.
#[derive(Clone, Debug)]
pub struct Fixtures {
    /// Stands as `fixture.session.token` in the events.
    pub token: SecretString,
    /// Stands as `fixture-code` in the events.
    pub code: String,
    pub organization: OrganizationId,
    pub user: UserId,
    pub session: SessionId,
    /// A notice that the app is owed. Stands as `01FIXTURENOTICE00000000000` in the events.
    pub notice: String,
}

/// The fixtures were not made.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    #[error("the sandbox did not answer as expected: {0}")]
    Sandbox(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RngError),
    #[error("a fixture's own text is not valid: {0}")]
    Text(String),
    #[error("there is no signing key; start over with --fresh")]
    NoKey,
    #[error("the session token was not made: {0}")]
    Token(String),
}

impl From<InvalidId> for FixtureError {
    fn from(why: InvalidId) -> Self {
        Self::Text(why.to_string())
    }
}

impl From<reqwest::Error> for FixtureError {
    fn from(why: reqwest::Error) -> Self {
        Self::Sandbox(why.to_string())
    }
}

impl Seeder {
    /// Makes everything anew: the logins pending again, another code, another session of the same person.
    ///
    /// # Errors
    /// When a part of the local stack does not do its part.
    pub(super) async fn seed(&self) -> Result<Fixtures, FixtureError> {
        let now = self.clock.now();
        let organization = OrganizationId::parse(ORGANIZATION)?;
        self.store.put_tenant(&globex(&organization, now)?).await?;

        let profile = self.profile(SIGNED_IN).await?;
        let session = self.session(&organization, &profile, now).await?;
        let ring = self.secrets.get(SIGNING_KEYS_SECRET).ok_or(FixtureError::NoKey)?;
        let ring = KeyRing::from_json(&ring).map_err(|_| FixtureError::NoKey)?;
        let claims = SessionClaims::of(&session, &self.expected, now);
        let token = ring.sign(&claims).map_err(|why| FixtureError::Token(why.to_string()))?;

        for state in [STATE, REFUSED_STATE] {
            self.pend(state, &organization, now).await?;
        }
        let code = self.code(RETURNING, STATE).await?;
        Ok(Fixtures {
            token: token.expose().to_owned().into(),
            code,
            organization,
            user: session.user,
            session: session.id,
            notice: self.notice(now).await?,
        })
    }

    /// The company's directory renames a group, which the app is to hear of.
    async fn notice(&self, now: Timestamp) -> Result<String, FixtureError> {
        let origin = Origin {
            directory: DirectoryId::parse("directory_01FIXTURE")?,
            organization: Some(OrganizationId::parse(ORGANIZATION)?),
            source: DirectorySource::Dsync,
        };
        let unique = self.rng.ulid(now)?;
        let group = DirectoryGroupId::parse("directory_group_01FIXTURE")?;
        let change = DirectoryChange::UpsertGroup(GroupRecord {
            id: group.clone(),
            name: format!("Fixture {unique}"),
            idp_id: None,
        });
        let stamp = ChangeStamp::Clocked { at: now, event: EventId::parse(&format!("event_{unique}"))? };
        Applier::new(self.store.clone(), Retention::default()).apply(&origin, &change, &stamp, now).await?;
        let mut ids = Vec::new();
        for part in 0..OUTBOX_SHARDS {
            let owed = self.store.owed_notices(part, now, 100).await?.into_iter();
            ids.extend(owed.filter(|notice| notice.subject == group.as_str()).map(|notice| notice.id));
        }
        ids.into_iter().max().ok_or_else(|| FixtureError::Text("the app is owed no notice".to_owned()))
    }

    async fn pend(
        &self,
        state: &str,
        organization: &OrganizationId,
        now: Timestamp,
    ) -> Result<(), FixtureError> {
        let (state_hash, browser_hash) = (sha256(state), sha256(BROWSER));
        // One of an earlier start, however old it is.
        self.store.take_login(&state_hash, &browser_hash, Timestamp::from_seconds(0)).await?;
        let login = Login {
            selector: Selector::Organization(organization.clone()),
            organization: None,
            return_to: self.return_to.clone(),
            verifier: PkceVerifier::new(VERIFIER.to_owned()),
            browser_hash,
            started_at: now,
            expires_at: now.plus(LOGIN_LIFETIME),
            trace: None,
        };
        Ok(self.store.put_login(&state_hash, &login).await?)
    }

    /// A code for this person, as the browser would bring it back.
    async fn code(&self, email: &str, state: &str) -> Result<String, FixtureError> {
        let auto = format!("{}/_sandbox/auto", self.sandbox);
        self.http.post(&auto).json(&json!({ "email": email })).send().await?.error_for_status()?;
        let challenge = PkceVerifier::new(VERIFIER.to_owned()).challenge();
        let authorize = Url::parse_with_params(
            &format!("{}/sso/authorize", self.sandbox),
            [
                ("client_id", sandbox::DEFAULT_CLIENT_ID),
                ("redirect_uri", &self.redirect_uri),
                ("response_type", "code"),
                ("organization", ORGANIZATION),
                ("state", state),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        );
        let authorize = authorize.map_err(|why| FixtureError::Text(why.to_string()))?;
        let answer = self.http.get(authorize).send().await?;
        self.http.post(&auto).json(&json!({ "email": null })).send().await?.error_for_status()?;
        let location =
            answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let code = Url::parse(location).ok().and_then(|back| {
            back.query_pairs().find_map(|(name, value)| (name == "code").then(|| value.into_owned()))
        });
        code.ok_or_else(|| FixtureError::Sandbox(format!("no code for {email}")))
    }

    async fn profile(&self, email: &str) -> Result<Profile, FixtureError> {
        let wrong = |why: &dyn std::fmt::Display| FixtureError::Sandbox(why.to_string());
        let base = BaseUrl::parse(&self.sandbox).map_err(|why| wrong(&why))?;
        let client_id = ClientId::parse(sandbox::DEFAULT_CLIENT_ID).map_err(|why| wrong(&why))?;
        let key = ApiKey::parse(sandbox::DEFAULT_API_KEY).map_err(|why| wrong(&why))?;
        let client = Client::new(self.http.clone(), base, client_id, self.clock.clone(), self.rng.clone());
        let code = self.code(email, STATE).await?;
        let deadline = Deadline::after(Duration::from_secs(4));
        let answer =
            client.exchange_code(&key, &code, VERIFIER, deadline).await.map_err(|why| wrong(&why))?;
        let from = answer.profile;
        Ok(Profile {
            email: EmailAddress::parse(&from.email).map_err(|why| wrong(&why))?,
            id: from.id,
            connection: from.connection_id,
            connection_type: from.connection_type.as_str().to_owned(),
            organization: from.organization_id,
            idp_id: from.idp_id,
            first_name: from.first_name,
            last_name: from.last_name,
            roles: from.roles,
        })
    }

    async fn session(
        &self,
        organization: &OrganizationId,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Session, FixtureError> {
        let identity = IdentityKey {
            organization: organization.clone(),
            connection: profile.connection.clone(),
            idp_id: profile.idp_id.clone(),
        };
        let known = match self.store.linked_user(&identity).await? {
            Some(id) => self.store.user(organization, &id).await?,
            None => None,
        };
        let (user, write) = match known {
            Some(before) => {
                let user = before.signed_in_again(profile, now);
                (user.clone(), UserWrite::Update(user))
            }
            None => {
                let id = UserId::generate(&self.rng, now)?;
                let user = User::new(id, organization.clone(), profile, now);
                (user.clone(), UserWrite::Create(user))
            }
        };
        let gate = self.store.tenant(organization).await?.map(|record| record.gate);
        let session = Session {
            id: SessionId::generate(&self.rng, now)?,
            user: user.id,
            organization: organization.clone(),
            connection: profile.connection.clone(),
            profile: profile.id.clone(),
            roles: tokens::clip_roles(profile.roles.iter().cloned()),
            amr: vec!["sso".to_owned()],
            auth_time: now,
            mfa_time: None,
            created_at: now,
            last_seen_at: now,
            idle_seconds: self.idle.as_secs(),
            expires_at: now.plus(self.expected.longest_session),
            user_generation: user.generation,
            tenant_generation: gate.map(|gate| gate.generation).unwrap_or_default(),
            login_hash: sha256("fixture"),
            return_to: self.return_to.clone(),
            device: "Mozilla/5.0 (X11; Linux x86_64) Chrome/148.0.0.0".to_owned(),
        };
        let claims = self.store.door(&identity, &profile.email, now).await?.claims(
            &identity,
            &profile.email,
            write.user(),
        );
        let commit = LoginCommit {
            user: write,
            identity: &identity,
            session: &session,
            replaces: None,
            audit: &[],
            register: Register { claims: &claims, ..Register::default() },
        };
        match self.store.commit_login(&commit).await? {
            CommitOutcome::Committed => Ok(session),
            CommitOutcome::IdentityTaken | CommitOutcome::UserChanged => {
                Err(FixtureError::Text(format!("{SIGNED_IN} is deactivated here; start over with --fresh")))
            }
        }
    }
}

fn globex(organization: &OrganizationId, now: Timestamp) -> Result<Tenant, FixtureError> {
    let domain = Domain::parse("globex.com").map_err(|why| FixtureError::Text(why.to_string()))?;
    Ok(Tenant {
        organization: organization.clone(),
        name: "Globex".to_owned(),
        domains: vec![TenantDomain { domain, verified: true }],
        connections: vec![TenantConnection {
            id: ConnectionId::parse(CONNECTION)?,
            name: "Globex Google Workspace".to_owned(),
            connection_type: "GoogleOIDC".to_owned(),
            state: ConnectionState::Active,
        }],
        refreshed_at: now,
    })
}

impl Fixtures {
    /// An event of `events/` with these fixtures in it, for a product that answers at `host`.
    pub fn fill(&self, event: &str, host: &str) -> String {
        event
            .replace("fixture.session.token", self.token.expose_secret())
            .replace("fixture-code", &self.code)
            .replace("01FIXTURENOTICE00000000000", &self.notice)
            .replace("localhost:8080", host)
    }
}
