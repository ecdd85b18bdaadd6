//! Work that one runner at a time does.

use std::time::Duration;

use domain::DirectoryId;
use store::{Hold, Job, Store};

use crate::support::{NOW, store};

const LEASE: Duration = Duration::from_secs(270);

async fn take(store: &Store, owner: &str, after: u64) -> Option<(Hold, Option<u32>)> {
    let now = NOW.plus(Duration::from_secs(after));
    store.take_job(Job::Events, owner, now, now.plus(LEASE)).await.unwrap()
}

async fn step(store: &Store, hold: &mut Hold, step: u32, after: u64) -> bool {
    store.step_job(hold, &step, NOW.plus(Duration::from_secs(after)).plus(LEASE)).await.unwrap()
}

/// R59: one runner at a time; another job is another matter, and what is let go is free at once.
#[tokio::test]
async fn a_job_is_in_one_hand() {
    let store = store().await;
    let (mut first, come) = take(&store, "first", 0).await.unwrap();
    assert_eq!(come, None);
    assert!(take(&store, "second", 269).await.is_none());
    assert!(take(&store, "first", 1).await.is_some(), "an answer that was lost is asked for again");
    let other = Job::Directory(DirectoryId::parse("directory_1").unwrap());
    assert!(store.take_job::<u32>(other, "second", NOW, NOW.plus(LEASE)).await.unwrap().is_some());

    assert!(step(&store, &mut first, 7, 200).await, "a step holds it for longer");
    assert!(take(&store, "second", 300).await.is_none());
    store.release_job(first).await.unwrap();
    let (_, come) = take(&store, "second", 300).await.unwrap();
    assert_eq!(come, Some(7));
    let record = store.job::<u32>(&Job::Events, NOW.plus(Duration::from_secs(300))).await.unwrap().unwrap();
    assert_eq!((record.step, record.held_until), (Some(7), Some(NOW.plus(Duration::from_secs(570)))));
}

/// R59: who was thought dead moves nothing when they come back, and lets nobody else's job go.
#[tokio::test]
async fn a_late_runner_moves_nothing() {
    let store = store().await;
    let (mut late, _) = take(&store, "late", 0).await.unwrap();
    assert!(step(&store, &mut late, 1, 0).await);
    let (mut next, come) = take(&store, "next", 270).await.unwrap();
    assert_eq!(come, Some(1));
    assert!(!step(&store, &mut late, 9, 271).await);
    store.release_job(late).await.unwrap();
    assert!(take(&store, "third", 272).await.is_none());
    assert!(step(&store, &mut next, 2, 272).await && step(&store, &mut next, 2, 272).await);
    assert_eq!(take(&store, "third", 542).await.unwrap().1, Some(2));
}

/// R59: the same owner twice at once, as after an answer that was lost: only who saw the last step writes the next.
#[tokio::test]
async fn a_step_needs_the_step_before() {
    let store = store().await;
    let (mut one, _) = take(&store, "owner", 0).await.unwrap();
    let (mut two, _) = take(&store, "owner", 0).await.unwrap();
    assert!(step(&store, &mut one, 1, 0).await);
    assert!(!step(&store, &mut two, 5, 0).await, "it has not seen the first");
    assert!(step(&store, &mut one, 2, 0).await);
    assert_eq!(store.job::<u32>(&Job::Events, NOW).await.unwrap().unwrap().step, Some(2));
}
