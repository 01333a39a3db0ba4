//! Which journal a run has: a new one, one to go on with, none, or one that must not be touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount::list::ListOptions;
use headcount::{Config, remove_unfinished_bodies};
use headcount_journal::{Damage, Error, Folder, Found, Journal, Manifest, Unfinished, Unreadable, look};

use super::copies::Copies;
use super::expected::Expected;
use super::finished::{self, Light};
use super::flags::{FailureKinds, JournalFlags};
use super::manifest::manifest;
use super::reading::{Extents, IDEMPOTENCY_KEY, Rest, sources};
use super::{Keeper, folder_of};
use crate::inputs::{Input, Source};
use crate::output::{Form, Patience, SelectionArguments};
use crate::terminal::{Exit, Problem, say};

/// What there is to do.
pub(crate) enum Opened {
    /// A run whose journal this is.
    Run(Box<Opening>),
    /// Nothing: an earlier run has done it all, and ended so.
    Ended(Exit),
}

/// A run that is about to begin, or to go on.
pub(crate) struct Opening {
    pub(crate) keeper: Keeper,
    pub(crate) sources: Vec<Source>,
    pub(crate) rest: Rest,
}

/// What a run is asked to do, and where.
struct Wanted<'a> {
    flags: &'a JournalFlags,
    config: &'a Config,
    lists: &'a ListOptions,
    form: Form,
    output: &'a Path,
    folder: PathBuf,
}

/// Opens the journal of an output, before anything is sent and before the output is touched.
pub(crate) fn open(
    flags: &JournalFlags,
    config: &Config,
    lists: &ListOptions,
    (form, selection): (Form, &SelectionArguments),
    output: &Path,
    inputs: Vec<Input>,
) -> Result<Opened, Problem> {
    let folder = folder_of(output);
    let wanted = Wanted { flags, config, lists, form, output, folder };
    let kinds = flags.retry();
    let retry = kinds.as_ref();
    let Some(folder) = wanted.find()? else {
        if let Some(kinds) = retry {
            return wanted.begin_with_output(kinds, inputs);
        }
        if wanted.flags.resume && output.exists() {
            Folder::remove_remains(&wanted.folder);
            return finished::exit(output, form.of_file(), selection).map(Opened::Ended);
        }
        return wanted.begin(inputs);
    };
    let found = match look(&folder, false) {
        _ if wanted.flags.restart => {
            folder.clear().map_err(|error| Problem::broken(&error.into()))?;
            return wanted.begin_in(folder, inputs);
        }
        Err(error) => return Err(wanted.unusable(error)),
        Ok(Found::Nothing) => return wanted.begin_in_place_of_nothing(folder, inputs),
        Ok(Found::Unreadable(found)) => {
            return wanted.begin_beside_unreadable(folder, &found, inputs);
        }
        Ok(Found::Ended(how)) => {
            folder.remove().map_err(|error| Problem::broken(&error.into()))?;
            return match retry {
                Some(kinds) => wanted.begin_with_output(kinds, inputs),
                None if wanted.flags.resume => Ok(Opened::Ended(exit_of(&how))),
                None => wanted.begin(inputs),
            };
        }
        Ok(Found::Unfinished(found)) => found,
    };
    let is_untouched = found.state.done().is_empty()
        && found.state.in_doubt().is_empty()
        && !found.state.has_reopened()
        && !found.manifest.is_imported;
    if is_untouched && !wanted.flags.resume {
        return wanted.begin_in_place_of_nothing(folder, inputs);
    }
    if !wanted.flags.resume && retry.is_none() {
        return Err(Problem::usage(
            format!(
                "{} is the journal of a run that has not come to its end ({} inputs are done)",
                wanted.folder.display(),
                found.state.done().len()
            ),
            "--resume goes on with it, --restart discards it",
        ));
    }
    wanted.go_on(folder, *found, inputs, retry)
}

