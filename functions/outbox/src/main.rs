use std::sync::Arc;

use domain::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use web::{Platform, Vars};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), web::lambda::Error> {
    let vars = Vars::from_process();
    let platform = Platform::from_process(&vars)?;
    let deps = Arc::new(web::logged(outbox::Deps::new(&vars, &platform))?);
    let handle = |event: LambdaEvent<outbox::Event>| {
        let deps = deps.clone();
        // Boxed: the SDK's futures nest deeper than the compiler likes to lay out.
        Box::pin(async move {
            let ends = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(0));
            outbox::handle(&deps, event.payload, ends).await.map_err(web::lambda::Error::from)
        })
    };
    lambda_runtime::run(service_fn(handle)).await
}
