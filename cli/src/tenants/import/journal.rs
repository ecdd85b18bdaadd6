//! What an import has done so far, in a file beside its input. Lines are only added, each with one write, so that a run
//! that is killed at any moment leaves a journal that can be read: at worst its last line is cut short and counts as
//! not written.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use domain::OrganizationId;
use serde::{Deserialize, Serialize};

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the import's journal {file}: {why}")]
pub struct JournalError {
    file: String,
    why: io::Error,
}

/// What is known of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It may have been made at WorkOS.
    Begun,
    Done(OrganizationId),
}

#[derive(Serialize, Deserialize)]
struct Entry {
    row: String,
    /// Of a row that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationId>,
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    before: HashMap<String, Known>,
    file: Mutex<File>,
}

/// `customers.csv` has its journal in `customers.csv.journal`.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".journal");
    name.into()
}

impl Journal {
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        let unusable = |why| JournalError { file: path.display().to_string(), why };
        let mut before = HashMap::new();
        let mut whole = true;
        match File::open(path) {
            Ok(file) => {
                for line in BufReader::new(file).lines() {
                    let line = line.map_err(unusable)?;
                    match serde_json::from_str::<Entry>(&line) {
                        Ok(entry) => {
                            let known = entry.organization.map_or(Known::Begun, Known::Done);
                            before.insert(entry.row, known);
                            whole = true;
                        }
                        Err(_) => whole = false,
                    }
                }
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(unusable(why)),
        }
        let mut file =
            OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(unusable)?;
        if !whole {
            // What follows a line that was cut short must not become part of it.
            file.write_all(b"\n").map_err(unusable)?;
        }
        Ok(Self { path: path.to_owned(), before, file: Mutex::new(file) })
    }

    /// What earlier runs did with the row.
    pub(super) fn known(&self, row: &str) -> Option<Known> {
        self.before.get(row).cloned()
    }

    pub(super) fn begun(&self, row: &str) -> Result<(), JournalError> {
        self.add(&Entry { row: row.to_owned(), organization: None })
    }

    pub(super) fn done(&self, row: &str, organization: &OrganizationId) -> Result<(), JournalError> {
        self.add(&Entry { row: row.to_owned(), organization: Some(organization.clone()) })
    }

    fn add(&self, entry: &Entry) -> Result<(), JournalError> {
        let unusable = |why| JournalError { file: self.path.display().to_string(), why };
        let mut line = serde_json::to_string(entry).map_err(|why| unusable(why.into()))?;
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_was_cut_short_is_read_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = beside(&dir.path().join("customers.csv"));
        assert!(path.ends_with("customers.csv.journal"));
        let organization = OrganizationId::parse("org_1").unwrap();
        let first = Journal::open(&path).unwrap();
        assert_eq!(first.known("a"), None);
        first.begun("a").unwrap();
        first.done("a", &organization).unwrap();
        first.begun("b").unwrap();
        drop(first);
        let mut text = std::fs::read(&path).unwrap();
        text.extend(br#"{"row":"c","organi"#);
        std::fs::write(&path, text).unwrap();
        let second = Journal::open(&path).unwrap();
        let known = ["a", "b", "c"].map(|row| second.known(row));
        assert_eq!(known, [Some(Known::Done(organization.clone())), Some(Known::Begun), None]);
        second.done("b", &organization).unwrap();
        drop(second);
        assert_eq!(Journal::open(&path).unwrap().known("b"), Some(Known::Done(organization)));
    }
}
