//! Another deployment of the functions over the same state: other settings, another way to the database, called by
//! events from addresses of the test's choice. What a rolling deployment and a second instance are in production.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use vestibule::dev::gateway::Gateway;
use vestibule::dev::template::{TEMPLATE, Template};
use web::config::AwsSettings;
use web::{Platform, Vars};

use crate::browser::Door;
use crate::stack::serve;
use crate::{Browser, Stack};

/// Names that the local stack gives its secrets.
pub const API_KEY_SECRET: &str = "vestibule/workos-api-key";
pub const SIGNING_KEYS_SECRET: &str = "vestibule/signing-keys";
pub const WEBHOOK_SECRET: &str = "vestibule/workos-webhook";

/// The functions, put together once more.
pub struct Deployment {
    gateway: Gateway,
    functions: BTreeMap<String, Router>,
    pub authorizer: authorizer::Deps,
    pub reconcile: reconcile::Deps,
}

impl Deployment {
    pub(crate) async fn new(stack: &Stack, settings: &[(&str, &str)], database: &str) -> Self {
        let secrets = serve(stack.running.secrets.router()).await;
        let aws = AwsSettings {
            region: "us-east-1".to_owned(),
            endpoint_url: None,
            service_endpoints: vec![("DynamoDB", database.to_owned()), ("Secrets Manager", secrets)],
        };
        let credentials = Credentials::new("local", "local", None, None, "end-to-end tests");
        let platform = Platform {
            aws: web::aws::sdk_config(&aws, net::SdkHttp::new(stack.http.clone()))
                .into_builder()
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .build(),
            http: stack.http.clone(),
            clock: stack.clock.clone(),
            rng: domain::Rng::system(),
            metrics: stack.metrics.clone(),
        };
        let vars = vars(stack, settings);
        let login = login::Deps::new(&vars, &platform).expect("good settings");
        let callback = callback::Deps::new(&vars, &platform).expect("good settings");
        let session = session::Deps::new(&vars, &platform).expect("good settings");
        let authorizer = authorizer::Deps::new(&vars, &platform).expect("good settings");
        let scim = scim::Deps::new(&vars, &platform).expect("good settings");
        let reconcile = reconcile::Deps::new(&vars, &platform).expect("good settings").hurried();
        tokio::join!(callback.prefetch(), session.prefetch(), scim.prefetch());
        let functions = BTreeMap::from([
            ("login".to_owned(), web::layers(login::router(&login), login.shared())),
            ("callback".to_owned(), web::layers(callback::router(&callback), callback.shared())),
            ("session".to_owned(), web::layers(session::router(&session), session.shared())),
            ("scim".to_owned(), web::layers(scim::router(&scim), scim.shared())),
        ]);
        let routes =
            Template::parse(TEMPLATE).and_then(|template| template.routes()).expect("a good template");
        let domain = stack.origin().replace("http://", "");
        let rng = domain::Rng::system();
        let gateway = Gateway::new(domain, routes, functions.clone(), stack.clock.clone(), rng);
        Self { gateway, functions, authorizer, reconcile }
    }

    /// One function's router inside its layers, for events.
    ///
    /// # Panics
    /// When there is no such function.
    pub fn function(&self, name: &str) -> Router {
        self.functions.get(name).expect("a function of this name").clone()
    }

    /// The browser, whose requests to the product come here from now on.
    pub fn visited_by(&self, browser: &Browser) -> Browser {
        self.visited_from("203.0.113.7", browser)
    }

    /// As [`Deployment::visited_by`], from this address.
    ///
    /// # Panics
    /// When it is none.
    pub fn visited_from(&self, address: &str, browser: &Browser) -> Browser {
        let address: IpAddr = address.parse().expect("an address");
        browser.through(Door::Gateway(self.gateway.clone(), SocketAddr::new(address, 50_000)))
    }
}

fn vars(stack: &Stack, settings: &[(&str, &str)]) -> Vars {
    let (origin, dashboard) = (stack.origin(), format!("{}/dashboard", stack.origin()));
    let usual = [
        ("PUBLIC_URL", origin.as_str()),
        ("APP_NAME", "Vestibule demo"),
        ("DEFAULT_RETURN_URL", &dashboard),
        ("IDENTITY_TABLE", crate::tables::IDENTITY),
        ("EPHEMERAL_TABLE", crate::tables::EPHEMERAL),
        ("WORKOS_CLIENT_ID", sandbox::DEFAULT_CLIENT_ID),
        ("WORKOS_API_BASE_URL", stack.sandbox_url()),
        ("WORKOS_API_KEY_SECRET", API_KEY_SECRET),
        ("SIGNING_KEYS_SECRET", SIGNING_KEYS_SECRET),
        ("WORKOS_WEBHOOK_SECRET", WEBHOOK_SECRET),
    ];
    usual.into_iter().chain(settings.iter().copied()).collect()
}
