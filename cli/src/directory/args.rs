//! What can be typed after `vestibule directory`.

use clap::{Args, Subcommand};
use domain::{DirectoryId, EventId};

use crate::args::DeploymentArgs;

/// Directory sync.
#[derive(Debug, Subcommand)]
pub enum DirectoryVerb {
    /// How far events have been read, and what the app has not heard yet
    Status(StatusArgs),
    /// The events that arrived, newest first: what was done with each, and why
    Events(EventsArgs),
    /// Handle one event again, whatever became of it before; what is newer stays
    Replay(ReplayArgs),
    /// Read the events that were missed; with --directory compare a whole directory with what WorkOS lists of it
    Reconcile(ReconcileArgs),
    /// Send again what the app has not taken and nobody tries any more
    Redrive(RedriveArgs),
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub limit: u16,
    /// Begin after this place; the last line of the page before says it
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
}

#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The stack's DeactivatedUserRetentionDays: when the data of people who turn out to have left is deleted; 0 keeps it
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub retention_days: u32,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Id of the event
    #[arg(value_name = "EVENT", value_parser = EventId::parse)]
    pub event: EventId,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    #[command(flatten)]
    pub repair: RepairArgs,
}

#[derive(Debug, Args)]
pub struct ReconcileArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    #[command(flatten)]
    pub repair: RepairArgs,
    /// Compare this directory
    #[arg(long, value_name = "DIRECTORY", value_parser = DirectoryId::parse)]
    pub directory: Option<DirectoryId>,
    /// Agree that so many people lose their access
    #[arg(long, value_name = "N", requires = "directory")]
    pub confirm: Option<u64>,
}

#[derive(Debug, Args)]
pub struct RedriveArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}
