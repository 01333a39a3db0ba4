//! Flags about the requests: what is sent.

use std::path::Path;

use clap::{ArgAction, Args};
use headcount::{Config, basic_authorization};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::de::IgnoredAny;

use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestFlags {
    /// Method of requests whose row names none [default: GET; POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = method)]
    method: Option<Method>,
    /// A header field, 'Name: value', or @FILE with one a line; repeatable
    ///
    /// Sent only to the origin on the list: a redirect to another origin gets none of them. 'Name:' with nothing behind
    /// the colon removes a field that is otherwise sent. With @FILE a secret does not appear in the process list.
    #[arg(short = 'H', long = "header", value_name = "FIELD", action = ArgAction::Append)]
    headers: Vec<String>,
    /// A body for every request, as text or @FILE; several are joined with &
    ///
    /// Sent by POST as application/x-www-form-urlencoded, unless -X and -H say otherwise. A file is sent as it is,
    /// byte for byte. A redirect that would send it to another origin is not followed: redirect/denied.
    #[arg(short = 'd', long, value_name = "DATA", action = ArgAction::Append)]
    data: Vec<String>,
    /// A JSON body for every request, as text or @FILE; sets Content-Type and Accept
    #[arg(long, value_name = "JSON", conflicts_with = "data")]
    json: Option<String>,
    /// NAME:PASSWORD for Basic authorization, or @FILE with it in its first line
    ///
    /// A name and password in a URL take precedence. With @FILE they do not appear in the process list.
    #[arg(long, value_name = "NAME:PASSWORD")]
    user: Option<String>,
    /// The User-Agent field [default: headcount/VERSION]
    #[arg(short = 'A', long, value_name = "TEXT", value_parser = header_value)]
    user_agent: Option<HeaderValue>,
}

impl RequestFlags {
    /// The method that is asked for, or that follows from there being a body.
    pub(crate) fn method(&self) -> Option<Method> {
        let has_body = !self.data.is_empty() || self.json.is_some();
        self.method.clone().or_else(|| has_body.then_some(Method::POST))
    }

    /// The files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let arguments = self.headers.iter().chain(&self.data).chain(&self.json).chain(&self.user);
        arguments.filter_map(|argument| argument.strip_prefix('@')).map(Path::new)
    }

    pub(super) fn set(&self, config: &mut Config) -> Result<(), Problem> {
        config.headers = header_fields(&self.headers)?;
        if let Some(json) = &self.json {
            config.body = Some(json_body(json)?.into());
            say_unless_said(&mut config.headers, CONTENT_TYPE, "application/json");
            say_unless_said(&mut config.headers, ACCEPT, "application/json");
        } else if !self.data.is_empty() {
            let parts =
                self.data.iter().map(|data| text_or_file(data, "-d")).collect::<Result<Vec<_>, _>>()?;
            config.body = Some(parts.join(&b'&').into());
            say_unless_said(&mut config.headers, CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(user) = &self.user {
            let value = authorization(user)?;
            if config.headers.insert(AUTHORIZATION, value).is_some() {
                return Err(Problem::usage("--user and -H both say who is asking", "leave one of them out"));
            }
        }
        if let Some(user_agent) = &self.user_agent {
            config.user_agent = user_agent.clone();
        }
        Ok(())
    }
}

fn method(text: &str) -> Result<Method, String> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => Err("CONNECT asks for a tunnel, not for an answer".to_owned()),
        Ok(method) => Ok(method),
        Err(_) => Err("a method is a single word, such as GET or HEAD".to_owned()),
    }
}

/// What stands in the argument, or in the file that it names.
fn text_or_file(argument: &str, flag: &str) -> Result<Vec<u8>, Problem> {
    let Some(file) = argument.strip_prefix('@') else { return Ok(argument.as_bytes().to_vec()) };
    if file == "-" {
        let hint = format!("put it into a file: {flag} @FILE");
        return Err(Problem::usage(format!("{flag} @- would read standard input, which is for lists"), hint));
    }
    std::fs::read(file).map_err(|error| {
        Problem::usage(format!("cannot read {file}: {error}"), format!("{flag} @FILE takes a file"))
    })
}

fn json_body(argument: &str) -> Result<Vec<u8>, Problem> {
    let body = text_or_file(argument, "--json")?;
    // What was read is not shown: it may be a secret.
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(error) => {
            let place = format!("line {} column {}", error.line(), error.column());
            Err(Problem::usage(
                format!("--json holds no JSON: it goes wrong at {place}"),
                "-d with -H 'Content-Type: …' sends what it is given",
            ))
        }
    }
}

/// The field that `NAME:PASSWORD` comes to.
fn authorization(argument: &str) -> Result<HeaderValue, Problem> {
    let text = text_or_file(argument, "--user")?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.iter().position(|byte| *byte == b':') {
        Some(colon) => Ok(basic_authorization(&line[..colon], &line[colon + 1..])),
        None => Err(Problem::usage(
            "--user has no password, and headcount does not ask for one",
            "write --user NAME:PASSWORD, --user NAME: without one, or --user @FILE",
        )),
    }
}

/// Adds a field that the user has not set.
fn say_unless_said(fields: &mut HeaderMap, name: HeaderName, value: &'static str) {
    fields.entry(name).or_insert(HeaderValue::from_static(value));
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| "it holds control characters".to_owned())
}

fn header_fields(arguments: &[String]) -> Result<HeaderMap, Problem> {
    let mut fields = HeaderMap::new();
    for (number, argument) in arguments.iter().enumerate() {
        let Some(file) = argument.strip_prefix('@') else {
            add_field(&mut fields, argument, &format!("header {} of the command line", number + 1))?;
            continue;
        };
        let text = std::fs::read_to_string(file).map_err(|error| {
            Problem::usage(
                format!("cannot read {file}: {error}"),
                "-H @FILE takes a file with a header field a line",
            )
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                add_field(&mut fields, line, &format!("line {} of {file}", number + 1))?;
            }
        }
    }
    Ok(fields)
}

/// `place` stands in the message instead of the field, which may be a secret.
fn add_field(fields: &mut HeaderMap, text: &str, place: &str) -> Result<(), Problem> {
    let problem = |reason: &str| {
        Problem::usage(format!("{place} is no header field: {reason}"), "write it as 'Name: value'")
    };
    let (name, value) = text.split_once(':').ok_or_else(|| problem("it has no colon"))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| problem("its name is no token"))?;
    if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
        return Err(Problem::usage(
            format!("{place} says how the body is sent, which is not for it to say"),
            "leave it out; a body (-d, --json) is sent with its length",
        ));
    }
    let mut value =
        HeaderValue::from_str(value.trim()).map_err(|_| problem("its value holds control characters"))?;
    value.set_sensitive(true);
    match fields.try_append(name, value) {
        Ok(_) => Ok(()),
        Err(_) => Err(problem("there are too many before it")),
    }
}
