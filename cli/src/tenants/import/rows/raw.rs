//! The lines of an import file, as they come: fields by column, or what is wrong with the line. A file that cannot be read on
//! is an error and never its end, or customers would be left out without a word.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::{Format, InputError};

/// Longest line that is looked at.
const LONGEST_LINE: usize = 64 * 1024;

pub(super) type Fields = BTreeMap<String, String>;
/// A line, and its fields or what is wrong with it; or the file ends here, in the middle.
type Raw = Result<(u64, Result<Fields, String>), InputError>;
type RawRows = Box<dyn Iterator<Item = Raw> + Send>;

pub(super) fn raw(file: &Path, format: Format) -> Result<RawRows, InputError> {
    let name = file.display().to_string();
    let opened = File::open(file).map_err(|why| InputError::File { file: name.clone(), why })?;
    raw_of(opened, name, format)
}

fn raw_of(opened: impl Read + Send + 'static, file: String, format: Format) -> Result<RawRows, InputError> {
    match format {
        Format::Csv => {
            let mut reader =
                csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(opened);
            let header = reader.headers().map_err(|why| InputError::Header { file: file.clone(), why })?;
            // Spreadsheets begin a file with a byte order mark.
            let columns: Vec<String> = header
                .iter()
                .map(|column| column.trim_start_matches('\u{feff}').to_ascii_lowercase())
                .collect();
            let mut line = 1;
            let rows = reader.into_records().map(move |record| csv_row(&file, &mut line, &columns, record));
            Ok(to_the_first_error(rows))
        }
        Format::Jsonl => {
            let lines = BufReader::new(opened).lines().enumerate();
            let rows = lines.filter_map(move |(number, text)| {
                let line = u64::try_from(number + 1).unwrap_or(u64::MAX);
                match text {
                    Ok(text) if text.trim().is_empty() => None,
                    Ok(text) => Some(Ok((line, json_row(&text)))),
                    // The line was read, and is none.
                    Err(why) if why.kind() == io::ErrorKind::InvalidData => {
                        Some(Ok((line, Err("is not UTF-8".to_owned()))))
                    }
                    Err(why) => {
                        Some(Err(InputError::Broken { file: file.clone(), line, why: why.to_string() }))
                    }
                }
            });
            Ok(to_the_first_error(rows))
        }
    }
}

/// Up to the first error and no further: a file that cannot be read on would be tried for ever.
pub(super) fn to_the_first_error<T: 'static>(
    mut rows: impl Iterator<Item = Result<T, InputError>> + Send + 'static,
) -> Box<dyn Iterator<Item = Result<T, InputError>> + Send> {
    let mut broken = false;
    Box::new(std::iter::from_fn(move || {
        let next = if broken { None } else { rows.next() };
        broken |= next.as_ref().is_some_and(Result::is_err);
        next
    }))
}

/// `line` is where the last record began: a broken file does not say where it broke.
fn csv_row(
    file: &str,
    line: &mut u64,
    columns: &[String],
    record: Result<csv::StringRecord, csv::Error>,
) -> Raw {
    let record = match record {
        Ok(record) => record,
        Err(why) => {
            if let csv::ErrorKind::Io(why) = why.kind() {
                let (file, why) = (file.to_owned(), why.to_string());
                return Err(InputError::Broken { file, line: *line + 1, why });
            }
            *line = why.position().map_or(*line, csv::Position::line);
            return Ok((*line, Err("is not CSV, or not UTF-8".to_owned())));
        }
    };
    *line = record.position().map_or(*line, csv::Position::line);
    if record.len() > columns.len() {
        return Ok((*line, Err(format!("has {} fields, the header {}", record.len(), columns.len()))));
    }
    let fields = columns.iter().cloned().zip(record.iter().map(str::to_owned));
    Ok((*line, Ok(fields.filter(|(_, value)| !value.is_empty()).collect())))
}

fn json_row(text: &str) -> Result<Fields, String> {
    if text.len() > LONGEST_LINE {
        return Err(format!("is longer than {LONGEST_LINE} bytes"));
    }
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        return Err("is not a JSON object".to_owned());
    };
    let mut fields = Fields::new();
    for (name, value) in object {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(truth) => truth.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Array(list) => {
                let words: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                words.ok_or_else(|| format!("{name}: is not a list of texts"))?.join(" ")
            }
            Value::Object(_) => return Err(format!("{name}: is not a text")),
        };
        if !text.trim().is_empty() {
            fields.insert(name, text.trim().to_owned());
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk or a share that goes away.
    struct Gone;

    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the share is gone"))
        }
    }

    /// A file that cannot be read on is an error that names the line, once; not the end of the file.
    #[test]
    fn a_file_that_breaks_off_is_told_with_its_line() {
        for (format, text, line) in [
            (Format::Csv, "name,slug\nAcme,acme\nGlobex,globex\nIni", 4),
            (Format::Jsonl, "{\"name\": \"Acme\"}\n\n{\"name\": \"Globex\"}\n{\"na", 4),
        ] {
            let rows: Vec<Raw> = raw_of(text.as_bytes().chain(Gone), "customers".to_owned(), format)
                .unwrap()
                .take(9)
                .collect();
            assert_eq!(rows.len(), 3, "{rows:?}");
            assert!(rows[..2].iter().all(|raw| matches!(raw, Ok((_, Ok(_))))), "{rows:?}");
            let told = rows[2].as_ref().unwrap_err().to_string();
            assert_eq!(told, format!("customers, line {line}: cannot be read: the share is gone"));
        }
    }
}
