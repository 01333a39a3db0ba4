//! `headcount demo`: a small web of good and bad hosts on this machine, checked by the very same engine.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use headcount::record::Outcome;
use headcount::{Config, Engine, Request};
use headcount_outputs::Format;
use small_web::{Certificate, Host, KeepAliveEnd, SmallWeb, Temperament};

use super::check::{fit_to_descriptors, report};
use super::running::Run;
use crate::arguments::{OutputFlags, some_time};
use crate::output::{Output, Patience, Place, SelectionArguments};
use crate::progress::ProgressLine;
use crate::terminal::{ColorChoice, Exit, Problem};

/// Hosts that answer well and at once, and pages asked of each.
const GOOD_HOSTS: usize = 50;
const PAGES: usize = 16;

/// Long enough for the slow hosts, short enough for an audience.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Open files that the hosts take for themselves, and a few connections to them.
const FEWEST_DESCRIPTORS: u64 = 128;

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

pub(crate) fn run(arguments: &DemoArguments) -> Result<Exit, Problem> {
    // Before the hosts, which take many.
    raise_descriptors_to(FEWEST_DESCRIPTORS)?;
    let web = SmallWeb::start().map_err(|error| Problem::broken(&error.into()))?;
    let neighbourhood = Neighbourhood::build(&web);
    let mut config = Config::default();
    config.timeout = TIMEOUT;
    config.connect_timeout = TIMEOUT / 2;
    config.retries = 1;
    config.retry_delay = Duration::from_millis(100);
    config.extra_certificates = vec![web.authority_pem().as_bytes().to_vec()];
    // Both ends of each connection are here, and the hosts' own sockets.
    fit_to_descriptors(&mut config, 3, false)?;
    // A page to look at, beside the records.
    let page = arguments.output.with_extension("html");
    let mut outputs = vec![arguments.output.clone()];
    if Format::of_path(&arguments.output).is_some() && page != arguments.output {
        outputs.push(page);
    }
    let output = OutputFlags {
        output: outputs.clone(),
        format: None,
        jsonl: false,
        selection: SelectionArguments { title: Some("headcount demo".to_owned()), ..Default::default() },
        quiet: false,
        verbose: false,
        no_progress: arguments.no_progress,
        color: arguments.color,
    };
    let color = arguments.color;
    let urls = neighbourhood.urls;
    let count = urls.len();
    let opened =
        Output::open(&Place::new(&output, &[], &[])?, arguments.color, Patience::new(Duration::ZERO))?;
    tell(&format!("Checking {count} URLs on {} hosts of this machine.", neighbourhood.hosts))?;
    let engine = Engine::new(config).map_err(|error| Problem::broken(&error.into()))?;
    let finished = Run {
        start: move || engine.run(urls.into_iter().map(Request::from)),
        output: opened,
        progress: ProgressLine::new(!arguments.no_progress, false),
        grace: TIMEOUT,
        is_verbose: false,
    }
    .finish(move |finished| Some(report(finished, None, color, &outputs)))?;
    if let Some(problem) = finished.problem {
        return Err(Problem::broken(&anyhow::anyhow!(problem)));
    }
    if finished.was_interrupted {
        return Ok(Exit::Interrupted);
    }
    let summary = &finished.summary;
    let is_as_designed = summary.records() == count as u64
        && summary.accepted() == neighbourhood.expected_to_be_accepted
        && summary.outcome(Outcome::Interrupted) == 0;
    if !is_as_designed {
        let message = format!(
            "{} records of {count}, {} accepted of {}: this machine may be too busy, or a test it has failed",
            summary.records(),
            summary.accepted(),
            neighbourhood.expected_to_be_accepted
        );
        return Err(Problem::broken(&anyhow::anyhow!(message)));
    }
    tell("Every input has its record; the hosts that failed are meant to fail.")?;
    Ok(Exit::Accepted)
}

/// Raises the limit of open files as far as it goes; at least so many are needed.
pub(super) fn raise_descriptors_to(fewest: u64) -> Result<(), Problem> {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < fewest => Err(Problem::usage(
            format!("the demo needs {fewest} open files, and the limit is {limit}"),
            "raise it with `ulimit -n`",
        )),
        _ => Ok(()),
    }
}

pub(super) fn tell(line: &str) -> Result<(), Problem> {
    writeln!(io::stderr(), "{line}").map_err(|error| Problem::broken(&error.into()))
}

/// The demo's hosts, and what is asked of them.
struct Neighbourhood {
    hosts: usize,
    urls: Vec<String>,
    expected_to_be_accepted: u64,
}

