use std::time::Duration;

use store::{Limit, Limiter, Verdict};

use crate::support::{NOW, store, store_at};

const LIMIT: Limit = Limit { name: "test", per_minute: 30, shards: 1 };

fn over(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Over { .. })
}

#[tokio::test]
async fn the_shared_counter_is_seen_by_every_instance() {
    let store = store().await;
    let (one, two) = (Limiter::new(store.clone()), Limiter::new(store));
    for n in 0..30 {
        let limiter = if n % 2 == 0 { &one } else { &two };
        assert_eq!(limiter.count(&LIMIT, "192.0.2.1", NOW).await, Verdict::Within, "{n}");
    }
    assert_eq!(two.known_over(&LIMIT, "192.0.2.1", NOW), None, "two has not met the limit yet");
    assert!(over(two.count(&LIMIT, "192.0.2.1", NOW).await));
    assert!(two.known_over(&LIMIT, "192.0.2.1", NOW).is_some_and(over));
    assert_eq!(two.known_over(&LIMIT, "192.0.2.2", NOW), None, "another address is not affected");
    let next_minute = NOW.plus(Duration::from_secs(60));
    assert_eq!(two.known_over(&LIMIT, "192.0.2.1", next_minute), None);
    assert_eq!(two.count(&LIMIT, "192.0.2.1", next_minute).await, Verdict::Within);
}

#[tokio::test]
async fn counting_here_needs_no_database() {
    let limiter = Limiter::new(store_at("http://127.0.0.1:1"));
    for _ in 0..30 {
        assert_eq!(limiter.count_here(&LIMIT, "a", NOW), Verdict::Within);
    }
    assert_eq!(limiter.count_here(&LIMIT, "a", NOW), Verdict::Over { retry_after: Duration::from_secs(60) });
}

/// A limit that cannot be counted never stands in the way.
#[tokio::test]
async fn a_counter_that_fails_lets_pass() {
    let limiter = Limiter::new(store_at("http://127.0.0.1:1"));
    assert_eq!(limiter.count(&LIMIT, "a", NOW).await, Verdict::Uncounted);
}
