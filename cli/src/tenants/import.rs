//! `tenants import`: thousands of customers from a file.
//!
//! Every row is read and checked before anything is made, and every problem is told with its line. Then a few rows at a
//! time are made at WorkOS and stored. A journal beside the file says which row is done and which was begun, so that a
//! run that was killed goes on where it stopped: a row that was begun is looked for at WorkOS before it is made again,
//! because making an organization twice makes two. A row that is done counts as done only where the tenant is.

mod journal;
mod rows;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{OrganizationId, Tenant};
use net::Deadline;
use serde::Serialize;
use store::StoreError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use workos::{DraftDomain, Kind, Organization, OrganizationDraft};

use super::create::CreateError;
use super::settings::SettingsError;
use super::sync::SyncError;
use super::{ASK, Tenants};
pub use journal::JournalError;
use journal::{Journal, Known};
pub use rows::{Format, InputError, Problem, Row, Summary};

/// Rows that are made at the same time. WorkOS takes a hundred calls a second with one key.
const AT_A_TIME: usize = 8;
/// Rows in a row that fail before the run is given up: then it is not the rows.
const HOPELESS: usize = 25;
/// Tries of a call that WorkOS was too busy for.
const TRIES: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Why an import did not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{0}. What was made stays; run the same command again to go on")]
    Input(#[from] InputError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(
        "{0} rows failed one after the other, so the run was given up; the last one: {1}. Run the same command again \
         to go on"
    )]
    Hopeless(usize, String),
}

/// One row that was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub line: u64,
    pub why: String,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    pub rows: usize,
    /// Organizations made at WorkOS.
    pub created: usize,
    /// Organizations that WorkOS had already, and that were stored here.
    pub adopted: usize,
    /// Done by an earlier run.
    pub already: usize,
    pub failed: Vec<Failed>,
}

