//! Flags about the requests: what is sent.

use clap::{ArgAction, Args};
use headcount::Config;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestFlags {
    /// Method of the requests
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET", value_parser = method)]
    pub(crate) method: Method,
    /// A header field, 'Name: value', or @FILE with one a line; repeatable
    ///
    /// Sent to the host that was asked for; a redirect to another origin gets none. In a file it is kept out of the
    /// list of processes.
    #[arg(short = 'H', long = "header", value_name = "FIELD", action = ArgAction::Append)]
    headers: Vec<String>,
    /// The User-Agent field [default: headcount/VERSION]
    #[arg(short = 'A', long, value_name = "TEXT", value_parser = header_value)]
    user_agent: Option<HeaderValue>,
}

impl RequestFlags {
    pub(super) fn set(&self, config: &mut Config) -> Result<(), Problem> {
        config.headers = header_fields(&self.headers)?;
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
    let mut value =
        HeaderValue::from_str(value.trim()).map_err(|_| problem("its value holds control characters"))?;
    value.set_sensitive(true);
    match fields.try_append(name, value) {
        Ok(_) => Ok(()),
        Err(_) => Err(problem("there are too many before it")),
    }
}
