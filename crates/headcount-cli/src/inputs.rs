//! From the command line's inputs to requests: which are lists and which are URLs, opened before anything is sent.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::Path;

use headcount::list::Lines;
use headcount::{Error, Request};

use crate::terminal::Problem;

/// Bytes read at once from a list.
pub(crate) const BUFFER: usize = 64 << 10;

pub(crate) enum Input {
    File { file: File, name: String },
    Standard,
    Url(Request),
}

/// Opens what there is to open. `-` is standard input; what names an existing file is a list; else what reads as a URL
/// is one.
pub(crate) fn open(arguments: &[OsString]) -> Result<Vec<Input>, Problem> {
    if arguments.is_empty() {
        if io::stdin().is_terminal() {
            let hint = "name a list (headcount check urls.txt), a URL, or - for standard input";
            return Err(Problem::usage("there is nothing to check", hint));
        }
        return Ok(vec![Input::Standard]);
    }
    let inputs = arguments.iter().map(|argument| open_one(argument)).collect::<Result<Vec<_>, _>>()?;
    if inputs.iter().filter(|input| matches!(input, Input::Standard)).count() > 1 {
        return Err(Problem::usage(
            "standard input is named twice",
            "it can be read once only; leave one - out",
        ));
    }
    Ok(inputs)
}

fn open_one(argument: &OsStr) -> Result<Input, Problem> {
    if argument == "-" {
        return Ok(Input::Standard);
    }
    let name = argument.to_string_lossy().into_owned();
    let path = Path::new(argument);
    if !path.exists() && (name.contains("://") || reads_as_url(&name)) {
        return Ok(Input::Url(Request::from_bytes(argument.as_encoded_bytes())));
    }
    let cannot = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "an INPUT is a file, a URL such as https://example.com/, or -",
            io::ErrorKind::PermissionDenied => "look at who may read it: ls -l",
            _ => "an INPUT is a file with a URL a line",
        };
        Problem::usage(format!("cannot open {name}: {error}"), hint)
    };
    let file = File::open(path).map_err(cannot)?;
    if file.metadata().map_err(cannot)?.is_dir() {
        return Err(Problem::usage(
            format!("{name} is a folder"),
            "name the lists in it: headcount check folder/*",
        ));
    }
    Ok(Input::File { file, name })
}

/// Whether text that names no file can be meant as a URL: its host is an address, `localhost`, or has a dot or a port,
/// and it does not look like the name of a list.
fn reads_as_url(text: &str) -> bool {
    const LISTS: &[&str] = &[".txt", ".csv", ".tsv", ".list", ".lst", ".json", ".jsonl", ".gz", ".zst"];
    let is_list = !text.contains('/') && LISTS.iter().any(|ending| text.ends_with(ending));
    if is_list || text.starts_with(['.', '/', '~', '\\']) {
        return false;
    }
    let request = Request::from(text);
    let Ok(url) = request.url() else { return false };
    let host = url.host_str().unwrap_or_default();
    url.port().is_some() || host.contains('.') || host.starts_with('[') || host == "localhost"
}

/// The requests of all inputs, one after another, read as they are needed.
pub(crate) fn requests(
    inputs: Vec<Input>,
    method: &http::Method,
) -> impl Iterator<Item = Result<Request, Error>> + Send + use<> {
    let method = method.clone();
    inputs
        .into_iter()
        .flat_map(|input| -> Box<dyn Iterator<Item = Result<Request, Error>> + Send> {
            match input {
                Input::File { file, name } => {
                    Box::new(Lines::new(BufReader::with_capacity(BUFFER, file), name))
                }
                Input::Standard => Box::new(Lines::new(BufReader::with_capacity(BUFFER, io::stdin()), "-")),
                Input::Url(request) => Box::new(std::iter::once(Ok(request))),
            }
        })
        .map(move |request| request.map(|request| request.method(method.clone())))
}
