//! The command line: flags as the user writes them, checked and turned into what the engine takes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, Parser, Subcommand};
use headcount::{AcceptedStatuses, Config, Engine};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::commands::{diff, report};
use crate::journal::JournalFlags;
use crate::output::{Format, SelectionArguments};
use crate::terminal::{ColorChoice, Exit, Problem};

/// As many requests at once as `-c auto` may come to.
const MOST_AT_ONCE: usize = 10_000;

/// One honest record for every URL.
#[derive(Debug, Parser)]
#[command(
    name = "headcount",
    version,
    args_override_self = true,
    arg_required_else_help = true,
    subcommand_required = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask every URL of a list, and write a record for each
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Box<CheckArguments>),
    /// Start a small web of good and bad hosts on this machine, and check it. Needs no network
    Demo(DemoArguments),
    /// Make a report, or other formats, of finished outputs
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArguments),
    /// Compare two runs: what broke, what healed, what changed
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::DiffArguments),
    /// Show what the journal of an unfinished run holds; verify or export it
    Journal(JournalArguments),
    /// Print the JSON Schema of a record
    Schema,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  headcount check urls.txt                       a table on the terminal
  headcount check urls.txt -o report.json        a JSON array, in the order of the list
  cat urls.txt | headcount check - | jq .title   JSON lines, as the answers come
  headcount check example.com/a example.com/b    URLs themselves

Exit codes:
  0 all accepted, 1 the run could not go on, 2 some record was not accepted,
  3 bad usage or configuration, 130 interrupted. A reader that closes the pipe
  (| head) has seen enough: that is 0";

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// Lists to read, URLs to ask, or - for standard input
    ///
    /// What names an existing file is a list: a URL a line; blank lines and lines that begin with # pass. Else what
    /// reads as a URL is one; `example.com` means `https://example.com/`. With no INPUT, and standard input not a
    /// terminal, the list is read from there.
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<OsString>,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) politeness: PolitenessArguments,
    #[command(flatten)]
    pub(crate) request: RequestArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) journal: JournalFlags,
}

/// `headcount journal`.
#[derive(Args, Debug)]
pub(crate) struct JournalArguments {
    /// The folder of the journal: that of report.json is report.json.headcount
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Read every line, whatever a checkpoint says; exit 1 if any is damaged
    #[arg(long)]
    pub(crate) verify: bool,
    /// Write the records so far to a file, .json or .jsonl, or to - as JSON lines
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Requests under way at once, over all hosts; `auto` grows from 100 while that makes the run faster
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = concurrency)]
    pub(crate) concurrency: Concurrency,
    /// Limit of one attempt, redirects included, waiting for a turn not: 10, 10s, 500ms, 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time)]
    timeout: Duration,
    /// Limit of resolving, connecting and the TLS handshake together
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = some_time)]
    connect_timeout: Duration,
    /// Further attempts after a failure or a 408, 429, 500, 502, 503 or 504; for idempotent methods only
    #[arg(long, value_name = "N", default_value = "2", value_parser = count, allow_negative_numbers = true)]
    retries: u32,
    /// Longest wait before the first retry; it doubles with each up to a minute. The wait is a random part of it
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    retry_delay: Duration,
    /// No retry of a URL begins later than this after its first request [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    retry_max_time: Option<Duration>,
    /// Memory for the part of the list that is read ahead (64M, 1G); what does not fit goes to a temporary file
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = bytes)]
    memory: u64,
    /// Redirects to follow; with 0 a redirect is the answer
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    max_redirects: u32,
    /// Bytes of a body to read (1048576, 64k, 1M); a longer one is cut and flagged
    #[arg(long, value_name = "BYTES", default_value = "1M", value_parser = bytes)]
    max_body: u64,
    /// After Ctrl+C, time for the requests under way to end
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) grace: Duration,
}

/// A host is a name with its port. Its pace is found by its answers; these are bounds.
#[derive(Args, Debug)]
#[command(next_help_heading = "Politeness")]
pub(crate) struct PolitenessArguments {
    /// Requests under way at once to one host, at most [default: found by its answers, up to 64]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    per_host: Option<usize>,
    /// Requests a second over all hosts, at most: 50, 0.5, 100/m
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,
    /// Requests a second to one host, at most
    #[arg(long, value_name = "RATE", value_parser = rate)]
    host_rate: Option<f64>,
    /// Time between two requests to one host, at least
    #[arg(long, value_name = "TIME", value_parser = duration)]
    delay: Option<Duration>,
    /// Hosts behind one address share the pace of one
    #[arg(long)]
    per_ip: bool,
    /// Ask each host for its robots.txt first, and keep to it
    #[arg(long)]
    robots: bool,
    /// Wait no longer than this for a host that asks for it (429, 503), in all for one URL
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    max_hold: Duration,
    /// At the end, say how the pace of this host (name, or name:port) was found
    #[arg(long, value_name = "HOST")]
    pub(crate) explain: Option<String>,
}

