use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use net::Deadline;
use serde_json::Value;
use web::{Platform, Vars};

/// What is left for writing where the next run goes on.
const RESERVE: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), web::lambda::Error> {
    let vars = Vars::from_process();
    let platform = Platform::from_process(&vars)?;
    let deps = web::logged(reconcile::Deps::new(&vars, &platform))?;
    let clock = platform.clock.clone();
    let handle = |event: LambdaEvent<Value>| {
        let (deps, clock) = (deps.clone(), clock.clone());
        Box::pin(async move {
            let ends = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
            let left = u64::try_from(ends.saturating_sub(clock.now().millis())).unwrap_or(0);
            let time = Deadline::after(Duration::from_millis(left).saturating_sub(RESERVE));
            reconcile::invoke(&deps, event.payload, time).await.map_err(|trouble| trouble.to_string())
        })
    };
    lambda_runtime::run(service_fn(handle)).await
}
