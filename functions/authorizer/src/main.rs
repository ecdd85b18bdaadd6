use std::convert::Infallible;
use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use web::{Platform, Vars};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), web::lambda::Error> {
    let vars = Vars::from_process();
    let platform = Platform::from_process(&vars)?;
    let deps = Arc::new(web::logged(authorizer::Deps::new(&vars, &platform))?);
    let handle = |event: LambdaEvent<authorizer::Event>| {
        let deps = deps.clone();
        // Boxed: the SDK's futures nest deeper than the compiler likes to lay out.
        Box::pin(async move {
            Ok::<_, Infallible>(authorizer::authorize(&deps, &event.payload).await.into_response())
        })
    };
    lambda_runtime::run(service_fn(handle)).await
}