impl Wanted<'_> {
    /// The journal's folder, locked, if it is there.
    fn find(&self) -> Result<Option<Folder>, Problem> {
        let exists = || Folder::exists(&self.folder).map_err(|error| self.unusable(error));
        if !exists()? {
            return Ok(None);
        }
        match Folder::open(&self.folder) {
            // A run that has come to its end has removed it meanwhile.
            Err(_) if !exists()? => Ok(None),
            opened => opened.map(Some).map_err(|error| self.unusable(error)),
        }
    }

    /// A run that starts afresh.
    fn begin(&self, inputs: Vec<Input>) -> Result<Opened, Problem> {
        let folder = self.wait_for_room(|| Folder::create(&self.folder))?;
        // What a kill in the very beginning may have left.
        folder.clear().map_err(|error| self.unusable(error))?;
        self.begin_in(folder, inputs)
    }

    /// The same where a run was killed before it had done anything.
    fn begin_in_place_of_nothing(&self, folder: Folder, inputs: Vec<Input>) -> Result<Opened, Problem> {
        let broken = |error: Error| Problem::broken(&error.into());
        match self.flags.retry() {
            Some(kinds) if self.output.exists() => {
                folder.remove().map_err(broken)?;
                self.begin_with_output(&kinds, inputs)
            }
            _ => {
                folder.clear().map_err(broken)?;
                self.begin_in(folder, inputs)
            }
        }
    }

    /// The same where something stands of which nothing can be known.
    fn begin_beside_unreadable(
        &self,
        folder: Folder,
        found: &Unreadable,
        inputs: Vec<Input>,
    ) -> Result<Opened, Problem> {
        if !self.flags.resume || self.flags.retry_failed.is_some() {
            let hint = match self.flags.retry_failed {
                Some(_) => "move it away",
                None => "--resume sets it aside and starts afresh, --restart discards it",
            };
            let message = format!("{} is a journal of which nothing can be read", self.folder.display());
            return Err(Problem::usage(message, hint));
        }
        for Damage { length, file, .. } in &found.damage {
            let message = format!("nothing can be read of the {length} bytes of {file}; it is set aside");
            say("warning", &message);
        }
        found.set_aside(&folder).map_err(|error| Problem::broken(&error.into()))?;
        self.begin_in(folder, inputs)
    }

    /// Tries until it works, or fails for another reason than a full disk.
    fn wait_for_room<T>(&self, mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Problem> {
        let mut failed = None;
        let result = self.patience().wait_for_room(|| {
            attempt().map_err(|error| {
                let kind = if error.is_full() { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
                let shown = io::Error::new(kind, error.to_string());
                failed = Some(error);
                shown
            })
        });
        result.map_err(|shown| match failed {
            Some(error) => self.unusable(error),
            None => Problem::broken(&shown.into()),
        })
    }

    fn patience(&self) -> Patience {
        Patience::new(self.flags.local_wait)
    }

    /// A journal in an empty folder, which is opened again where a full disk has to be waited for.
    fn create(&self, folder: Folder, manifest: &Manifest) -> Result<Journal, Problem> {
        let path = folder.path().to_owned();
        let mut folder = Some(folder);
        self.wait_for_room(|| {
            let folder = folder.take().map_or_else(|| Folder::open(&path), Ok)?;
            Journal::create(folder, manifest.clone())
        })
    }

    /// The same with one that goes on, which is looked at again.
    fn resume(&self, folder: Folder, found: Unfinished) -> Result<Journal, Problem> {
        let path = folder.path().to_owned();
        let inputs = found.manifest.inputs.clone();
        let mut first = Some((folder, found));
        self.wait_for_room(|| {
            if let Some((folder, found)) = first.take() {
                return Journal::resume(folder, found);
            }
            let folder = Folder::open(&path)?;
            match look(&folder, false)? {
                Found::Unfinished(mut found) => {
                    found.manifest.inputs.clone_from(&inputs);
                    Journal::resume(folder, *found)
                }
                // Nobody else had it meanwhile.
                Found::Nothing | Found::Unreadable(_) | Found::Ended(_) => Err(Error::changed(&path)),
            }
        })
    }

    fn begin_in(&self, folder: Folder, inputs: Vec<Input>) -> Result<Opened, Problem> {
        let manifest = self.manifest(&inputs, None);
        let journal = self.create(folder, &manifest)?;
        let extents = Arc::new(Extents::default());
        let count = inputs.len();
        let mut copies = Copies::new(journal.storage(), self.patience());
        match sources(inputs, count, self.lists, &BTreeMap::new(), &mut copies, &extents) {
            Ok(sources) => {
                let copies = copies.into_files();
                self.opening(journal, sources, copies, extents)
            }
            Err(problem) => {
                // What the problem is matters more than what is left behind.
                let _ = journal.into_storage().map(Folder::remove);
                Err(problem)
            }
        }
    }

    /// A run that begins with the records of a finished output. The journal takes its place once it has them all.
    fn begin_with_output(&self, kinds: &FailureKinds, inputs: Vec<Input>) -> Result<Opened, Problem> {
        if !self.output.exists() {
            return Err(Problem::usage(
                format!("there is no {} to take the failed inputs from", self.output.display()),
                "name the output of an earlier run with -o",
            ));
        }
        let unusable = |error| self.unusable(error);
        let mut beside = self.folder.clone().into_os_string();
        beside.push(".import");
        let beside = PathBuf::from(beside);
        let folder = self.wait_for_room(|| Folder::create(&beside))?;
        folder.clear().map_err(unusable)?;
        let mut manifest = self.manifest(&inputs, None);
        manifest.is_imported = true;
        let mut journal = self.create(folder, &manifest)?;
        let imported =
            finished::import(self.output, self.form.of_file(), &mut journal, kinds, self.patience());
        let folder = journal.into_storage();
        if let Err(problem) = imported {
            // What the problem is matters more than what is left behind.
            let _ = folder.map(Folder::remove);
            return Err(problem);
        }
        drop(folder);
        fs::rename(&beside, &self.folder).map_err(|error| Problem::broken(&error.into()))?;
        let Some(folder) = self.find()? else { return self.begin(inputs) };
        match look(&folder, false).map_err(|error| self.unusable(error))? {
            Found::Unfinished(found) => self.go_on(folder, *found, inputs, None),
            Found::Nothing | Found::Unreadable(_) | Found::Ended(_) => self.begin_in(folder, inputs),
        }
    }

    /// A run that was broken off. `retry` says what else is to be asked again.
    fn go_on(
        &self,
        folder: Folder,
        mut found: Unfinished,
        inputs: Vec<Input>,
        retry: Option<&FailureKinds>,
    ) -> Result<Opened, Problem> {
        let manifest = self.manifest(&inputs, Some(&found.manifest.salt));
        let differences: Vec<String> = found
            .manifest
            .differences(&manifest)
            .into_iter()
            .map(|difference| {
                let said = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
                format!("{} was {} and is {}", difference.name, said(difference.was), said(difference.is))
            })
            .collect();
        if !differences.is_empty() {
            return Err(Problem::usage(
                format!("{} is of another run: {}", self.folder.display(), differences.join("; ")),
                "repeat the command as it was with --resume, or discard the journal with --restart",
            ));
        }
        for damage in &found.damage {
            let what = match damage.is_torn {
                true => "is an unfinished line, and is cut off",
                false => "is damaged, and is set aside; what is missing is asked again",
            };
            let message = format!("{} bytes from {} of {} {what}", damage.length, damage.offset, damage.file);
            say("warning", &message);
        }
        // Looked at before anything is written: a list that is refused leaves the journal as it was.
        let extents = Arc::new(Extents::with_lost(found.state.lost().cloned()));
        let inputs_before = std::mem::replace(&mut found.manifest.inputs, manifest.inputs).len();
        let mut copies = Copies::new(&folder, self.patience());
        let sources =
            sources(inputs, inputs_before, self.lists, found.state.inputs(), &mut copies, &extents)?;
        let copies = copies.into_files();
        let mut journal = self.resume(folder, found)?;
        if let Some(kinds) = retry {
            reopen(&mut journal, kinds).map_err(|error| Problem::broken(&error.into()))?;
            self.wait_for_room(|| journal.commit())?;
        }
        self.opening(journal, sources, copies, extents)
    }

    fn opening(
        &self,
        mut journal: Journal,
        sources: Vec<Source>,
        copies: Vec<Arc<File>>,
        extents: Arc<Extents>,
    ) -> Result<Opened, Problem> {
        copies.into_iter().for_each(|copy| journal.add_copy(copy));
        // The journal is held: no other run of their owner is under way.
        if let Some(bodies) = &self.config.body_dir
            && let Err(error) = remove_unfinished_bodies(bodies, &self.config.body_owner)
        {
            say("warning", &format!("unfinished bodies are left in {}: {error}", bodies.display()));
        }
        // How far its lists were read may be known of another list, if a run before this one had that.
        let expected = match journal.manifest().is_imported {
            true => Some(Expected::of(&journal, self.output.parent().unwrap_or(Path::new("")))),
            false => None,
        };
        let expected = expected.transpose().map_err(|error| Problem::broken(&error.into()))?;
        let state = journal.state();
        let may_repeat = self.flags.resend_in_doubt || self.config.headers.contains_key(IDEMPOTENCY_KEY);
        let in_doubt = if may_repeat { Default::default() } else { state.in_doubt().clone() };
        if !may_repeat && state.lost().is_some() {
            say(
                "warning",
                "lines of the journal are lost: what is not safe to repeat and may have been sent is in doubt",
            );
        }
        let lost = (!may_repeat).then(|| Arc::clone(&extents));
        let rest = Rest { done: state.done().clone(), in_doubt, lost, expected };
        self.wait_for_room(|| journal.write())?;
        let keeper = Keeper::new(journal, extents, self.flags)?;
        Ok(Opened::Run(Box::new(Opening { keeper, sources, rest })))
    }

    fn manifest(&self, inputs: &[Input], salt: Option<&str>) -> Manifest {
        manifest(self.config, self.lists, self.form, inputs, salt)
    }

    fn unusable(&self, error: Error) -> Problem {
        let hint = match &error {
            error if error.is_locked() => "wait for it to end, or write to another file",
            error if error.is_foreign() => "move it away, write to another file, or use --no-journal",
            error if error.is_damaged() => "--restart discards it and starts afresh",
            error if error.is_version() => "use the headcount that wrote it, or discard it with --restart",
            _ => "make room or mend the folder's rights, or go without a journal: --no-journal",
        };
        Problem::broken(&anyhow::Error::from(error)).hint(hint).into_usage()
    }
}

/// Has those be done again whose last records failed.
fn reopen(journal: &mut Journal, kinds: &FailureKinds) -> Result<(), Error> {
    let mut meant = BTreeSet::new();
    journal.reader().as_written(|index, text| {
        let record: Light = serde_json::from_slice(text)?;
        // A later record takes the place of an earlier one.
        if record.is_meant(kinds) {
            meant.insert(index)
        } else {
            meant.remove(&index)
        };
        Ok(())
    })?;
    for index in meant {
        if journal.state().done().contains(index) {
            journal.reopen(index)?;
        }
    }
    Ok(())
}

fn exit_of(how: &str) -> Exit {
    match how {
        "0" => Exit::Accepted,
        "2" => Exit::NotAccepted,
        _ => Exit::Broken,
    }
}