/// How many requests at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Concurrency {
    Fixed(usize),
    /// From the engine's default up, as far as it helps.
    Auto,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestArguments {
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
    /// Accept any TLS certificate; the records say so
    #[arg(short = 'k', long)]
    insecure: bool,
    /// A file of certificates in PEM, trusted besides the system's; repeatable
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    cacert: Vec<PathBuf>,
    /// Statuses that count as accepted, such as 200..=299,404
    #[arg(long, value_name = "STATUSES", default_value = "200..=299", value_parser = statuses)]
    accept: AcceptedStatuses,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Where the records go: a file, or - for standard output; repeatable
    ///
    /// Its ending says the format: .json (an array in the order of the inputs; appears whole or not at all), .jsonl
    /// (a line as each record comes), .csv, .parquet, .sqlite or .db (to which the run is added), .xml (JUnit), .md,
    /// .html (a page that needs no network). Without it, standard output gets a table on a terminal and JSON lines in
    /// a pipe. The journal stands beside the first.
    #[arg(short, long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) output: Vec<PathBuf>,
    /// The format, whatever the ending
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// JSON lines, as --format jsonl
    #[arg(short = 'j', long, conflicts_with = "format")]
    pub(crate) jsonl: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
    /// Errors only: no progress, no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// A line on standard error for every record that is not accepted
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// No progress line
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// Instead, compare ways to make ten and fifty slow calls: in turn, with threads, gathered with and without a limit
    ///
    /// Each call takes TIME, one second unless given; the whole takes fifty times that. The table goes to standard output.
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "1s")]
    #[arg(value_parser = some_time, conflicts_with = "output")]
    pub(crate) compare: Option<Duration>,
    /// Where the records go; a page to look at goes beside it, with the ending .html
    #[arg(short, long, value_name = "FILE", default_value = "headcount-demo.json")]
    pub(crate) output: PathBuf,
    /// No progress line
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
}

/// A command line that leads to no run: something to fix, or help that was asked for.
pub(crate) enum Refusal {
    Problem(Problem),
    Shown(Box<clap::Error>),
}

impl Refusal {
    pub(crate) fn print(self) -> std::process::ExitCode {
        match self {
            Refusal::Problem(problem) => problem.print().into(),
            Refusal::Shown(text) => {
                let is_help_wanted = !text.use_stderr();
                // Nobody is left to tell if standard output is gone.
                let _ = text.print();
                if is_help_wanted { Exit::Accepted } else { Exit::Usage }.into()
            }
        }
    }
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Refusal> {
    match CommandLine::try_parse_from(arguments) {
        Ok(line) => Ok(line.command),
        Err(error) => Err(match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Refusal::Shown(Box::new(error)),
            _ => Refusal::Problem(usage_problem(&error)),
        }),
    }
}

