use std::time::Duration;

use domain::sha256;
use store::Taken;

use crate::support::{NOW, login, store, store_at};

/// R03: of any number of takers one gets the login.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_takers_one_login() {
    let store = store().await;
    store.put_login("state", &login("secret")).await.unwrap();
    let takers: Vec<_> = (0..50)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.take_login("state", &sha256("secret"), NOW).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for taker in takers {
        match taker.await.unwrap() {
            Taken::Login(taken) => {
                assert_eq!(*taken, login("secret"));
                won += 1;
            }
            Taken::Absent => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}

/// R02: another browser neither gets the login nor burns it.
#[tokio::test]
async fn a_foreign_browser_leaves_the_login_where_it_is() {
    let store = store().await;
    store.put_login("state", &login("secret")).await.unwrap();
    assert!(matches!(store.take_login("state", &sha256("other"), NOW).await.unwrap(), Taken::Foreign));
    assert!(matches!(store.take_login("other", &sha256("secret"), NOW).await.unwrap(), Taken::Absent));
    assert!(matches!(store.take_login("state", &sha256("secret"), NOW).await.unwrap(), Taken::Login(_)));
    assert!(matches!(store.take_login("state", &sha256("secret"), NOW).await.unwrap(), Taken::Absent));
}

/// R04, R66: ten minutes by the clock, although the item is still there.
#[tokio::test]
async fn an_expired_login_is_refused_before_it_is_swept() {
    let store = store().await;
    store.put_login("state", &login("secret")).await.unwrap();
    let late = NOW.plus(Duration::from_secs(601));
    assert!(matches!(store.take_login("state", &sha256("secret"), late).await.unwrap(), Taken::Expired));
    let last = NOW.plus(Duration::from_secs(599));
    assert!(matches!(store.take_login("state", &sha256("secret"), last).await.unwrap(), Taken::Login(_)));
}

/// A state that is already pending is never overwritten.
#[tokio::test]
async fn a_pending_login_is_not_overwritten() {
    let store = store().await;
    store.put_login("state", &login("secret")).await.unwrap();
    assert!(store.put_login("state", &login("other")).await.is_err());
    assert!(matches!(store.take_login("state", &sha256("secret"), NOW).await.unwrap(), Taken::Login(_)));
}

/// A database that is away is an error, never "no such login".
#[tokio::test]
async fn an_unreachable_database_is_an_error() {
    let nowhere = store_at("http://127.0.0.1:1");
    let error = nowhere.take_login("state", "hash", NOW).await.unwrap_err();
    assert!(error.to_string().starts_with("take login: the database did not answer"), "{error}");
}
