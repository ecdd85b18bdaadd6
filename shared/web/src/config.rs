//! Settings: the one place that reads the process environment.
//!
//! A function with a wrong setting must not start half configured, and whoever deploys must not mend one variable
//! per attempt: a [`Reader`] collects every problem, and [`Reader::finish`] reports them together, one line
//! each with the variable's name. A value is never shown: it may be a secret pasted into the wrong field.

mod sections;

use std::collections::BTreeMap;
use std::fmt::{self, Display};

pub use sections::{AwsSettings, CookieScope, CorsOrigins, Limits, SessionSettings, Site, SupportContact};

/// The settings as text, by name.
#[derive(Clone, Default)]
pub struct Vars(BTreeMap<String, String>);

impl Vars {
    /// The environment of this process.
    pub fn from_process() -> Self {
        // `vars` panics at a name or value that is not Unicode; such a variable is none of ours.
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(unicode).collect())
    }

    /// These settings, and for those that are absent the ones given.
    #[must_use]
    pub fn over(mut self, others: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in others {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// The value without surrounding space; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// For the local stack and for tests.
impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Vars {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Everything that is wrong with the settings.
#[derive(thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    /// One line for each problem: `NAME: what is wrong`.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// As `Display`: a `main` that returns this error prints its `Debug` form.
impl fmt::Debug for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Reads settings and remembers what is wrong with them.
///
/// ```
/// # use web::config::{Reader, Vars};
/// struct Settings { table: String, per_minute: u32 }
/// let vars = Vars::from_iter([("IDENTITY_TABLE", "identity")]);
/// let mut reader = Reader::new(&vars);
/// let table = reader.required("IDENTITY_TABLE");
/// let per_minute = reader.parsed_or("CALLBACKS_PER_MINUTE", 3000);
/// let settings = reader.finish(table.map(|table| Settings { table, per_minute }))?;
/// # assert_eq!((settings.table.as_str(), settings.per_minute), ("identity", 3000));
/// # Ok::<(), web::config::ConfigErrors>(())
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    vars: &'a Vars,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(vars: &'a Vars) -> Self {
        Self { vars, problems: Vec::new() }
    }

    /// `None` and a problem when the variable is absent.
    pub fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problem(name, "is required");
        }
        value
    }

    pub fn optional(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(str::to_owned)
    }

    /// The first of several names for one setting that is present, in order of precedence.
    pub fn first_of(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.optional(name))
    }

    /// `None` and a problem when the variable is absent or `parse` refuses it.
    pub fn required_with<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.required(name)?;
        self.checked(name, parse(&value))
    }

    /// `None` when the variable is absent; `None` and a problem when `parse` refuses it.
    pub fn optional_with<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.vars.get(name)?;
        self.checked(name, parse(value))
    }

    /// The default when the variable is absent; the default and a problem when it cannot be read.
    pub fn parsed_or<T>(&mut self, name: &str, default: T) -> T
    where
        T: std::str::FromStr,
        T::Err: Display,
    {
        self.optional_with(name, str::parse).unwrap_or(default)
    }

    /// Items between commas; an item that `parse` refuses is a problem of its own.
    pub fn list_with<T, E: Display>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let items = self.vars.get(name).unwrap_or_default().split(',').map(str::trim);
        let results: Vec<_> = items.filter(|item| !item.is_empty()).map(parse).collect();
        let mut list = Vec::new();
        for (index, result) in results.into_iter().enumerate() {
            match result {
                Ok(item) => list.push(item),
                Err(error) => self.problem(name, format_args!("item {}: {error}", index + 1)),
            }
        }
        list
    }

    /// As [`Reader::list_with`], with the text of a default.
    pub fn list_or<T, E: Display>(
        &mut self,
        name: &str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        match self.vars.get(name) {
            Some(_) => self.list_with(name, parse),
            None => default.split(',').filter_map(|item| parse(item).ok()).collect(),
        }
    }

    /// For rules between settings.
    pub fn problem(&mut self, name: &str, what: impl Display) {
        self.problems.push(format!("{name}: {what}"));
    }

    fn checked<T, E: Display>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problem(name, error)).ok()
    }

    /// The settings, when nothing was wrong.
    ///
    /// # Errors
    /// With every problem found, sorted by name.
    pub fn finish<T>(mut self, settings: Option<T>) -> Result<T, ConfigErrors> {
        self.problems.sort();
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(ConfigErrors(self.problems)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    pub(crate) use sections::tests::site;

    #[test]
    fn every_problem_is_reported_at_once_without_values() {
        let vars = Vars::from_iter([
            ("CALLBACKS_PER_MINUTE", "sk_live_pasted_here"),
            ("WORKOS_CLIENT_ID", "  "),
            ("RATES", "1, x ,2"),
        ]);
        let mut reader = Reader::new(&vars);
        assert_eq!(reader.required("WORKOS_CLIENT_ID"), None);
        assert_eq!(reader.required("IDENTITY_TABLE"), None);
        assert_eq!(reader.parsed_or("CALLBACKS_PER_MINUTE", 3000_u32), 3000);
        assert_eq!(reader.list_with("RATES", str::parse::<u8>), [1, 2]);
        reader.problem("SESSION_IDLE_SECONDS", "must be at least 3 x TOKEN_SECONDS");
        let error = reader.finish(Some(())).unwrap_err();
        assert_eq!(
            error.lines(),
            [
                "CALLBACKS_PER_MINUTE: invalid digit found in string",
                "IDENTITY_TABLE: is required",
                "RATES: item 2: invalid digit found in string",
                "SESSION_IDLE_SECONDS: must be at least 3 x TOKEN_SECONDS",
                "WORKOS_CLIENT_ID: is required",
            ]
        );
        let shown = format!("{error} {error:?} {vars:?}");
        assert!(!shown.contains("sk_live"), "{shown}");
    }

    #[test]
    fn good_settings_are_handed_out() {
        let vars = Vars::from_iter([("A", " 7 "), ("B", "text")]);
        let mut reader = Reader::new(&vars);
        let a = reader.required_with("A", str::parse::<u8>);
        let b = reader.first_of(&["X", "B", "A"]);
        assert_eq!(reader.optional("C"), None);
        assert_eq!(reader.finish(a.zip(b)).unwrap(), (7, "text".to_owned()));
    }
}
