//! What the stubs hold and what the functions are asked: one tenant, one person, one live session, one pending login.
//! Written by the store itself and signed by the key ring itself, so that neither can drift from the code.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use domain::tenant::{ConnectionState, TenantConnection, TenantDomain};
use domain::{
    Clock, ConnectionId, Domain, EmailAddress, IdentityKey, Login, OrganizationId, Profile, ProfileId, Rng,
    Selector, Session, SessionId, Tenant, User, UserId, sha256,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;
use store::{LoginCommit, Register, Store, Tables, UserWrite};
use tokens::{Expected, KeyRing, PrivateKey, SessionClaims};
use web::config::AwsSettings;

use crate::directory::{self, APP_SECRET, Event, SCHEDULED, WEBHOOK_SECRET};
use crate::stubs::{Stubs, Urls};
use crate::{Result, roots};

const PUBLIC_URL: &str = "http://localhost:8080";
const RETURN_URL: &str = "http://localhost:8080/auth/account";
const ORGANIZATION: &str = "org_01BENCH";
const CONNECTION: &str = "conn_01BENCH";
const PROFILE: &str = "prof_01BENCH";
const IDP_ID: &str = "00u1bench";
const EMAIL: &str = "ada@example.com";
const CLIENT_ID: &str = "client_sandbox";
const TABLES: (&str, &str) = ("identity", "ephemeral");
const SECRETS: (&str, &str) = ("bench/workos-api-key", "bench/signing-keys");
/// Longer than a run: signature mode refuses an expired token.
const TOKEN_SECONDS: u64 = 3600;
/// The state of `events/callback-success.json`.
const STATE: &str = "fixture-state-00000000000000000000000000000";

/// The samples that people invoke are what is measured.
const LOGIN: &str = include_str!("../../../events/login-organization.json");
const CALLBACK: &str = include_str!("../../../events/callback-success.json");
const SESSION: &str = include_str!("../../../events/session-get.json");
const AUTHORIZER: &str = include_str!("../../../events/authorizer-allow.json");
/// Stands for a session token in them.
const TOKEN: &str = "fixture.session.token";

/// The stubs, filled, and the events that fit them.
pub(crate) struct World {
    pub(crate) stubs: Stubs,
    pub(crate) urls: Urls,
    pub(crate) login: Event,
    pub(crate) callback: Event,
    pub(crate) session: Event,
    pub(crate) authorizer: Event,
    pub(crate) webhook: Event,
    pub(crate) stream: Event,
    pub(crate) schedule: Event,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let stubs = Stubs::default();
        let urls = stubs.serve().await?;
        let ring = KeyRing::new(PrivateKey::generate_es256()?, Clock::system().now());
        stubs.put_secret(SECRETS.0, &json!({"api_key": "sk_test_bench"}).to_string());
        stubs.put_secret(SECRETS.1, ring.to_json()?.expose_secret());
        stubs.set_token_answer(token_answer());
        let store = store(&urls)?;
        let token = fill(&store, &ring).await?;
        let (webhook, stream) = directory::fill(&stubs, &store).await?;
        stubs.filled();
        stubs.take_calls();
        let signed_in = |event: &str| Event::Fixed(event.replace(TOKEN, &token));
        Ok(Self {
            stubs,
            urls,
            login: Event::Fixed(LOGIN.to_owned()),
            callback: Event::Fixed(CALLBACK.to_owned()),
            session: signed_in(SESSION),
            authorizer: signed_in(AUTHORIZER),
            webhook,
            stream,
            schedule: Event::Fixed(SCHEDULED.to_owned()),
        })
    }

    /// The environment of a function.
    pub(crate) fn env(&self, name: &str, authorizer_mode: &str) -> Vec<(String, String)> {
        let token_seconds = TOKEN_SECONDS.to_string();
        let pairs = [
            ("PATH", "/usr/bin:/bin"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("_HANDLER", "bootstrap"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "bench"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("AWS_SESSION_TOKEN", "bench"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.urls.dynamodb),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.urls.secrets),
            ("POWERTOOLS_SERVICE_NAME", name),
            ("PUBLIC_URL", PUBLIC_URL),
            ("DEFAULT_RETURN_URL", RETURN_URL),
            ("IDENTITY_TABLE", TABLES.0),
            ("EPHEMERAL_TABLE", TABLES.1),
            ("WORKOS_CLIENT_ID", CLIENT_ID),
            ("WORKOS_API_BASE_URL", &self.urls.workos),
            ("WORKOS_API_KEY_SECRET", SECRETS.0),
            ("SIGNING_KEYS_SECRET", SECRETS.1),
            ("TOKEN_SECONDS", &token_seconds),
            ("AUTHORIZER_MODE", authorizer_mode),
            ("WORKOS_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("APP_WEBHOOK_URL", &self.urls.app),
            ("APP_WEBHOOK_SECRET", APP_SECRET),
        ];
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

fn store(urls: &Urls) -> Result<Store> {
    let http = net::client_with_roots([roots::ROOT.to_vec()])?;
    let settings = AwsSettings {
        region: "us-east-1".to_owned(),
        endpoint_url: None,
        service_endpoints: vec![("DynamoDB", urls.dynamodb.clone())],
    };
    let credentials = Credentials::new("bench", "bench", None, None, "benchmark");
    let config = web::aws::sdk_config(&settings, net::SdkHttp::new(http))
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let tables = Tables { identity: TABLES.0.to_owned(), ephemeral: TABLES.1.to_owned() };
    Ok(Store::new(&config, tables, Rng::system()))
}

/// Fills the tables and gives a token of the live session.
async fn fill(store: &Store, ring: &KeyRing) -> Result<String> {
    let (now, rng) = (Clock::system().now(), Rng::system());
    let organization = OrganizationId::parse(ORGANIZATION)?;
    let connection = ConnectionId::parse(CONNECTION)?;
    let tenant = Tenant {
        organization: organization.clone(),
        name: "Example".to_owned(),
        domains: vec![TenantDomain { domain: Domain::parse("example.com")?, verified: true }],
        connections: vec![TenantConnection {
            id: connection.clone(),
            name: "Example SSO".to_owned(),
            connection_type: "OktaSAML".to_owned(),
            state: ConnectionState::Active,
        }],
        refreshed_at: now,
    };
    store.put_tenant(&tenant).await?;
    store.publish_keys(&ring.public(None), None).await?;
    let login = Login {
        selector: Selector::Organization(organization.clone()),
        organization: None,
        return_to: RETURN_URL.to_owned(),
        verifier: domain::login::PkceVerifier::new(rng.token()?),
        browser_hash: rng.token()?,
        started_at: now,
        expires_at: now.plus(domain::login::LOGIN_LIFETIME),
        trace: None,
    };
    store.put_login(&sha256(STATE), &login).await?;

    let profile = Profile {
        id: ProfileId::parse(PROFILE)?,
        connection: connection.clone(),
        connection_type: "OktaSAML".to_owned(),
        organization: Some(organization.clone()),
        idp_id: IDP_ID.to_owned(),
        email: EmailAddress::parse(EMAIL)?,
        first_name: Some("Ada".to_owned()),
        last_name: Some("Okafor".to_owned()),
        roles: vec!["admin".to_owned()],
    };
    let user = User::new(UserId::generate(&rng, now)?, organization.clone(), &profile, now);
    let session = Session {
        id: SessionId::generate(&rng, now)?,
        user: user.id.clone(),
        organization: organization.clone(),
        connection: connection.clone(),
        profile: profile.id.clone(),
        roles: profile.roles.clone(),
        amr: vec!["sso".to_owned()],
        auth_time: now,
        mfa_time: None,
        created_at: now,
        last_seen_at: now,
        idle_seconds: 28_800,
        expires_at: now.plus(Duration::from_secs(86_400)),
        user_generation: user.generation,
        tenant_generation: 0,
        login_hash: sha256("another state"),
        return_to: RETURN_URL.to_owned(),
        device: "benchmark".to_owned(),
    };
    let identity = IdentityKey { organization, connection, idp_id: IDP_ID.to_owned() };
    // Somebody who has been here before: their claims are put down.
    let claims = store.door(&identity, &profile.email, now).await?.claims(&identity, &profile.email, &user);
    let commit = LoginCommit {
        user: UserWrite::Create(user),
        identity: &identity,
        session: &session,
        replaces: None,
        audit: &[],
        register: Register { claims: &claims, ..Register::default() },
    };
    store.commit_login(&commit).await?;

    let expected = Expected {
        issuer: PUBLIC_URL.to_owned(),
        audience: PUBLIC_URL.to_owned(),
        token_life: Duration::from_secs(TOKEN_SECONDS),
        longest_session: Duration::from_secs(86_400),
    };
    Ok(ring.sign(&SessionClaims::of(&session, &expected, now))?.expose().to_owned())
}

fn token_answer() -> Value {
    json!({
        "token_type": "Bearer",
        // The length of a real one.
        "access_token": "x".repeat(600),
        "expires_in": 600,
        "profile": {
            "object": "profile",
            "id": PROFILE,
            "connection_id": CONNECTION,
            "connection_type": "OktaSAML",
            "organization_id": ORGANIZATION,
            "idp_id": IDP_ID,
            "email": EMAIL,
            "first_name": "Ada",
            "last_name": "Okafor",
            "name": "Ada Okafor",
            "role": { "slug": "admin" },
            "roles": [{ "slug": "admin" }],
            "groups": ["Everyone", "Engineering", "Administrators"],
            "custom_attributes": { "job_title": "Engineer" },
            "raw_attributes": {},
        },
    })
}
