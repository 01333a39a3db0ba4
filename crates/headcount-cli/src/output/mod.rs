//! Where records go, and in which form.

mod destination;
mod journaled;
mod json_array;
mod json_lines;
mod patience;
mod selection;
mod table;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use headcount::{Record, Summary};
use headcount_outputs::{Format, Options, OutputFile, OutputWriter, Where};

pub(crate) use destination::Destination;
pub(crate) use journaled::write_records;
use journaled::{Journaled, Wanted};
use json_array::JsonArray;
pub(crate) use json_array::replace;
use json_lines::JsonLines;
pub(crate) use patience::{Patience, Patient};
pub(crate) use selection::SelectionArguments;
use table::Table;

use crate::arguments::OutputFlags;
use crate::inputs::Input;
use crate::journal::Keeper;
use crate::terminal::{ColorChoice, Palette, Problem};

/// A form in which records can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line for people, as the records come.
    Table,
    /// What a file can hold too.
    Format(Format),
}

impl Form {
    const JSON: Form = Form::Format(Format::Json);
    const LINES: Form = Form::Format(Format::JsonLines);

    /// What it is called in one word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::Table => "table",
            Form::Format(format) => format.name(),
        }
    }

    /// The format of a file that is made when all records are there.
    pub(crate) fn of_file(self) -> Option<Format> {
        match self {
            Form::Table => None,
            Form::Format(format) => Some(format),
        }
    }

    /// Whether it can be written as the records come, or by this crate.
    fn is_own(self) -> bool {
        matches!(self, Form::JSON | Form::LINES | Form::Table)
    }
}

impl ValueEnum for Form {
    fn value_variants<'a>() -> &'a [Form] {
        const FORMS: [Form; Format::ALL.len() + 1] = {
            let mut forms = [Form::Table; Format::ALL.len() + 1];
            let mut place = 0;
            while place < Format::ALL.len() {
                forms[place + 1] = Form::Format(Format::ALL[place]);
                place += 1;
            }
            forms
        };
        &FORMS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let description = match self {
            Form::Table => "A line for people, as the records come",
            Form::Format(format) => format.description(),
        };
        Some(PossibleValue::new(self.name()).help(description))
    }
}

/// An output that is being written.
pub(crate) enum Output {
    Array(JsonArray),
    Lines(JsonLines),
    Table(Table),
    /// Made from a journal, beside what is written as the records come.
    Journaled {
        main: Option<Box<Output>>,
        journaled: Journaled,
    },
    /// Files made at the end, beside what is written as the records come.
    Files {
        main: Option<Box<Output>>,
        files: JsonArray,
    },
    /// Only what meets a condition.
    Filtered(Box<Output>, Where),
}

/// Where an output is to be, and in which form.
pub(crate) struct Place {
    destination: Destination,
    form: Form,
    /// Files that are made when all records are there.
    files: Vec<OutputFile>,
    /// The destination is one of these.
    is_among_files: bool,
    options: Options,
}

impl Place {
    /// What the flags ask for. Neither the inputs nor these files may be written over.
    pub(crate) fn new(
        arguments: &OutputFlags,
        inputs: &[Input],
        files_read: &[&Path],
    ) -> Result<Place, Problem> {
        // Standard output gets what comes; else the first output does. The first file has the journal beside it.
        let paths = &arguments.output;
        let first = paths.iter().position(|path| path == Path::new("-")).unwrap_or(0);
        let destination = Destination::new(paths.get(first).map(PathBuf::as_path));
        destination.refuse_what_is_read(inputs, files_read)?;
        let form = form(arguments, &destination)?;
        let options = arguments.selection.options(&title(inputs));
        let file =
            |target: &PathBuf, format| OutputFile { path: target.clone(), format, options: options.clone() };
        let mut files = Vec::new();
        let is_whole = form.is_own() && !arguments.selection.is_partial();
        match (&destination, form.of_file()) {
            (Destination::File { target, .. }, Some(format)) if !is_whole => files.push(file(target, format)),
            (Destination::File { .. }, _) => {}
            _ if form.is_own() => {}
            _ => {
                let message = format!("{destination} cannot take this format");
                return Err(Problem::usage(message, "name a file for it with -o"));
            }
        }
        let is_among_files = !files.is_empty();
        let is_standard_output =
            |path: &PathBuf| matches!(Destination::new(Some(path)), Destination::StandardOutput);
        if paths.iter().filter(|path| is_standard_output(path)).count() > 1 {
            let message = "standard output is named twice";
            return Err(Problem::usage(message, "give each output a name of its own"));
        }
        if paths.len() > 1
            && (arguments.format.is_some() || arguments.jsonl)
            && destination.folder().is_some()
        {
            let message = "--format and --jsonl are for one file, and there are several";
            return Err(Problem::usage(message, "leave it out; the endings of the files say their formats"));
        }
        for (_, path) in paths.iter().enumerate().filter(|(place, _)| *place != first) {
            let other = Destination::new(Some(path));
            other.refuse_what_is_read(inputs, files_read)?;
            let format = Format::of_path(path).ok_or_else(|| unknown_ending(path))?;
            let Destination::File { target, .. } = &other else {
                let message = format!("{other} is no file");
                return Err(Problem::usage(message, "only one output may be none, and stands first"));
            };
            if destination.is_file(target) || files.iter().any(|file| other.is_file(&file.path)) {
                let message = format!("{other} is named twice");
                return Err(Problem::usage(message, "give each output a name of its own"));
            }
            files.push(file(target, format));
        }
        Ok(Place { destination, form, files, is_among_files, options })
    }