impl Neighbourhood {
    fn build(web: &SmallWeb) -> Neighbourhood {
        let mut streets = Neighbourhood { hosts: 0, urls: Vec::new(), expected_to_be_accepted: 0 };
        for number in 0..GOOD_HOSTS {
            let host = named(&web.host(Temperament::Fast), &format!("shop-{number}"));
            streets.ask((0..PAGES).map(|page| format!("{host}/page/{page}")), true);
        }
        for number in 1..=8 {
            let wait = Duration::from_millis(40 * number);
            let host = named(&web.host(Temperament::Slow(wait)), &format!("slow-{number}"));
            streets.ask((0..8).map(|page| format!("{host}/page/{page}")), true);
        }
        for number in 0..5 {
            let host = web.tls_host(Temperament::Fast, Certificate::Good);
            streets.ask((0..8).map(|page| host.url_by_name(&format!("/page/{}", number * 8 + page))), true);
        }
        let world = named(&web.host(Temperament::Fast), "world");
        let charsets = ["utf-8", "utf-16le", "gbk", "big5", "shift_jis", "euc-kr", "windows-1251"];
        streets.ask(charsets.map(|charset| format!("{world}/charset/{charset}")), true);
        streets.ask([1, 2, 3].map(|hops| format!("{world}/redirect/{hops}")), true);
        streets.ask([404, 410, 500].map(|status| format!("{world}/status/{status}")), false);
        for (name, temperament) in well_meaning() {
            let host = named(&web.host(temperament), name);
            streets.ask((0..3).map(|page| format!("{host}/page/{page}")), true);
        }
        for (name, temperament) in ill_tempered() {
            let host = named(&web.host(temperament), name);
            streets.ask((0..3).map(|page| format!("{host}/page/{page}")), false);
        }
        for (certificate, temperament) in [
            (Certificate::Expired, Temperament::Fast),
            (Certificate::WrongName, Temperament::Fast),
            (Certificate::SelfSigned, Temperament::Fast),
            (Certificate::Good, Temperament::HandshakeReset),
            (Certificate::Good, Temperament::PlainHttpOnTlsPort),
        ] {
            let host = web.tls_host(temperament, certificate);
            streets.ask([host.url_by_name("/page/1")], false);
        }
        let nobody = format!("http://nobody.localhost:{}/", web.refused_address().port());
        streets.ask([nobody], false);
        streets.ask(
            ["not a URL", "ftp://files.localhost/", "mailto:someone@example.com"].map(str::to_owned),
            false,
        );
        streets.mix();
        streets
    }

    fn ask(&mut self, urls: impl IntoIterator<Item = String>, are_good: bool) {
        let before = self.urls.len();
        self.urls.extend(urls);
        self.hosts += 1;
        if are_good {
            self.expected_to_be_accepted += (self.urls.len() - before) as u64;
        }
    }

    /// A list in no order of hosts, the same each time.
    fn mix(&mut self) {
        let mut random = fastrand::Rng::with_seed(1);
        random.shuffle(&mut self.urls);
    }
}

fn named(host: &Host, name: &str) -> String {
    format!("http://{name}.localhost:{}", host.address().port())
}

/// Answers 429 to the eleventh request at once; the limit per host never comes to that.
fn ten_at_once() -> Temperament {
    Temperament::Throttling { at_once: 10, takes: Duration::from_millis(50), retry_after: None }
}

/// Hosts with habits that a client must be able to live with.
fn well_meaning() -> Vec<(&'static str, Temperament)> {
    vec![
        ("old", Temperament::Http10),
        ("early-hints", Temperament::InformationalFirst),
        ("nothing", Temperament::NoContent),
        ("hangs-up", Temperament::ClosesKeepAlive(KeepAliveEnd::AfterAnswers(2))),
        ("endless", Temperament::EndlessBody),
        ("long-title", Temperament::HugeTitle),
        ("escapes", Temperament::EscapesInTitle),
        ("ten-at-once", ten_at_once()),
    ]
}

/// Hosts that fail, each in its way.
fn ill_tempered() -> Vec<(&'static str, Temperament)> {
    vec![
        ("silent", Temperament::Silent),
        ("drips", Temperament::DripBody(Duration::from_millis(300))),
        ("drips-headers", Temperament::DripHeaders(Duration::from_millis(300))),
        ("resets", Temperament::ResetAfterRequest),
        ("closes", Temperament::CloseAfterRequest),
        ("resets-in-body", Temperament::ResetInBody),
        ("short", Temperament::ShortBody),
        ("bad-chunk", Temperament::BadChunk),
        ("bad-status-line", Temperament::MalformedStatusLine),
        ("bad-header", Temperament::MalformedHeader),
        ("two-lengths", Temperament::TwoContentLengths),
        ("endless-headers", Temperament::EndlessHeaders),
        ("circle", Temperament::RedirectLoop),
        ("to-nowhere", Temperament::RedirectToBadUrl),
        ("to-ftp", Temperament::RedirectToOtherScheme("ftp://files.localhost/")),
        ("gone", Temperament::Status(404)),
        ("broken", Temperament::Status(500)),
    ]
}
