use web::{Platform, Vars};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), web::lambda::Error> {
    let vars = Vars::from_process();
    let platform = Platform::from_process(&vars)?;
    let deps = web::logged(login::Deps::new(&vars, &platform))?;
    web::lambda::serve(login::router(&deps), deps.shared()).await
}
