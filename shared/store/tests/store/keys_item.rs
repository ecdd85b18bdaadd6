use std::time::Duration;

use store::KeyCache;
use tokens::PublicKeys;

use crate::support::{NOW, store};

/// Two operators cannot overwrite each other's rotation.
#[tokio::test]
async fn public_keys_are_published_only_over_what_was_read() {
    let store = store().await;
    assert!(store.public_keys().await.unwrap().is_none());
    let keys = PublicKeys::default();
    assert!(store.publish_keys(&keys, None).await.unwrap());
    assert!(!store.publish_keys(&keys, None).await.unwrap());
    let (_, revision) = store.public_keys_at().await.unwrap().unwrap();
    assert!(store.publish_keys(&keys, Some(revision)).await.unwrap());
    assert!(!store.publish_keys(&keys, Some(revision)).await.unwrap());
}

/// R33: a made-up key id makes at most one read per cooldown, and new keys are seen within half a minute.
#[tokio::test]
async fn keys_are_read_again_only_when_it_is_time() {
    let store = store().await;
    let cache = KeyCache::new(store.clone());
    assert!(cache.get(NOW).await.is_err(), "nothing is published yet");
    store.publish_keys(&PublicKeys::default(), None).await.unwrap();
    assert_eq!(cache.get(NOW).await.unwrap().sessions_not_before, None);

    let floored = PublicKeys { sessions_not_before: Some(NOW), ..PublicKeys::default() };
    assert!(store.publish_keys(&floored, Some(1)).await.unwrap());
    let after = |seconds| NOW.plus(Duration::from_secs(seconds));
    assert_eq!(cache.again(after(9)).await.unwrap().sessions_not_before, None, "within the cooldown");
    assert_eq!(cache.get(after(29)).await.unwrap().sessions_not_before, None, "still believed");
    assert_eq!(cache.again(after(10)).await.unwrap().sessions_not_before, Some(NOW));
}
