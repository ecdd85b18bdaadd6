//! The database breaks in the middle of a run, at every kind of call that the function makes.

use e2e::{DatabaseProxy, Deployment, Stack};
use reconcile::{LEASE, Stop};
use serde_json::json;

use super::{DIRECTORY, a_day, catch_up, compare, known, same_as_listed, stack, time};

/// Every call that reading events or comparing makes.
const CALLS: [&str; 5] = ["TransactWriteItems", "UpdateItem", "BatchGetItem", "GetItem", "Query"];

/// A day that nobody has read yet, and a deployment whose database loses this call, or only its answers.
async fn after_a_day(call: &str, answers: bool) -> (Stack, DatabaseProxy, Deployment) {
    let stack = stack().await;
    compare(&stack.running.reconcile).await;
    let proxy = stack.proxy().await;
    let broken = stack.behind(&proxy, &[]).await;
    a_day(&stack).await;
    stack.advance(120);
    if answers {
        proxy.lose_answer(call);
    } else {
        proxy.lose(call);
    }
    (stack, proxy, broken)
}

/// R57, R59: whatever is lost, and whether or not it happened, the next run leaves everything as WorkOS lists it, and
/// nothing was applied twice.
#[tokio::test]
async fn a_broken_run_is_made_good_by_the_next() {
    for answers in [false, true] {
        for call in CALLS {
            let (stack, proxy, broken) = after_a_day(call, answers).await;
            let schedule = json!({ "source": "aws.scheduler" });
            let run = reconcile::invoke(&broken.reconcile, schedule, time()).await;
            // A write that is lost is never passed over.
            assert!(
                run.is_err() || !["TransactWriteItems", "UpdateItem"].contains(&call),
                "{call} {answers}"
            );
            proxy.heal();
            stack.clock.advance(LEASE);
            let report = catch_up(&broken.reconcile).await;
            assert_eq!((report.stop, report.open), (Stop::Done, 0), "{call} {answers}");
            same_as_listed(&stack).await;
            let before = known(&stack, true).await;
            catch_up(&broken.reconcile).await;
            assert_eq!(known(&stack, true).await, before, "{call} {answers}");
        }
    }
}

/// R59: the same for a comparison.
#[tokio::test]
async fn a_broken_comparison_is_made_good_by_the_next() {
    for answers in [false, true] {
        for call in CALLS {
            let (stack, proxy, broken) = after_a_day(call, answers).await;
            let wish = json!({ "directory": DIRECTORY });
            assert!(reconcile::invoke(&broken.reconcile, wish, time()).await.is_err(), "{call} {answers}");
            proxy.heal();
            stack.clock.advance(LEASE);
            compare(&broken.reconcile).await;
            same_as_listed(&stack).await;
        }
    }
}
