use web::{Platform, Vars};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), web::lambda::Error> {
    let vars = Vars::from_process();
    let platform = Platform::from_process(&vars)?;
    let deps = web::logged(scim::Deps::new(&vars, &platform))?;
    deps.prefetch().await;
    web::lambda::serve(scim::router(&deps), deps.shared()).await
}