/// Why one row failed.
#[derive(Debug, thiserror::Error)]
enum RowError {
    #[error("WorkOS: {0}")]
    WorkOs(#[from] workos::Error),
    #[error("WorkOS has no organization {0}")]
    NoSuchOrganization(OrganizationId),
    #[error("the external id belongs to {0}, which has another name")]
    OtherName(OrganizationId),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

#[derive(Clone, Copy)]
enum Made {
    Created,
    Adopted,
    Already,
}

/// A file of customers, checked.
#[derive(Debug)]
pub struct Import {
    file: PathBuf,
    format: Format,
    pub summary: Summary,
}

impl Import {
    /// Reads and checks every row. Problems are in the summary.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub fn open(file: &Path, format: Option<Format>) -> Result<Self, InputError> {
        let format = Format::of(file, format)?;
        let summary = rows::check(file, format)?;
        Ok(Self { file: file.to_owned(), format, summary })
    }

    /// Where the journal of this file is.
    pub fn journal(&self) -> PathBuf {
        journal::beside(&self.file)
    }

    /// Imports the rows that have no problem. `progress` is called after each.
    ///
    /// # Errors
    /// When the file or the journal cannot be read or written, or everything fails. What was done stays done.
    pub async fn run(
        &self,
        tenants: &Tenants,
        progress: &mut (dyn FnMut(usize, Option<usize>) + Send),
    ) -> Result<ImportReport, ImportError> {
        let journal = Arc::new(Journal::open(&self.journal())?);
        let rows = rows::good(&self.file, self.format, &self.summary)?;
        let rows = Arc::new(Mutex::new(rows));
        let hopeless = Arc::new(AtomicUsize::new(0));
        let (tell, mut told) = mpsc::channel(AT_A_TIME);
        let mut workers = JoinSet::new();
        for _ in 0..AT_A_TIME {
            let worker = Worker {
                tenants: tenants.clone(),
                rows: rows.clone(),
                journal: journal.clone(),
                hopeless: hopeless.clone(),
                tell: tell.clone(),
            };
            workers.spawn(worker.work());
        }
        drop(tell);
        let mut report = ImportReport::default();
        let mut last = VecDeque::new();
        while let Some((line, outcome)) = told.recv().await {
            report.rows += 1;
            match outcome {
                Ok(Made::Created) => report.created += 1,
                Ok(Made::Adopted) => report.adopted += 1,
                Ok(Made::Already) => report.already += 1,
                Err(why) => {
                    last.push_back(format!("line {line}: {why}"));
                    report.failed.push(Failed { line, why });
                }
            }
            progress(report.rows, Some(self.summary.good));
        }
        let mut broken = None;
        while let Some(ended) = workers.join_next().await {
            broken = broken.or(ended.ok().and_then(Result::err));
        }
        if let Some(broken) = broken {
            return Err(broken.into());
        }
        if hopeless.load(Ordering::Relaxed) >= HOPELESS {
            return Err(ImportError::Hopeless(HOPELESS, last.pop_back().unwrap_or_default()));
        }
        if report.rows < self.summary.good {
            let file = self.file.display().to_string();
            return Err(InputError::Shorter { file, before: self.summary.good, now: report.rows }.into());
        }
        report.failed.sort_by_key(|failed| failed.line);
        Ok(report)
    }
}

type Rows = Box<dyn Iterator<Item = Result<Row, InputError>> + Send>;

struct Worker {
    tenants: Tenants,
    rows: Arc<Mutex<Rows>>,
    journal: Arc<Journal>,
    /// Failures since the last success, of all workers.
    hopeless: Arc<AtomicUsize>,
    tell: mpsc::Sender<(u64, Result<Made, String>)>,
}

impl Worker {
    /// Makes rows until there is none left. What was taken before the file broke off is finished.
    async fn work(self) -> Result<(), InputError> {
        while self.hopeless.load(Ordering::Relaxed) < HOPELESS {
            let next = self.rows.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(row) = next.transpose()? else { return Ok(()) };
            let outcome = self.row(&row).await;
            match &outcome {
                Ok(_) => self.hopeless.store(0, Ordering::Relaxed),
                Err(_) => drop(self.hopeless.fetch_add(1, Ordering::Relaxed)),
            }
            if self.tell.send((row.line, outcome.map_err(|why| why.to_string()))).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn row(&self, row: &Row) -> Result<Made, RowError> {
        let known = self.journal.known(&row.key);
        // The journal lies beside the file, and the file may be imported into another deployment as well.
        if let Some(Known::Done(id)) = &known
            && self.tenants.store.tenant(id).await?.is_some()
        {
            return Ok(Made::Already);
        }
        let (organization, made) = match &row.organization {
            Some(id) => (self.existing(id).await?, Made::Adopted),
            None => self.made(row, known.is_some()).await?,
        };
        let tenants = &self.tenants;
        let id = organization.id.clone();
        let tenant = self.tenant(organization, made).await?;
        let record = match tenants.store.tenant(&id).await? {
            None => tenants.store_new(&tenant).await?,
            Some(known) => {
                tenants.bring(&tenant, Some(&known)).await?;
                known
            }
        };
        if !row.settings.is_empty() {
            tenants.change_settings(record, &row.settings).await?;
        }
        self.journal.done(&row.key, &id)?;
        Ok(made)
    }

    /// What was just made has no connection; what was there before may.
    async fn tenant(&self, organization: Organization, made: Made) -> Result<Tenant, RowError> {
        let tenants = &self.tenants;
        let connections = match made {
            Made::Created => Vec::new(),
            Made::Adopted | Made::Already => {
                patient(|| {
                    let deadline = Deadline::after(ASK);
                    tenants.workos.connections(&tenants.api_key, &organization.id, deadline)
                })
                .await?
            }
        };
        Ok(organization.tenant(connections, tenants.clock.now()))
    }

    async fn existing(&self, id: &OrganizationId) -> Result<Organization, RowError> {
        let Tenants { workos, api_key, .. } = &self.tenants;
        let found = patient(|| workos.organization(api_key, id, Deadline::after(ASK))).await;
        found.map_err(|error| match error.kind {
            Kind::Rejected { status: 404, .. } => RowError::NoSuchOrganization(id.clone()),
            _ => RowError::WorkOs(error),
        })
    }

    /// The organization of a row: found, when an earlier try may have made it, else made.
    async fn made(&self, row: &Row, begun: bool) -> Result<(Organization, Made), RowError> {
        let Tenants { workos, api_key, .. } = &self.tenants;
        if begun && let Some(found) = self.found(row).await? {
            return Ok((found, Made::Adopted));
        }
        self.journal.begun(&row.key)?;
        let domains = row.domains.iter().map(|domain| DraftDomain { domain, verified: row.verified });
        let draft = OrganizationDraft {
            name: Some(&row.name),
            domains: Some(domains.collect()),
            external_id: row.external_id.as_deref(),
        };
        let mut attempt = 0;
        loop {
            let error = match workos.create_organization(api_key, &draft, Deadline::after(ASK)).await {
                Ok(made) => return Ok((made, Made::Created)),
                Err(error) => error,
            };
            attempt += 1;
            match error.kind {
                // It was there before: of an earlier import, or by somebody's hand.
                Kind::Rejected { .. } if error.code() == Some("external_id_already_used") => {
                    return match self.found(row).await? {
                        Some(found) if found.name == row.name => Ok((found, Made::Adopted)),
                        Some(found) => Err(RowError::OtherName(found.id)),
                        None => Err(error.into()),
                    };
                }
                // Refused before anything was made.
                Kind::RateLimited | Kind::Connect if attempt < TRIES => wait(attempt, &error).await,
                // It may have been made, or not: look, then try again.
                Kind::Unavailable { .. } | Kind::Timeout | Kind::Interrupted if attempt < TRIES => {
                    wait(attempt, &error).await;
                    if let Some(found) = self.found(row).await? {
                        return Ok((found, Made::Created));
                    }
                }
                _ => return Err(error.into()),
            }
        }
    }

    /// By external id; without one, by a domain and the very name.
    async fn found(&self, row: &Row) -> Result<Option<Organization>, RowError> {
        let Tenants { workos, api_key, .. } = &self.tenants;
        if let Some(external_id) = &row.external_id {
            let found =
                patient(|| workos.organization_by_external_id(api_key, external_id, Deadline::after(ASK)));
            return Ok(found.await?);
        }
        let Some(domain) = row.domains.first() else { return Ok(None) };
        let found =
            patient(|| workos.organizations_with_domain(api_key, domain, Deadline::after(ASK))).await?;
        Ok(found.into_iter().find(|known| known.name == row.name))
    }
}

/// Asks again while WorkOS is too busy.
async fn patient<T, F>(ask: impl Fn() -> F) -> Result<T, workos::Error>
where
    F: Future<Output = Result<T, workos::Error>>,
{
    let mut attempt = 0;
    loop {
        match ask().await {
            Err(error) if error.is_transient() && attempt + 1 < TRIES => {
                attempt += 1;
                wait(attempt, &error).await;
            }
            answer => return answer,
        }
    }
}

async fn wait(attempt: u32, error: &workos::Error) {
    let backoff = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)).min(30));
    tokio::time::sleep(error.retry_after.unwrap_or(backoff)).await;
}
