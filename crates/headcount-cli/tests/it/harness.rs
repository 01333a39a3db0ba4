//! Runs the real binary in a folder of its own, and reads what it leaves.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

/// A folder to work in, gone when it is dropped.
pub(crate) struct Desk {
    folder: TempDir,
}

/// What a run left.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        // Another build of the same, such as one for release.
        let other = std::env::var_os("HEADCOUNT_BINARY");
        let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_headcount").into()));
        command.args(arguments).current_dir(self.folder.path()).env_remove("NO_COLOR").env("TERM", "xterm");
        // The tests are about this machine, and not about the way out of it.
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Ended {
        end(self.command(arguments).spawn().unwrap())
    }

    /// `headcount check` with these words, separated by blanks.
    pub(crate) fn check(&self, words: &str) -> Ended {
        let mut arguments = vec!["check"];
        arguments.extend(words.split_whitespace());
        self.run(&arguments)
    }

    /// The same with an input on standard input.
    pub(crate) fn check_stdin(&self, words: &str, input: &(impl AsRef<[u8]> + ?Sized)) -> Ended {
        let mut running = Running::start(self, words);
        running.write(input);
        running.close_stdin();
        running.end()
    }
}

impl Ended {
    /// The records on standard output, in order of their index.
    pub(crate) fn records(&self) -> Vec<Value> {
        let mut records = records(&self.stdout);
        records.sort_by_key(|record| record["index"].as_u64());
        records
    }

    /// The only record.
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{}{}", self.stdout, self.stderr);
        records.remove(0)
    }
}

/// The records of JSON lines.
pub(crate) fn records(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Records as databases and Parquet keep them, whose times end at microseconds.
pub(crate) fn to_the_microsecond(records: &[Value]) -> Vec<Value> {
    let mut records = records.to_vec();
    for record in &mut records {
        let time: jiff::Timestamp = record["timestamp"].as_str().unwrap().parse().unwrap();
        let time = jiff::Timestamp::from_microsecond(time.as_microsecond()).unwrap();
        record["timestamp"] = time.to_string().into();
    }
    records
}

/// The end of a record in a word: `200`, `headers/timeout`, `interrupted`.
pub(crate) fn end_of(record: &Value) -> String {
    match (&record["error"], &record["status_code"]) {
        (Value::Object(error), _) => {
            format!("{}/{}", error["phase"].as_str().unwrap(), error["kind"].as_str().unwrap())
        }
        (_, Value::Number(status)) if record["outcome"] == "answered" => status.to_string(),
        _ => record["outcome"].as_str().unwrap().to_owned(),
    }
}

fn end(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A run that can be talked to.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(desk: &Desk, words: &str) -> Running {
        let mut arguments = vec!["check"];
        arguments.extend(words.split_whitespace());
        let mut child = desk.command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        Running { child, stdin, stdout }
    }

    pub(crate) fn write(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_ref()).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next record on standard output; waits for it.
    pub(crate) fn next_record(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// What stands on standard error, up to a line that holds this text. The run is killed then.
    #[cfg(unix)]
    pub(crate) fn stderr_until(mut self, text: &str) -> String {
        let mut seen = String::new();
        for line in BufReader::new(self.child.stderr.take().unwrap()).lines() {
            seen.push_str(&line.unwrap());
            seen.push('\n');
            if seen.contains(text) {
                break;
            }
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        seen
    }

    pub(crate) fn end(mut self) -> Ended {
        drop(self.stdin.take());
        let stdout = self.stdout.take();
        let text = Arc::new(Mutex::new(String::new()));
        let reader = stdout.map(|mut stdout| {
            let text = Arc::clone(&text);
            std::thread::spawn(move || {
                std::io::Read::read_to_string(&mut stdout, &mut text.lock().unwrap()).unwrap();
            })
        });
        let mut ended = end(self.child);
        if let Some(reader) = reader {
            reader.join().unwrap();
        }
        ended.stdout = std::mem::take(&mut text.lock().unwrap());
        ended
    }

    /// How long the process still runs, without a look at its output.
    pub(crate) fn time_to_exit(mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        let code = self.child.wait().unwrap().code();
        (code, start.elapsed())
    }
}

/// For a test that cannot be made here for want of a tool. Where all must be made, it fails.
#[expect(clippy::disallowed_macros, reason = "whoever skips a test says so")]
pub(crate) fn skip_for_want_of(tool: &str) {
    assert!(std::env::var_os("CI").is_none(), "there is no {tool}");
    eprintln!("skipped: there is no {tool}");
}

/// Waits until something holds that another process brings about, and leaves that the processor meanwhile.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come about in 60 s");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
