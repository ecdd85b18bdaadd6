//! What an operator has at the terminal: the command line's own code, at this stack's tables and WorkOS.

use std::sync::Arc;

use domain::Rng;
use vestibule::tenants::Tenants;
use workos::{ApiKey, BaseUrl, Client, ClientId};

use crate::Stack;

impl Stack {
    /// The tenants' verbs.
    ///
    /// # Panics
    /// When the sandbox has no URL.
    pub fn operator(&self) -> Tenants {
        let base = BaseUrl::parse(self.sandbox_url()).expect("the sandbox has a URL");
        let client_id = ClientId::parse(sandbox::DEFAULT_CLIENT_ID).expect("a client id");
        let (clock, rng) = (self.clock.clone(), Rng::system());
        Tenants {
            store: self.running.store.clone(),
            workos: Client::new(self.http.clone(), base, client_id, clock.clone(), rng.clone()),
            api_key: Arc::new(ApiKey::parse(sandbox::DEFAULT_API_KEY).expect("an API key")),
            clock,
            rng,
            operator: "grace".to_owned(),
        }
    }
}
