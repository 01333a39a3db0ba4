//! JUnit's XML, which CI systems show: a test case for each record, in one suite. What was not accepted fails the suite:
//! an answer with another status is a failure, no answer an error. What politeness kept from being asked is skipped.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use headcount::Record;
use headcount::record::{Outcome, Phase};

use super::{RecordWriter, flush};
use crate::verdict::{end, host_of};
use crate::visible::escaped;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Room for the counts, which are known at the end and stand at the beginning.
const ROOM_FOR_COUNTS: usize = 200;

/// A longer time is a mistake, and would not find room.
const LONGEST_SECONDS: f64 = 1e9;

pub(super) struct JunitWriter {
    file: BufWriter<File>,
    name: String,
    cases: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
    seconds: f64,
}

impl JunitWriter {
    pub(super) fn new(mut file: BufWriter<File>, title: &str) -> io::Result<JunitWriter> {
        file.write_all(DECLARATION.as_bytes())?;
        let name = escaped(title);
        let junit = JunitWriter { file, name, cases: 0, failures: 0, errors: 0, skipped: 0, seconds: 0.0 };
        let heads = junit.heads();
        let mut file = junit.file;
        file.write_all(heads.as_bytes())?;
        Ok(JunitWriter { file, ..junit })
    }

    /// The start tags of the suites, as long at the end as at the beginning.
    fn heads(&self) -> String {
        let JunitWriter { name, cases, failures, errors, skipped, seconds, .. } = self;
        let counts = format!(
            "tests=\"{cases}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds:.6}\""
        );
        format!(
            "<testsuites name=\"{name}\" {counts:ROOM_FOR_COUNTS$}>\n<testsuite name=\"{name}\" {counts:ROOM_FOR_COUNTS$}>\n"
        )
    }
}

impl RecordWriter for JunitWriter {
    fn write(&mut self, record: &Record) -> io::Result<()> {
        let seconds = record.time_total.unwrap_or(0.0).clamp(0.0, LONGEST_SECONDS);
        self.cases += 1;
        self.seconds += seconds;
        let name = escaped(&record.input);
        let class = escaped(&host_of(record).unwrap_or_else(|| "no host".to_owned()));
        write!(self.file, "<testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds:.6}\"")?;
        if record.accepted {
            return self.file.write_all(b"/>\n");
        }
        let end = escaped(&end(record));
        let message = match (&record.error, record.outcome) {
            (Some(error), _) => escaped(&error.message),
            (None, Outcome::Answered) => format!("status {end}, which is not accepted"),
            (None, outcome) => outcome.as_str().to_owned(),
        };
        let is_politeness = record.outcome == Outcome::Skipped
            && record.error.as_ref().is_some_and(|error| error.phase == Phase::Policy);
        let place = match (&record.source, record.line) {
            (Some(source), Some(line)) => escaped(&format!("line {line} of {source}")),
            _ => String::new(),
        };
        let element = if is_politeness {
            self.skipped += 1;
            return writeln!(self.file, "><skipped message=\"{end}: {message}\"/></testcase>");
        } else if record.outcome == Outcome::Answered {
            self.failures += 1;
            "failure"
        } else {
            self.errors += 1;
            "error"
        };
        writeln!(self.file, "><{element} type=\"{end}\" message=\"{message}\">{place}</{element}></testcase>")
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.write_all(b"</testsuite>\n</testsuites>\n")?;
        self.file.seek(SeekFrom::Start(DECLARATION.len() as u64))?;
        let heads = self.heads();
        self.file.write_all(heads.as_bytes())?;
        flush(self.file)
    }
}
