//! `headcount demo --compare`: the same slow calls in turn, with threads, gathered with a limit, and without one.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use headcount::{Config, Engine};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use small_web::{Host, SmallWeb, Temperament};
use tokio::time::Instant;

use super::demo::{DemoArguments, raise_descriptors_to, tell};
use crate::progress::TICK;
use crate::terminal::{Exit, Palette, Problem, time};

/// How many calls are made, a column each.
const CALLS: [usize; 2] = [10, 50];

/// The limit of those that have one.
const AT_ONCE: usize = 10;

/// What a host takes at once: well above the limit, since it may count a call a little longer than the client does.
const HOST_TAKES: usize = 20;

/// A call that takes this much longer than it should will not end at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both ends of about a hundred connections, the hosts, and the engines.
const FEWEST_DESCRIPTORS: u64 = 256;

/// A row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    InTurn,
    Threads,
    GatheredWithLimit,
    Gathered,
}

const WAYS: [Way; 4] = [Way::InTurn, Way::Threads, Way::GatheredWithLimit, Way::Gathered];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::InTurn => "in turn",
            Way::Threads => "ten threads",
            Way::GatheredWithLimit => "gathered, ten at once",
            Way::Gathered => "gathered, no limit",
        }
    }
}

/// A cell: one way to make so many calls, and what has come of them so far.
struct Run {
    way: Way,
    calls: usize,
    call_takes: Duration,
    host: Host,
    answered: AtomicUsize,
    refused: AtomicUsize,
    took: OnceLock<Duration>,
}

pub(super) fn run(arguments: &DemoArguments, call_takes: Duration) -> Result<Exit, Problem> {
    raise_descriptors_to(FEWEST_DESCRIPTORS)?;
    let web = SmallWeb::start().map_err(|error| Problem::broken(&error.into()))?;
    let runs: Vec<Run> =
        WAYS.iter().flat_map(|way| CALLS.map(|calls| Run::new(&web, *way, calls, call_takes))).collect();
    let longest = call_takes * CALLS.into_iter().max().unwrap_or_default() as u32;
    tell(&format!(
        "Ten, then fifty calls of {}, to hosts of this machine that take {HOST_TAKES} at once.\n\
         All ways go on at the same time, since they only wait. Fifty in turn take {}.",
        time(call_takes.as_secs_f64()),
        time(longest.as_secs_f64())
    ))?;
    let bar = live_table(!arguments.no_progress);
    let live_palette = Palette::new(arguments.color.is_on(&io::stderr()));
    let results: Vec<anyhow::Result<()>> = thread::scope(|s| {
        let asking: Vec<_> = runs.iter().map(|run| s.spawn(|| run.ask())).collect();
        while !asking.iter().all(|thread| thread.is_finished()) {
            bar.set_message(table(&runs, live_palette));
            thread::park_timeout(TICK);
        }
        asking
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    bar.finish_and_clear();
    results.into_iter().collect::<anyhow::Result<()>>().map_err(|error| Problem::broken(&error))?;

    let text = table(&runs, Palette::new(arguments.color.is_on(&io::stdout())));
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::broken(&error.into())),
        _ => Ok(Exit::Accepted),
    }
}

impl Run {
    fn new(web: &SmallWeb, way: Way, calls: usize, call_takes: Duration) -> Run {
        // A host each, so that no way meets the calls of another.
        let host =
            web.host(Temperament::Throttling { at_once: HOST_TAKES, takes: call_takes, retry_after: None });
        let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Run { way, calls, call_takes, host, answered, refused, took: OnceLock::new() }
    }

    fn ask(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        match self.way {
            Way::InTurn => self.ask_with_engine(1)?,
            Way::Threads => self.ask_with_threads()?,
            Way::GatheredWithLimit => self.ask_with_engine(AT_ONCE)?,
            Way::Gathered => self.ask_with_engine(self.calls)?,
        }
        // Set once, here.
        let _ = self.took.set(start.elapsed());
        Ok(())
    }

    fn ask_with_engine(&self, at_once: usize) -> anyhow::Result<()> {
        let mut config = Config::default();
        (config.concurrency, config.per_host, config.retries) = (at_once, at_once, 0);
        config.timeout = self.call_takes + PATIENCE;
        let urls: Vec<String> = (0..self.calls).map(|call| self.host.url(&format!("/page/{call}"))).collect();
        for record in Engine::new(config)?.run(urls)?.blocking() {
            let record = record?;
            match (record.status_code, record.error) {
                (Some(status), _) => self.count(status),
                (None, error) => anyhow::bail!("a call of `{}` failed: {error:?}", self.way.name()),
            }
        }
        Ok(())
    }

    /// Ten threads share the calls, each by a client that blocks.
    fn ask_with_threads(&self) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        let work = || -> io::Result<()> {
            loop {
                let call = next.fetch_add(1, Relaxed);
                if call >= self.calls {
                    return Ok(());
                }
                self.count(get_status(self.host.address(), call, self.call_takes + PATIENCE)?);
            }
        };
        thread::scope(|s| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| s.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        Ok(())
    }

    fn count(&self, status: u16) {
        let counter = if status == 429 { &self.refused } else { &self.answered };
        counter.fetch_add(1, Relaxed);
    }

    /// `5.02 s`, `1.01 s, 30 times 429`, and `12 of 50` for as long as it lasts.
    fn cell(&self) -> String {
        let (answered, refused) = (self.answered.load(Relaxed), self.refused.load(Relaxed));
        match (self.took.get(), refused) {
            (None, _) => format!("{} of {}", answered + refused, self.calls),
            (Some(took), 0) => time(took.as_secs_f64()),
            (Some(took), refused) => format!("{}, {refused} times 429", time(took.as_secs_f64())),
        }
    }
}

/// Asks and waits for the whole answer, as a client does that knows no other way.
fn get_status(host: SocketAddr, call: usize, timeout: Duration) -> io::Result<u16> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(timeout))?;
    write!(stream, "GET /page/{call} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an answer without a status"))
}

/// Shows only where somebody can see it.
fn live_table(is_wanted: bool) -> ProgressBar {
    let bar = match is_wanted && io::stderr().is_terminal() {
        true => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10)),
        false => ProgressBar::hidden(),
    };
    bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
    bar
}

/// A row for each way, a column for each number of calls. `runs` stand row by row.
fn table(runs: &[Run], palette: Palette) -> String {
    let Palette { bad, strong, reset, .. } = palette;
    let headings = CALLS.map(|calls| format!("{:<14}", format!("{calls} calls"))).concat();
    let mut text = format!("\n{strong}{:24}{}{reset}", "", headings.trim_end());
    for row in runs.chunks(CALLS.len()) {
        let cells: String = row.iter().map(|run| format!("{:<14}", run.cell())).collect();
        let has_refused = row.iter().any(|run| run.refused.load(Relaxed) > 0);
        let (color, reset) = if has_refused { (bad, reset) } else { ("", "") };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {:22}{color}{}{reset}", row[0].way.name(), cells.trim_end());
    }
    text
}
