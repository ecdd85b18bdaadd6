//! Single values at the edge of a rule, and words that others rely on: what a property would say only by chance.

use std::time::Duration;

use crate::audit::{Actor, AuditAction};
use crate::login::InvalidSelector;
use crate::session::Ended;
use crate::{
    DirectoryId, OrganizationId, Origin, Provider, RefusedReturnUrl, ReturnPolicy, Rng, Tenant, Timestamp,
    UserId,
};

/// R75: an action is stored under the word by which the code calls it, and no two share one.
#[test]
fn audit_actions_are_stored_by_their_words() {
    use AuditAction::*;
    let all = [
        UserCreated,
        UserEmailChanged,
        UserSignedIn,
        SessionEnded,
        UserSessionsEnded,
        TenantSessionsEnded,
        UserIdentityMoved,
        TenantCreated,
        TenantChanged,
        TenantClosed,
        TenantConnectionMoved,
        TenantPortalOpened,
        UserProvisioned,
        UserLinkedById,
        UserLinkedByEmail,
        UserDeactivated,
        UserReactivated,
        UserPurged,
        GroupCreated,
        GroupUpdated,
        GroupDeleted,
        MembershipAdded,
        MembershipRemoved,
        DirectoryActivated,
        DirectoryUpdated,
        DirectoryDeleted,
    ];
    let mut words: Vec<&str> = all.iter().map(|action| action.as_str()).collect();
    for (action, word) in all.iter().zip(&words) {
        assert_eq!(serde_json::to_value(action).unwrap(), *word);
        assert_eq!(serde_json::from_value::<AuditAction>((*word).into()).unwrap(), *action);
        assert!(word.contains('.'), "{word}");
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), all.len());
}

/// R75: who acted is stored as it is read, and shown the same.
#[test]
fn actors_are_stored_by_their_names() {
    let user = Actor::User(UserId::parse("user_1").unwrap());
    let directory = Actor::Directory(DirectoryId::parse("directory_1").unwrap());
    for (actor, name) in
        [(user, "user_1"), (directory, "directory_1"), (Actor::operator("oscar"), "operator:oscar")]
    {
        assert_eq!(serde_json::to_value(&actor).unwrap(), name);
        assert_eq!(serde_json::from_value::<Actor>(name.into()).unwrap(), actor);
        assert_eq!((format!("{actor:?}"), String::from(actor)), (name.to_owned(), name.to_owned()));
    }
}

/// Clients decide by these words.
#[test]
fn every_end_of_a_session_has_its_word() {
    use Ended::*;
    let words =
        [Gone, Idle, Expired, UserInactive, UserRevoked, TenantRevoked, EnvironmentRevoked].map(Ended::code);
    assert_eq!(
        words,
        [
            "session_gone",
            "session_idle",
            "session_expired",
            "user_inactive",
            "user_revoked",
            "tenant_revoked",
            "environment_revoked",
        ]
    );
}

/// An hour without asking WorkOS, a day without an answer; to the second.
#[test]
fn tenants_are_fresh_for_an_hour_and_usable_for_a_day() {
    let asked = Timestamp::from_seconds(1_000_000);
    let tenant = Tenant { refreshed_at: asked, ..Tenant::unmet(OrganizationId::parse("org_1").unwrap()) };
    let after = |seconds| asked.plus(Duration::from_secs(seconds));
    assert!(tenant.fresh(after(3600)) && !tenant.fresh(after(3601)));
    assert!(tenant.usable(after(86_400)) && !tenant.usable(after(86_401)));
}

/// A provider is a word that ends in OAuth; `authkit` would leave the tenant to WorkOS.
#[test]
fn providers_end_in_oauth() {
    for fine in ["GoogleOAuth", "XOAuth", &format!("{}OAuth", "a".repeat(35))] {
        assert_eq!(Provider::parse(fine).unwrap().as_str(), fine);
    }
    for wrong in [
        "authkit",
        "Google",
        "OAuth",
        "",
        "Google OAuth",
        "GoogleOAuth ",
        "GoogleOauth",
        &format!("{}OAuth", "a".repeat(36)),
    ] {
        assert_eq!(Provider::parse(wrong), Err(InvalidSelector::Provider), "{wrong}");
    }
}

/// R08: the longest return URL has 2,048 bytes, as written and as sent.
#[test]
fn a_return_url_has_a_longest_length() {
    let app = Origin::parse("https://app.example.com").unwrap();
    assert_eq!(
        (app.as_str(), format!("{app:?}").as_str()),
        ("https://app.example.com", "https://app.example.com")
    );
    let policy = ReturnPolicy::new(app.clone(), vec![], None).unwrap();
    let of = |length: usize| format!("{app}/{}", "a".repeat(length - app.as_str().len() - 1));
    assert_eq!(policy.check(&of(2048)).unwrap().as_str(), of(2048));
    assert_eq!(policy.check(&of(2049)), Err(RefusedReturnUrl::TooLong));
}

/// R01: every part of an id's 80 random bits is random: none of its sixteen characters stands still.
#[test]
fn ulids_are_random_throughout() {
    let (rng, now) = (Rng::seeded(3), Timestamp::from_seconds(1_800_000_000));
    let ids: Vec<String> = (0..64).map(|_| rng.ulid(now).unwrap()).collect();
    for place in 0..26 {
        let mut seen: Vec<u8> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len() > 8, place >= 10, "character {place}: {seen:?}");
    }
}
