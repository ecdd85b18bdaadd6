//! What an operator has at the terminal: the command line's own code, at this stack's tables and WorkOS.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use domain::{Clock, Rng};
use store::Store;
use vestibule::dev;
use vestibule::tenants::Tenants;
use web::config::AwsSettings;
use workos::{ApiKey, BaseUrl, Client, ClientId};

use crate::Stack;

impl Stack {
    /// The tenants' verbs.
    ///
    /// # Panics
    /// When the sandbox has no URL.
    pub fn operator(&self) -> Tenants {
        operator(self.http.clone(), self.running.store.clone(), self.sandbox_url(), self.clock.clone())
    }
}

/// The tenants' verbs in another process than the stack's, which is at these addresses.
///
/// # Panics
/// When an address is none.
pub fn operator_of(dynamodb: &str, sandbox: &str) -> Tenants {
    let http = net::client().expect("an HTTP client");
    let aws = AwsSettings {
        region: "us-east-1".to_owned(),
        endpoint_url: None,
        service_endpoints: vec![("DynamoDB", dynamodb.to_owned())],
    };
    let credentials = Credentials::new("local", "local", None, None, "end-to-end tests");
    let config = web::aws::sdk_config(&aws, net::SdkHttp::new(http.clone()))
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    operator(http, Store::new(&config, dev::tables(), Rng::system()), sandbox, Clock::system())
}

fn operator(http: reqwest::Client, store: Store, sandbox: &str, clock: Clock) -> Tenants {
    let base = BaseUrl::parse(sandbox).expect("the sandbox has a URL");
    let client_id = ClientId::parse(sandbox::DEFAULT_CLIENT_ID).expect("a client id");
    let rng = Rng::system();
    Tenants {
        store,
        workos: Client::new(http, base, client_id, clock.clone(), rng.clone()),
        api_key: Arc::new(ApiKey::parse(sandbox::DEFAULT_API_KEY).expect("an API key")),
        clock,
        rng,
        operator: "grace".to_owned(),
    }
}