/// clap's finding in our words: what is wrong, then what to do.
fn usage_problem(error: &clap::Error) -> Problem {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let bare = |flag: String| flag.split([' ', '[']).next().unwrap_or_default().to_owned();
    let flag = bare(text(ContextKind::InvalidArg));
    let message = match error.kind() {
        ErrorKind::UnknownArgument => format!("unknown flag {flag}"),
        ErrorKind::InvalidSubcommand => format!("unknown command {}", text(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            format!("{flag} needs a value")
        }
        ErrorKind::InvalidValue => {
            let value = text(ContextKind::InvalidValue);
            format!("{value:?} is no value for {flag}; it takes {}", text(ContextKind::ValidValue))
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("{:?} is no value for {flag}: {reason}", text(ContextKind::InvalidValue))
        }
        ErrorKind::MissingRequiredArgument => format!("{} is missing", text(ContextKind::InvalidArg)),
        ErrorKind::ArgumentConflict => {
            format!("{flag} cannot be used with {}", bare(text(ContextKind::PriorArg)))
        }
        _ => error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned(),
    };
    let suggestion = text(ContextKind::SuggestedArg) + &text(ContextKind::SuggestedSubcommand);
    let hint = match suggestion.is_empty() {
        false => format!("did you mean {suggestion}?"),
        true => "`headcount COMMAND --help` shows every flag and what it takes".to_owned(),
    };
    Problem::usage(message, hint)
}

impl CheckArguments {
    /// What the engine takes. Reads the files that the flags name.
    pub(crate) fn config(&self) -> Result<Config, Problem> {
        let mut config = Config::default();
        config.task_tree_signal = true;
        match self.limits.concurrency {
            Concurrency::Fixed(concurrency) => config.concurrency = concurrency,
            Concurrency::Auto => config.concurrency_limit = Some(MOST_AT_ONCE),
        }
        config.retry_max_time = self.limits.retry_max_time;
        config.local_wait = self.journal.local_wait;
        config.memory = usize::try_from(self.limits.memory).unwrap_or(usize::MAX);
        self.politeness.set(&mut config);
        config.timeout = self.limits.timeout;
        config.connect_timeout = self.limits.connect_timeout;
        config.retries = self.limits.retries;
        config.retry_delay = self.limits.retry_delay;
        config.max_redirects = self.limits.max_redirects;
        config.max_body = self.limits.max_body;
        config.accept = self.request.accept.clone();
        config.insecure = self.request.insecure;
        config.headers = header_fields(&self.request.headers)?;
        if let Some(user_agent) = &self.request.user_agent {
            config.user_agent = user_agent.clone();
        }
        for file in &self.request.cacert {
            let pem = std::fs::read(file).map_err(|error| {
                let message = format!("cannot read {}: {error}", file.display());
                Problem::usage(message, "--cacert takes a file of certificates in PEM")
            })?;
            // Checked alone, so that the message can name the file.
            let mut alone = Config::default();
            alone.extra_certificates = vec![pem.clone()];
            if let Err(error) = Engine::new(alone) {
                let message = format!("{} cannot be used: {error}", file.display());
                return Err(Problem::usage(message, "--cacert takes a file of certificates in PEM"));
            }
            config.extra_certificates.push(pem);
        }
        Ok(config)
    }
}

impl PolitenessArguments {
    fn set(&self, config: &mut Config) {
        config.per_host = self.per_host.unwrap_or(config.per_host);
        config.rate = self.rate;
        config.host_rate = self.host_rate;
        config.delay = self.delay.unwrap_or_default();
        config.per_ip = self.per_ip;
        config.robots = self.robots;
        config.max_hold = self.max_hold;
        config.explain = self.explain.as_deref().map(host_with_port);
    }
}

/// The engine's name for a host: `example.com` means its port for https.
fn host_with_port(text: &str) -> String {
    let text = text.trim().trim_end_matches('/');
    match text.split_once("://") {
        Some((scheme, host)) => {
            let port = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
            with_port(host, port)
        }
        None => with_port(text, 443),
    }
}

fn with_port(host: &str, port: u16) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(name, port)| {
        !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) && !name.ends_with(':')
    });
    let host = host.to_ascii_lowercase();
    if has_port { host } else { format!("{host}:{port}") }
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

pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it takes a whole number from 1 on".to_owned()),
    }
}

fn concurrency(text: &str) -> Result<Concurrency, String> {
    match text {
        "auto" => Ok(Concurrency::Auto),
        _ => match at_least_one(text) {
            Ok(number) => Ok(Concurrency::Fixed(number)),
            Err(_) => Err("it takes a whole number from 1 on, or auto".to_owned()),
        },
    }
}

/// `10`, `0.5`, `10/s`, `100/m`, `1000/h`: in requests a second.
fn rate(text: &str) -> Result<f64, String> {
    let wrong = || "it takes requests a second, such as 50, 0.5, 100/m or 1000/h".to_owned();
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if (1e-6..=1e9).contains(&(number / seconds)) => Ok(number / seconds),
        _ => Err(wrong()),
    }
}

fn count(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it takes a whole number from 0 on".to_owned())
}

fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than zero".to_owned()),
        time => Ok(time),
    }
}

/// `10`, `10s`, `1.5s`, `500ms`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it takes a time such as 10, 10s, 500ms or 2m".to_owned();
    let digits =
        text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds_in_unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * seconds_in_unit) {
        // Deadlines are added to the clock, which must not overflow.
        Ok(time) if time <= Duration::from_secs(366 * 24 * 3_600) => Ok(time),
        _ => Err("it is longer than a year".to_owned()),
    }
}

/// `1048576`, `64k`, `1M`, `2G`, in powers of 1,024.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.strip_suffix(['k', 'K', 'M', 'G']) {
        Some(number) if text.ends_with('M') => (number, 20),
        Some(number) if text.ends_with('G') => (number, 30),
        Some(number) => (number, 10),
        None => (text, 0),
    };
    let number: u64 =
        number.parse().map_err(|_| "it takes a number of bytes such as 65536, 64k or 1M".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "it is too large".to_owned())
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

fn statuses(text: &str) -> Result<AcceptedStatuses, String> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_hands_know_them() {
        let cases =
            [("10", 10_000), ("10s", 10_000), ("500ms", 500), ("1.5s", 1_500), ("2m", 120_000), ("0", 0)];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "10 s", "1e400", "10d", "999999999h", "..", "1.2.3s", "NaN", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_counted_in_powers_of_1024() {
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("1M"), Ok(1 << 20));
        assert_eq!(bytes("0"), Ok(0));
        for text in ["", "k", "-1", "1.5M", "1T", "99999999999G"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }
}
