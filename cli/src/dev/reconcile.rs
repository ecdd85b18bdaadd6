//! The reconcile function on localhost: its schedule, since there is no EventBridge.

use std::time::Duration;

use net::Deadline;
use reconcile::Deps;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// As the template has it.
const EVERY: Duration = Duration::from_secs(300);
const TIME: Duration = Duration::from_secs(225);

/// Calls the function at once and every five minutes until the stack stops. What goes wrong is in its log.
pub(super) fn schedule(deps: Deps, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.changed() => return,
            }
            let run = reconcile::invoke(&deps, json!({ "source": "aws.scheduler" }), Deadline::after(TIME));
            tokio::select! {
                _ = run => {}
                _ = stopped.changed() => return,
            }
        }
    })
}
