//! An operator's way to AWS: profiles, single sign-on and credential processes as every AWS tool reads them, over the
//! same HTTP client as everything else. Functions never use this: they have an environment and nothing to look for.
//! And an operator's name in the audit log.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, imds};
use domain::audit::{Actor, AuditAction, AuditContext, AuditEvent};
use domain::{OrganizationId, Rng, RngError, Timestamp};
use net::SdkHttp;
use web::Vars;

/// There is no usable way to AWS.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("no AWS region; give --region, set AWS_REGION, or choose a profile that has one with --profile")]
    NoRegion,
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
}

/// The SDK's settings for the person or pipeline at this terminal.
///
/// # Errors
/// When no region is known.
pub(crate) async fn sdk_config(
    http: &reqwest::Client,
    region: Option<&str>,
    profile: Option<&str>,
) -> Result<SdkConfig, OperatorError> {
    let sdk_http = SdkHttp::new(http.clone());
    let provider = ProviderConfig::without_region().with_http_client(sdk_http.clone());
    let mut of_profile = ProfileFileRegionProvider::builder().configure(&provider);
    if let Some(profile) = profile {
        of_profile = of_profile.profile_name(profile);
    }
    let region = RegionProviderChain::first_try(region.map(|name| Region::new(name.to_owned())))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(of_profile.build())
        .region()
        .await
        .ok_or(OperatorError::NoRegion)?;
    // An instance's own metadata service is asked with the shared client's connect timeout: it takes no shorter one.
    let metadata = imds::Client::builder().configure(&provider).connect_timeout(net::CONNECT_TIMEOUT).build();
    let mut credentials =
        DefaultCredentialsChain::builder().configure(provider).imds_client(metadata).region(region.clone());
    let mut config = aws_config::defaults(BehaviorVersion::latest()).http_client(sdk_http).region(region);
    if let Some(profile) = profile {
        credentials = credentials.profile_name(profile);
        config = config.profile_name(profile);
    }
    Ok(config.credentials_provider(credentials.build().await).load().await)
}

/// Who is at the terminal, as the shell knows them.
pub(crate) fn name(vars: &Vars) -> String {
    vars.get("USER").or_else(|| vars.get("LOGNAME")).unwrap_or("unknown").to_owned()
}

/// What somebody at the command line did.
///
/// # Errors
/// When there is no randomness for its id.
pub(crate) fn audit(
    rng: &Rng,
    now: Timestamp,
    operator: &str,
    organization: &OrganizationId,
    action: AuditAction,
    details: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<AuditEvent, RngError> {
    Ok(AuditEvent {
        id: rng.ulid(now)?,
        organization: organization.clone(),
        action,
        actor: Actor::operator(operator),
        session: None,
        context: AuditContext {
            location: "command line".to_owned(),
            user_agent: concat!("vestibule/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_id: rng.ulid(now)?,
        },
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        occurred_at: now,
    })
}