    /// The first file of a form that can be made from a journal, and that form.
    pub(crate) fn file_with_journal(&self) -> Option<(&Path, Form)> {
        match &self.destination {
            Destination::File { target, .. } if self.form != Form::Table => Some((target, self.form)),
            Destination::File { .. } => None,
            _ => self.files.first().map(|file| (&*file.path, Form::Format(file.format))),
        }
    }

    /// A file that is made beside the first one, and is not there.
    pub(crate) fn missing_file(&self) -> Option<&Path> {
        self.files.iter().map(|file| &*file.path).find(|path| !path.exists())
    }

    fn cannot(&self, error: &io::Error) -> Problem {
        Problem::usage(
            format!("cannot write {}: {error}", self.destination),
            "choose another place with -o, or make room there",
        )
    }
}

impl Output {
    /// Opens it, so that what cannot be written is known before anything is sent.
    pub(crate) fn open(place: &Place, color: ColorChoice, patience: Patience) -> Result<Output, Problem> {
        match Output::open_main(place, color, patience)? {
            Some(main) if place.files.is_empty() => Ok(main),
            main => {
                check_files(&place.files)?;
                let files = JsonArray::of_files(place.files.clone(), patience);
                let files = files.map_err(|error| place.cannot(&error))?;
                Ok(Output::Files { main: main.map(Box::new), files })
            }
        }
    }

    /// What is written as the records come, unless the place is that of a file which is made at the end.
    fn open_main(place: &Place, color: ColorChoice, patience: Patience) -> Result<Option<Output>, Problem> {
        let Place { destination, form, options, .. } = place;
        let cannot = |error: io::Error| place.cannot(&error);
        let fields = options.fields.clone();
        let main = match *form {
            _ if place.is_among_files => None,
            Form::JSON => {
                Some(Output::Array(JsonArray::open(destination, fields, patience).map_err(cannot)?))
            }
            Form::Table => {
                let palette = Palette::new(color.is_on(&io::stdout()));
                Some(Output::Table(Table::new(destination.open(patience).map_err(cannot)?, palette)))
            }
            _ => Some(Output::Lines(JsonLines::new(destination.open(patience).map_err(cannot)?, fields))),
        };
        Ok(match (main, &options.condition) {
            (Some(main), Some(condition)) => Some(Output::Filtered(Box::new(main), condition.clone())),
            (main, _) => main,
        })
    }

    /// Whether it could be opened, as far as that can be known without touching it.
    pub(crate) fn check(place: &Place) -> Result<(), Problem> {
        match &place.destination {
            Destination::File { target, .. } => {
                json_array::check(target).map_err(|error| place.cannot(&error))
            }
            _ => Ok(()),
        }?;
        check_files(&place.files)
    }

    /// The same with the journal beside this file, from which all files are made.
    pub(crate) fn with_journal(
        place: &Place,
        color: ColorChoice,
        target: &Path,
        keeper: Keeper,
    ) -> Result<Output, Problem> {
        let main = match place.destination {
            Destination::File { .. } => None,
            _ => Output::open_main(place, color, keeper.patience())?.map(Box::new),
        };
        let form = match place.form {
            _ if place.is_among_files || main.is_some() => Wanted::Files,
            Form::JSON => Wanted::Array,
            _ => Wanted::Lines,
        };
        let journaled = Journaled::open(target.to_owned(), form, place.files.clone(), keeper);
        let journaled = journaled.map_err(|error| place.cannot(&error))?;
        Ok(Output::Journaled { main, journaled })
    }

