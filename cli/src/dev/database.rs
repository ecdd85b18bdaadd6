//! The embedded DynamoDB of the local stack: the real SDK speaks to it over HTTP, and it makes its tables from the
//! deployment template. What DynamoDB does by itself on AWS, the TTL sweep, is done here about once a second.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use dynoxide::Database;
use store::schema::TableShape;
use store::{StoreError, schema};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::template::Template;

/// Between two TTL sweeps.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// A sweep reads every item. With very many of them it would keep the engine from everybody else, so the pause is at least so
/// many times as long as the sweep before it.
const SWEEP_SHARE: u32 = 30;

/// A running engine.
pub(super) struct LocalDatabase {
    pub(super) address: SocketAddr,
    /// The engine itself, for its streams.
    pub(super) engine: Database,
}

/// The engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the embedded database: {0}")]
    Engine(String),
    #[error("the embedded database cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

impl LocalDatabase {
    /// Starts the engine in memory, or on a file that survives a restart.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) async fn start(
        file: Option<&Path>,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Self, DatabaseError> {
        let database = match file {
            Some(file) => Database::new(&file.to_string_lossy()),
            None => Database::memory(),
        }
        .map_err(|why| DatabaseError::Engine(why.to_string()))?;
        let address = listener.local_addr()?;
        let (sweeping, engine) = (database.clone(), database.clone());
        let mut stop_sweep = stop.clone();
        tokio::spawn(async move {
            let mut pause = Duration::ZERO;
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop_sweep.changed() => return,
                }
                let database = sweeping.clone();
                let began = Instant::now();
                let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
                pause = SWEEP_PAUSE.max(began.elapsed() * SWEEP_SHARE);
                if let Ok(Err(why)) = swept {
                    tracing::warn!(error = %why, "ttl sweep failed");
                }
            }
        });
        tokio::spawn(async move {
            let stopped = async move { drop(stop.changed().await) };
            if let Err(why) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                tracing::error!(error = %why, "the embedded database stopped");
            }
        });
        Ok(Self { address, engine })
    }
}

/// Makes the tables that the template declares, under these names, where they do not exist yet.
///
/// # Errors
/// When the engine refuses.
pub(super) async fn create_tables(
    config: &SdkConfig,
    template: &Template,
    names: &store::Tables,
    streams: bool,
) -> Result<(), StoreError> {
    let db = aws_sdk_dynamodb::Client::new(config);
    for (logical, name) in [("IdentityTable", &names.identity), ("EphemeralTable", &names.ephemeral)] {
        let shape = template.table(logical).map_err(|why| StoreError {
            operation: "read the template",
            cause: store::Cause::Unreadable(why.to_string()),
        })?;
        let stream = shape.stream.filter(|_| streams);
        schema::create(&db, name, &TableShape { stream, ..shape }).await?;
    }
    Ok(())
}
