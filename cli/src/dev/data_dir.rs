//! The directory in which the local stack keeps its state, readable by its owner alone.
//!
//! Two stacks on one directory would spoil each other's tables, so the first one locks it. The lock also tells other
//! verbs (`vestibule keys … --local`) whether the addresses noted in it are those of a stack that still runs.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};

use super::parts;

const LOCK: &str = "lock";
const RUNNING: &str = "running.json";
/// What `--fresh` forgets: files whose names begin so.
const STATE: [&str; 3] = ["dynamodb.sqlite", "secrets.", "demo-people."];

/// A data directory in use by this process.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Held open: its lock ends with the process, however that ends.
    _lock: File,
}

/// The directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("cannot use the data directory {dir}: {why}; choose another with --data-dir")]
    Unusable { dir: String, why: io::Error },
    #[error("another vestibule uses the data directory {dir}; stop it, or choose another with --data-dir")]
    InUse { dir: String },
}

/// The addresses of a running local stack.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunningStack {
    pub(super) dynamodb: String,
    pub(super) secrets: String,
    pub(super) session_absolute_seconds: u64,
    pub(crate) app: String,
    pub(crate) workos: String,
}

/// No local stack to work on.
#[derive(Debug, thiserror::Error)]
pub enum RunningFileError {
    #[error("no `vestibule dev` runs on the data directory {dir}; start it, or name another with --data-dir")]
    NotRunning { dir: String },
    #[error("the addresses of the local stack in {file} cannot be read: {why}")]
    Unreadable { file: String, why: String },
}

impl DataDir {
    /// Makes the directory, locks it, and forgets its state when asked to.
    ///
    /// # Errors
    /// When it cannot be made, or somebody else uses it.
    pub(super) fn open(path: &Path, fresh: bool) -> Result<Self, DataDirError> {
        let dir = || path.display().to_string();
        let unusable = |why| DataDirError::Unusable { dir: dir(), why };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let lock = private(&path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { dir: dir() }),
            Err(TryLockError::Error(why)) => return Err(unusable(why)),
        }
        if fresh {
            for entry in std::fs::read_dir(path).map_err(unusable)? {
                let file = entry.map_err(unusable)?.path();
                let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if STATE.iter().any(|state| name.starts_with(state)) {
                    std::fs::remove_file(&file).map_err(unusable)?;
                }
            }
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Notes where this stack answers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn note(&self, running: &RunningStack) -> Result<(), DataDirError> {
        let unusable = |why| DataDirError::Unusable { dir: self.path.display().to_string(), why };
        let text = serde_json::to_vec_pretty(running).map_err(|why| unusable(why.into()))?;
        let mut file = private(&self.join(RUNNING)).map_err(unusable)?;
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(unusable)
    }
}

/// A file that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

impl RunningStack {
    /// The stack that runs on this directory.
    ///
    /// # Errors
    /// When none does.
    pub(super) fn of(dir: &Path) -> Result<Self, RunningFileError> {
        let not_running = || RunningFileError::NotRunning { dir: dir.display().to_string() };
        let lock = File::open(dir.join(LOCK)).map_err(|_| not_running())?;
        if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return Err(not_running());
        }
        let file = dir.join(RUNNING);
        let unreadable = |why: String| RunningFileError::Unreadable { file: file.display().to_string(), why };
        let text = std::fs::read_to_string(&file).map_err(|why| unreadable(why.to_string()))?;
        serde_json::from_str(&text).map_err(|why| unreadable(why.to_string()))
    }

    pub(crate) fn sdk_config(&self, http: reqwest::Client) -> SdkConfig {
        parts::sdk_config(http, &self.dynamodb, &self.secrets)
    }

    pub(crate) fn longest_session(&self) -> Duration {
        Duration::from_secs(self.session_absolute_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_stack() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        assert!(matches!(RunningStack::of(&path), Err(RunningFileError::NotRunning { .. })));
        let first = DataDir::open(&path, false).unwrap();
        assert!(matches!(DataDir::open(&path, true), Err(DataDirError::InUse { .. })));
        let addresses = |secrets: &str| RunningStack {
            dynamodb: "http://127.0.0.1:1".into(),
            secrets: secrets.into(),
            session_absolute_seconds: 60,
            app: "http://localhost:8080".into(),
            workos: "http://localhost:8081".into(),
        };
        first.note(&addresses("http://127.0.0.1:20000")).unwrap();
        first.note(&addresses("http://127.0.0.1:2")).unwrap();
        assert_eq!(RunningStack::of(&path).unwrap().secrets, "http://127.0.0.1:2");
        drop(first);
        assert!(matches!(RunningStack::of(&path), Err(RunningFileError::NotRunning { .. })));
    }

    #[test]
    fn fresh_forgets_state_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "secrets.json", "notes.txt"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        drop(DataDir::open(dir.path(), false).unwrap());
        assert!(dir.path().join("secrets.json").exists());
        drop(DataDir::open(dir.path(), true).unwrap());
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["lock", "notes.txt"]);
    }
}