    pub(crate) fn write(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Output::Array(array) => array.write(record),
            Output::Lines(lines) => lines.write(record),
            Output::Table(table) => table.write(record),
            Output::Journaled { main, journaled } => {
                journaled.write(record)?;
                while_read(main, |main| main.write(record))
            }
            Output::Files { main, files } => {
                while_read(main, |main| main.write(record))?;
                files.write(record)
            }
            Output::Filtered(main, condition) if condition.holds(record) => main.write(record),
            Output::Filtered(..) => Ok(()),
        }
    }

    /// Makes visible what was written, as far as the form allows.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Array(_) => Ok(()),
            Output::Lines(lines) => lines.flush(),
            Output::Table(table) => table.flush(),
            Output::Journaled { main, journaled } => {
                journaled.flush()?;
                while_read(main, Output::flush)
            }
            Output::Files { main, .. } => while_read(main, Output::flush),
            Output::Filtered(main, _) => main.flush(),
        }
    }

    /// Inputs that an earlier run had done.
    pub(crate) fn done_before(&self) -> u64 {
        match self {
            Output::Journaled { journaled, .. } => journaled.done_before(),
            _ => 0,
        }
    }

    pub(crate) fn has_journal(&self) -> bool {
        matches!(self, Output::Journaled { .. })
    }

    /// Whether the output appears only at the end, in a file that is worth waiting for.
    pub(crate) fn is_completed_at_the_end(&self) -> bool {
        match self {
            Output::Array(array) => array.is_file(),
            Output::Journaled { .. } | Output::Files { .. } => true,
            Output::Filtered(main, _) => main.is_completed_at_the_end(),
            Output::Lines(_) | Output::Table(_) => false,
        }
    }

    /// The last that is done with it. `is_complete` says that every input has its record. The summary is made to be that
    /// of all records, those of earlier runs too.
    pub(crate) fn finish(self, is_complete: bool, summary: &mut Summary) -> io::Result<()> {
        match self {
            Output::Journaled { main, journaled } => {
                let finished = finish_read(main, is_complete, summary);
                journaled.finish(is_complete, summary).and(finished)
            }
            Output::Files { main, files } => {
                let finished = finish_read(main, is_complete, summary);
                files.finish().and(finished)
            }
            Output::Filtered(main, _) => main.finish(is_complete, summary),
            Output::Array(array) => array.finish(),
            Output::Lines(mut lines) => lines.flush(),
            Output::Table(mut table) => table.flush(),
        }
    }
}

/// Does this with what stands beside files, if it is still there. A reader that has seen enough takes no file away: from
/// then on there are the files only.
fn while_read(
    main: &mut Option<Box<Output>>,
    write: impl FnOnce(&mut Output) -> io::Result<()>,
) -> io::Result<()> {
    let Some(open) = main else { return Ok(()) };
    match write(open) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            *main = None;
            Ok(())
        }
        result => result,
    }
}

fn finish_read(main: Option<Box<Output>>, is_complete: bool, summary: &mut Summary) -> io::Result<()> {
    match main.map_or(Ok(()), |main| main.finish(is_complete, summary)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn form(arguments: &OutputFlags, destination: &Destination) -> Result<Form, Problem> {
    if arguments.jsonl {
        return Ok(Form::LINES);
    }
    if let Some(form) = arguments.format {
        return Ok(form);
    }
    let Some(path) = destination.name() else {
        return Ok(if io::stdout().is_terminal() { Form::Table } else { Form::LINES });
    };
    match Format::of_path(path).map(Form::Format) {
        Some(form) if form.is_own() || !destination.is_direct() => Ok(form),
        _ if destination.is_direct() => Ok(Form::LINES),
        _ => Err(unknown_ending(path)),
    }
}

/// What a report is called: the lists that were checked.
fn title(inputs: &[Input]) -> String {
    let names: Vec<&str> = inputs
        .iter()
        .filter_map(|input| match input {
            Input::File { name, .. } => Some(name.as_str()),
            Input::Standard | Input::Url(_) => None,
        })
        .collect();
    if names.is_empty() { "Headcount".to_owned() } else { names.join(", ") }
}

/// Begins each file and takes it back, which shows what cannot be written.
fn check_files(files: &[OutputFile]) -> Result<(), Problem> {
    for file in files {
        OutputWriter::open(file).map_err(|error| {
            Problem::broken(&error.into())
                .hint("choose another place with -o, or make room there")
                .into_usage()
        })?;
    }
    Ok(())
}

fn unknown_ending(path: &Path) -> Problem {
    Problem::usage(
        format!("the ending of {} does not say a format", path.display()),
        "use .json, .jsonl, .csv, .parquet, .sqlite, .xml, .md or .html, or say it with --format",
    )
}
