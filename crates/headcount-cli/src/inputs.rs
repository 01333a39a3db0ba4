//! From the command line's inputs to requests: which are lists and which are URLs, opened before anything is sent.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::path::Path;

use headcount::list::{List, ListOptions};
use headcount::{Error, Request};

use crate::arguments::ListFlags;
use crate::terminal::Problem;

pub(crate) enum Input {
    File { file: File, name: String },
    Standard,
    Url(Request),
}

/// An input that is ready to be read.
pub(crate) enum Source {
    Url(Box<Request>),
    List(Box<List>),
}

/// Opens what there is to open. `-` is standard input; what names an existing file is a list; else what reads as a URL
/// is one.
pub(crate) fn open(flags: &ListFlags, options: &ListOptions) -> Result<Vec<Input>, Problem> {
    let named = flags.inputs.iter().map(|argument| open_any(argument));
    let lists = flags.lists.iter().map(|name| open_list(name, "-l takes a file, or -; -u takes a URL"));
    let urls = flags.urls.iter().map(|url| Ok(Input::Url(Request::from_bytes(url.as_encoded_bytes()))));
    let inputs = named.chain(lists).chain(urls).collect::<Result<Vec<_>, _>>()?;
    if inputs.is_empty() {
        if io::stdin().is_terminal() {
            let hint = "name a list (headcount check urls.txt), a URL, or - for standard input";
            return Err(Problem::usage("there is nothing to check", hint));
        }
        return Ok(vec![Input::Standard]);
    }
    if inputs.iter().filter(|input| matches!(input, Input::Standard)).count() > 1 {
        return Err(Problem::usage(
            "standard input is named twice",
            "it can be read once only; leave one - out",
        ));
    }
    for input in &inputs {
        check_header(input, options)?;
    }
    Ok(inputs)
}

fn open_any(argument: &OsStr) -> Result<Input, Problem> {
    let name = argument.to_string_lossy();
    if argument != "-" && !Path::new(argument).exists() && (name.contains("://") || reads_as_url(&name)) {
        return Ok(Input::Url(Request::from_bytes(argument.as_encoded_bytes())));
    }
    open_list(argument, "an INPUT is a file, a URL such as https://example.com/, or -")
}

/// Opens a list. `hint` is for one that is not there.
fn open_list(argument: &OsStr, hint: &str) -> Result<Input, Problem> {
    if argument == "-" {
        return Ok(Input::Standard);
    }
    let name = argument.to_string_lossy().into_owned();
    let cannot = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => hint,
            io::ErrorKind::PermissionDenied => "look at who may read it: ls -l",
            _ => "an INPUT is a file with a URL a line",
        };
        Problem::usage(format!("cannot open {name}: {error}"), hint)
    };
    let file = File::open(argument).map_err(cannot)?;
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
    const LISTS: &[&str] =
        &[".txt", ".csv", ".tsv", ".tab", ".list", ".lst", ".json", ".jsonl", ".ndjson", ".gz", ".zst"];
    let is_list = !text.contains('/') && LISTS.iter().any(|ending| text.ends_with(ending));
    if is_list || text.starts_with(['.', '/', '~', '\\']) {
        return false;
    }
    let request = Request::from(text);
    let Ok(url) = request.url() else { return false };
    let host = url.host_str().unwrap_or_default();
    // A pattern that the shell found no file for.
    if host.contains('*') {
        return false;
    }
    url.port().is_some() || host.contains('.') || host.starts_with('[') || host == "localhost"
}

/// Looks at the header of a file that can be read again, before an output or a journal is touched.
fn check_header(input: &Input, options: &ListOptions) -> Result<(), Problem> {
    let Input::File { file, name } = input else { return Ok(()) };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let cannot = |error: io::Error| {
        Problem::usage(format!("cannot read {name}: {error}"), "an INPUT is a file with a URL a line")
    };
    list(file.try_clone().map_err(cannot)?, name, options)?;
    let mut file = file;
    file.rewind().map_err(cannot)
}

/// A list whose header, if it is known to have one, has the column of the URLs.
pub(crate) fn list(
    bytes: impl Read + Send + 'static,
    name: &str,
    options: &ListOptions,
) -> Result<List, Problem> {
    let mut list = List::new(bytes, name, options.clone());
    list.read_header().map_err(|error| {
        let hint = match std::error::Error::source(&error) {
            Some(_) => "look whether it is whole, and who may read it",
            None => "--column NAME says which column has the URLs, --list-format what the list is",
        };
        Problem::broken(&error.into()).hint(hint).into_usage()
    })?;
    Ok(list)
}

/// Makes ready what is to be read.
pub(crate) fn sources(inputs: Vec<Input>, options: &ListOptions) -> Result<Vec<Source>, Problem> {
    let source = |input| match input {
        Input::File { file, name } => Ok(Source::List(Box::new(list(file, &name, options)?))),
        Input::Standard => Ok(Source::List(Box::new(list(io::stdin(), "-", options)?))),
        Input::Url(request) => Ok(Source::Url(Box::new(options.complete(request)))),
    };
    inputs.into_iter().map(source).collect()
}

/// The requests of all sources, one after another, read as they are needed.
pub(crate) fn requests(sources: Vec<Source>) -> impl Iterator<Item = Result<Request, Error>> + Send {
    sources.into_iter().flat_map(|source| -> Box<dyn Iterator<Item = Result<Request, Error>> + Send> {
        match source {
            Source::Url(request) => Box::new(std::iter::once(Ok(*request))),
            Source::List(list) => list,
        }
    })
}
