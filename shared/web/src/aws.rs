//! The AWS SDK's settings for functions, put together by hand.
//!
//! `aws_config::defaults()` looks for profiles, SSO and instance metadata, none of which a function has: that
//! would be half a megabyte and a millisecond for nothing. Credentials are the ones Lambda puts into the environment;
//! HTTP is the process's one client; every call has a limit, which the SDK does not give by itself.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::AwsSettings;

/// One attempt; a second one still fits into a request's 4.5 s.
const ATTEMPT: Duration = Duration::from_millis(2000);
/// All attempts of one call together.
const CALL: Duration = Duration::from_millis(4000);

/// For every AWS client of a function.
pub fn sdk_config(settings: &AwsSettings, http: net::SdkHttp) -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(credentials)
        .http_client(http)
        .sleep_impl(TokioSleep::new())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(net::CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(CALL)
                .build(),
        )
        // At most two retries, with jitter (R61).
        .retry_config(
            RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)),
        );
    if let Some(endpoint) = &settings.endpoint_url {
        config = config.endpoint_url(endpoint);
    }
    if !settings.service_endpoints.is_empty() {
        config = config.service_config(ServiceEndpoints(settings.service_endpoints.clone()));
    }
    config.build()
}

/// Answers the one question of the SDK's clients that it can: where a service's endpoint is.
#[derive(Debug)]
struct ServiceEndpoints(Vec<(&'static str, String)>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let wanted = |(service, _): &&(&'static str, String)| {
            key.env() == "AWS_ENDPOINT_URL" && *service == key.service_id()
        };
        self.0.iter().find(wanted).map(|(_, url)| url.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R61: every call is bounded, and a bounded number of times repeated.
    #[test]
    fn calls_have_limits() {
        let settings = AwsSettings {
            region: "eu-west-1".to_owned(),
            endpoint_url: Some("http://127.0.0.1:4566".to_owned()),
            service_endpoints: Vec::new(),
        };
        let config = sdk_config(&settings, net::SdkHttp::new(net::client().unwrap()));
        assert_eq!(config.region().unwrap().as_ref(), "eu-west-1");
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
        let limits = config.timeout_config().unwrap();
        assert!(limits.operation_timeout().unwrap() < crate::context::REQUEST_TIME);
        assert!(limits.operation_attempt_timeout().unwrap() * 2 <= limits.operation_timeout().unwrap());
        assert_eq!(config.retry_config().unwrap().max_attempts(), 3);
    }

    #[test]
    fn one_service_can_have_an_endpoint_of_its_own() {
        let settings = AwsSettings {
            region: "eu-west-1".to_owned(),
            endpoint_url: None,
            service_endpoints: vec![("DynamoDB", "http://127.0.0.1:8000".to_owned())],
        };
        let config = sdk_config(&settings, net::SdkHttp::new(net::client().unwrap()));
        let endpoint = |id, name| {
            let key =
                ServiceConfigKey::builder().service_id(id).env(name).profile("endpoint_url").build().unwrap();
            config.service_config().unwrap().load_config(key)
        };
        assert_eq!(endpoint("DynamoDB", "AWS_ENDPOINT_URL").as_deref(), Some("http://127.0.0.1:8000"));
        assert_eq!(endpoint("Secrets Manager", "AWS_ENDPOINT_URL"), None);
        assert_eq!(endpoint("DynamoDB", "AWS_REGION"), None);
    }
}
