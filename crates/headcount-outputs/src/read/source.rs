//! Which finished run is read: a file's or, of a database that holds several, one of them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::sqlite;
use crate::error::Error;

/// A finished run: a file and, if it is a database, perhaps the number of one of its runs. Without it, the last is meant.
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) path: PathBuf,
    pub(super) run: Option<i64>,
}

impl Source {
    /// What is named: a file, or `history.db#3` for the run 3 of a database. A file that is called so goes first.
    pub fn named(name: &Path) -> Source {
        let whole = || Source::from(name);
        if name.exists() {
            return whole();
        }
        let parts = name.to_str().and_then(|text| text.rsplit_once('#'));
        let Some((path, Ok(run))) = parts.map(|(path, run)| (Path::new(path), run.parse::<i64>())) else {
            return whole();
        };
        if path.is_file() { Source { path: path.to_owned(), run: Some(run) } } else { whole() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every run that the file holds, if it is a database.
    ///
    /// # Errors
    /// The file cannot be read, or is a database of somebody else.
    pub fn runs(&self) -> Result<Option<Vec<Source>>, Error> {
        if !super::is_database(&self.path).map_err(|error| Error::reading(&self.path, "", error))? {
            return Ok(None);
        }
        let runs = sqlite::runs(&self.path).map_err(|error| Error::reading(&self.path, "", error))?;
        let of_run = |run| Source { path: self.path.clone(), run: Some(run) };
        Ok(Some(runs.into_iter().map(of_run).collect()))
    }

    /// Whether both are the same run of the same file.
    ///
    /// # Errors
    /// The file cannot be read, or is a database of somebody else.
    pub fn is_same_as(&self, other: &Source) -> Result<bool, Error> {
        match (self.path.canonicalize(), other.path.canonicalize()) {
            (Ok(one), Ok(another)) if one == another => {}
            _ => return Ok(false),
        }
        let last = self.runs()?.and_then(|runs| runs.last()?.run);
        Ok(self.run.or(last) == other.run.or(last))
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Source {
        Source { path: path.to_owned(), run: None }
    }
}

impl From<&PathBuf> for Source {
    fn from(path: &PathBuf) -> Source {
        Source::from(path.as_path())
    }
}

impl From<&Source> for Source {
    fn from(source: &Source) -> Source {
        source.clone()
    }
}

impl fmt::Display for Source {
    /// As it can be named.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(formatter)?;
        self.run.map_or(Ok(()), |run| write!(formatter, "#{run}"))
    }
}
