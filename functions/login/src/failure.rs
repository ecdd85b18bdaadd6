//! Every way in which no login begins, and what the person sees then.

use std::time::Duration;

use domain::login::InvalidSelector;
use domain::routing::Conflict;
use domain::{RngError, return_url::RefusedReturnUrl};
use store::StoreError;
use web::pages::{BadLink, Link, Page, Refusal, Unavailable};

const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why no login begins.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Selector(InvalidSelector),
    #[error("{0}")]
    Conflict(Conflict),
    #[error("the return URL is not allowed: {0}")]
    ReturnUrl(RefusedReturnUrl),
    #[error("the parameter {0} is not valid")]
    Parameter(&'static str),
    #[error("no tenant has this login address")]
    NoSuchPlace,
    /// `known`: found without asking, and not worth a write.
    #[error("too many look-ups of one client")]
    TooMany { wait: Duration, known: bool },
    /// It goes on by itself at `retry`.
    #[error("too many logins of one connection or tenant")]
    Crowded { wait: Duration, retry: Link },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Random(#[from] RngError),
}

impl Failure {
    /// The page; `start` is where a login may begin, `again` the same request once more.
    pub(crate) fn page(self, start: Link, again: Link) -> Page {
        let start = Some(start);
        match self {
            Self::Selector(_) => Page::BadLink { reason: BadLink::Selector, start },
            Self::Conflict(Conflict::ProviderNotAllowed) => {
                Page::AccessRefused { reason: Refusal::Provider, restart: start }
            }
            Self::Conflict(conflict) => Page::BadLink { reason: BadLink::Conflict(conflict), start },
            Self::ReturnUrl(_) => {
                Page::BadLink { reason: BadLink::ReturnUrl, start: Some(Link::path("/login")) }
            }
            Self::Parameter(_) => Page::BadLink { reason: BadLink::Parameter, start },
            Self::NoSuchPlace => Page::NotFound,
            Self::TooMany { wait, .. } => {
                Page::TryLater { reason: Unavailable::TooMany, wait, retry: Some(again) }
            }
            Self::Crowded { wait, retry } => {
                Page::TryLater { reason: Unavailable::Crowded, wait, retry: Some(retry) }
            }
            Self::Store(_) | Self::Random(_) => {
                Page::TryLater { reason: Unavailable::Down, wait: RETRY_AFTER, retry: Some(again) }
            }
        }
    }

    /// Whether somebody may ask about it later.
    pub(crate) const fn worth_telling(&self) -> bool {
        !matches!(self, Self::NoSuchPlace | Self::TooMany { known: true, .. })
    }

    /// Whether the fault is ours.
    pub(crate) const fn ours(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Random(_))
    }
}
