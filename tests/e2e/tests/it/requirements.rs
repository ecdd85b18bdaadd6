//! The list of requirements and tests in `docs/security.md` is the one that the sources give.
//!
//! A test names the requirements that it proves in its documentation. A listed requirement without a test, or a table that
//! is out of step, fails here; `UPDATE_REQUIREMENTS=1` writes the table anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "docs/security.md";
const START: &str = "<!-- requirements:";
const END: &str = "<!-- end of requirements -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Requirement → tests, as `file::function` without the folders that all share.
type Proofs = BTreeMap<String, BTreeSet<String>>;

fn collect(folder: &Path, proofs: &mut Proofs) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, proofs);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root()).unwrap().with_extension("");
            read(&relative.display().to_string(), &std::fs::read_to_string(&path).unwrap(), proofs);
        }
    }
}

fn read(file: &str, text: &str, proofs: &mut Proofs) {
    let (mut named, mut is_test) = (BTreeSet::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            named.extend(requirements(comment));
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else if let Some(function) = function(line) {
            if is_test {
                for requirement in &named {
                    proofs.entry(requirement.clone()).or_default().insert(format!("{file}::{function}"));
                }
            }
            (named, is_test) = (BTreeSet::new(), false);
        } else if !line.is_empty() && !line.ends_with(")]") {
            (named, is_test) = (BTreeSet::new(), false);
        }
    }
}

/// `R03` and the ends of `R17-R19`: one letter, two digits.
fn requirements(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| {
        let digits = word.strip_prefix('R')?;
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.to_owned())
    })
}

fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

#[test]
fn every_requirement_has_its_tests_and_the_document_lists_them() {
    let mut proofs = Proofs::new();
    for folder in ["shared", "functions", "cli", "tests"] {
        collect(&root().join(folder), &mut proofs);
    }
    let document = root().join(DOCUMENT);
    let text = std::fs::read_to_string(&document).unwrap();
    let (before, rest) = text.split_once(START).unwrap();
    let (table, after) = rest.split_once(END).unwrap();

    let mut missing = Vec::new();
    let rows: Vec<String> = table
        .lines()
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (Some(id), Some(requirement)) = (cells.next(), cells.next()) else { return line.to_owned() };
            if requirements(id).next().is_none() {
                return line.to_owned();
            }
            let tests = proofs.get(id).cloned().unwrap_or_default();
            if tests.is_empty() {
                missing.push(id.to_owned());
            }
            let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
            format!("| {id} | {requirement} | {} |", tests.join("<br>"))
        })
        .collect();
    let updated = format!("{before}{START}{}\n{END}{after}", rows.join("\n").trim_end());
    if web::Vars::from_process().get("UPDATE_REQUIREMENTS").is_some() {
        std::fs::write(&document, &updated).unwrap();
    }
    assert!(missing.is_empty(), "requirements without a test: {missing:?}");
    let current = std::fs::read_to_string(&document).unwrap();
    assert!(
        current == updated,
        "{DOCUMENT} is out of step: run UPDATE_REQUIREMENTS=1 cargo test -p e2e requirements"
    );
}
