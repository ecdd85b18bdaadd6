//! What the database knows about the person in the browser.

use domain::{OrganizationId, SessionId, User, UserId};
use vestibule::dev::Running;

/// Everybody in these tests belongs to Acme Corp.
fn acme() -> OrganizationId {
    OrganizationId::parse("org_01SANDBOXACME").unwrap()
}

pub(super) async fn user(stack: &Running, id: &UserId) -> User {
    stack.store.user(&acme(), id).await.unwrap().unwrap()
}

/// The person's sessions, without those that "end all others" has ended.
pub(super) async fn live_sessions(stack: &Running, id: &UserId) -> Vec<SessionId> {
    let generation = user(stack, id).await.generation;
    let all = stack.store.sessions(&acme(), id).await.unwrap().into_iter();
    all.filter(|session| session.user_generation == generation).map(|session| session.id).collect()
}
