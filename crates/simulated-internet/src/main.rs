//! The simulated internet from the command line: tables of policies beside the ideal, scheduling at scale, and whole
//! runs of the engine.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use headcount::simulation::Circumstances;
use simulated_internet::discrete::{self, Options, Report};
use simulated_internet::policies::{AdaptiveConcurrency, AutoThrottle, Controller, Fixed, PerHost, Shipping};
use simulated_internet::{Caps, Ideal, Scenario, whole_run};

/// That of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A run that takes so many times the ideal is given up.
const HOPELESS: u32 = 40;

#[derive(Parser)]
#[command(about = "Hosts in memory, to hold schedulers against")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The time each policy takes, over the ideal, and in brackets its rejections per 100 answers.
    Table {
        /// How many seeds to take the mean over.
        #[arg(long, default_value_t = 3)]
        seeds: u64,
        /// Scenario files; all of this crate's with a letter, unless given.
        scenarios: Vec<PathBuf>,
    },
    /// The scheduler that ships, over very many hosts.
    Scale {
        /// How many hosts.
        #[arg(long, default_value_t = 10_000_000)]
        hosts: usize,
        /// URLs of each.
        #[arg(long, default_value_t = 10)]
        urls: u64,
        /// Requests under way at once.
        #[arg(long, default_value_t = 10_000)]
        concurrency: usize,
        /// URLs that the policy may hold.
        #[arg(long, default_value_t = 50_000)]
        read_ahead: usize,
    },
    /// A run in real time, over hosts that answer at once: what more event loops are worth.
    Loops {
        /// How many loops.
        #[arg(long, default_value_t = 1)]
        loops: usize,
        /// How many URLs.
        #[arg(long, default_value_t = 200_000)]
        urls: u64,
    },
    /// Whole runs of the shipping engine.
    Run(RunArguments),
}

#[derive(Args)]
struct RunArguments {
    /// Print what the hosts saw, line by line.
    #[arg(long)]
    events: bool,
    /// Print how the pace of this host was found, such as `slots-3.example:80`.
    #[arg(long, value_name = "HOST")]
    explain: Option<String>,
    /// The scenario file.
    scenario: PathBuf,
    /// Decides the hosts, the list and the order of the engine's tasks.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many runs, each with the next seed.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    match Arguments::parse().command {
        Command::Table { seeds, scenarios } => {
            let paths = if scenarios.is_empty() { own_scenarios()? } else { scenarios };
            table(&mut out, &paths, seeds)
        }
        Command::Scale { hosts, urls, concurrency, read_ahead } => {
            scale(&mut out, hosts, urls, concurrency, read_ahead)
        }
        Command::Loops { loops, urls } => simulated_internet::loops::run(&mut out, loops, urls),
        Command::Run(arguments) => whole_runs(&mut out, &arguments),
    }
}

/// How one policy runs one scenario.
type Contender = (&'static str, fn(&Scenario, &Options) -> Report);

const CONTENDERS: [Contender; 4] = [
    ("Headcount", ship),
    ("fixed 8, hold on 429 and 503", contend::<Fixed<8>>),
    ("Scrapy's AutoThrottle", contend::<AutoThrottle>),
    ("Vector's ARC", contend::<AdaptiveConcurrency>),
];

fn contend<C: Controller>(scenario: &Scenario, options: &Options) -> Report {
    let mut policy = PerHost::<C>::new(scenario.concurrency, scenario.per_host);
    discrete::run(scenario, &mut policy, options)
}

fn ship(scenario: &Scenario, options: &Options) -> Report {
    discrete::run(scenario, &mut Shipping::new(scenario, options.seed), options)
}

fn table(out: &mut impl Write, paths: &[PathBuf], seeds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let scenarios = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    write!(out, "| per host |")?;
    for scenario in &scenarios {
        write!(out, " {} |", scenario.title)?;
    }
    writeln!(out, "\n|-|{}", "-|".repeat(scenarios.len()))?;
    write!(out, "| the ideal, T* |")?;
    for scenario in &scenarios {
        let ideal = Ideal::of(scenario, 0, &Caps::of(scenario));
        write!(out, " {:.1} s ({:?}) |", ideal.time.as_secs_f64(), ideal.term)?;
    }
    writeln!(out)?;
    for (name, contend) in CONTENDERS {
        write!(out, "| {name} |")?;
        for scenario in &scenarios {
            write!(out, " {} |", cell(scenario, contend, seeds))?;
            out.flush()?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Means over the seeds; a run that was given up shows as a lower bound.
fn cell(scenario: &Scenario, contend: fn(&Scenario, &Options) -> Report, seeds: u64) -> String {
    let (mut ratio, mut rejections, mut is_whole) = (0.0, 0.0, true);
    for seed in 0..seeds.max(1) {
        let ideal = Ideal::of(scenario, seed, &Caps::of(scenario)).time;
        let options = Options { seed, read_ahead: usize::MAX, longest: ideal * HOPELESS };
        let report = contend(scenario, &options);
        ratio += report.took.as_secs_f64() / ideal.as_secs_f64();
        rejections += report.rejections_per_100();
        is_whole &= report.is_whole;
    }
    let (ratio, rejections) = (ratio / seeds.max(1) as f64, rejections / seeds.max(1) as f64);
    let sign = if is_whole { "" } else { "> " };
    let digits = usize::from(rejections > 0.0 && rejections < 10.0);
    format!("{sign}{ratio:.2} ({rejections:.digits$})")
}

fn scale(
    out: &mut impl Write,
    hosts: usize,
    urls: u64,
    concurrency: usize,
    read_ahead: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let text = format!(
        "title = \"scale\"\nconcurrency = {concurrency}\n[[hosts]]\nname = \"host\"\ncount = {hosts}\nurls = {urls}\n\
         model = {{ service = {{ mean_ms = 150, log_normal = 0.7 }} }}"
    );
    let scenario = Scenario::parse(&text)?;
    let ideal = Ideal::of(&scenario, 0, &Caps::of(&scenario));
    let report = ship(&scenario, &Options { seed: 0, read_ahead, longest: Duration::MAX });
    writeln!(
        out,
        "{} URLs of {hosts} hosts answered, {} failed; {:.0} s of simulated time, {:.2} of the ideal; at most {} hosts \
         remembered at once",
        report.answered,
        report.failed,
        report.took.as_secs_f64(),
        report.took.as_secs_f64() / ideal.time.as_secs_f64(),
        report.hosts_at_once,
    )?;
    if let Some(peak) = peak_memory() {
        writeln!(out, "peak memory: {peak}")?;
    }
    Ok(())
}

fn whole_runs(out: &mut impl Write, arguments: &RunArguments) -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Rc::new(read(&arguments.scenario)?);
    let (mut ratios, mut rejections) = (0.0, 0.0);
    for seed in arguments.seed..arguments.seed + arguments.seeds {
        let (ratio, rejected) = whole_run(out, &scenario, seed, arguments)?;
        ratios += ratio;
        rejections += rejected;
    }
    if arguments.seeds > 1 {
        let seeds = arguments.seeds as f64;
        writeln!(out, "on average {:.2} of the ideal, {:.1} rejections", ratios / seeds, rejections / seeds)?;
    }
    Ok(())
}

/// Runs it once, and says how it went: the time over the ideal, and the rejections per 100 accepted.
fn whole_run(
    out: &mut impl Write,
    scenario: &Rc<Scenario>,
    seed: u64,
    arguments: &RunArguments,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let circumstances = Circumstances { seed, stop: None };
    let mut config = whole_run::config(scenario);
    config.explain.clone_from(&arguments.explain);
    let (simulated, trace) = whole_run::run(scenario, config, circumstances)?;
    for event in trace.events().iter().filter(|_| arguments.events) {
        let (at, host) = (event.at.as_secs_f64(), scenario.name_of(event.host));
        writeln!(out, "{at:>12.6}  {host:<24} {:?}", event.what)?;
    }
    for (at, what) in simulated.explanation {
        writeln!(out, "{:>12.6}  {what}", at.as_secs_f64())?;
    }
    let ideal = Ideal::of(scenario, seed, &Caps::of(scenario)).time;
    let accepted = simulated.records.iter().filter(|record| record.accepted).count();
    let ratio = simulated.took.as_secs_f64() / ideal.as_secs_f64();
    let rejections = trace.rejections() as f64 * 100.0 / accepted.max(1) as f64;
    writeln!(
        out,
        "{} records, {accepted} of them accepted; {:.3} s, {ratio:.2} of the ideal; {rejections:.1} rejections per 100 \
         accepted",
        simulated.records.len(),
        simulated.took.as_secs_f64(),
    )?;
    Ok((ratio, rejections))
}

fn read(path: &Path) -> Result<Scenario, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path).map_err(|reason| format!("{}: {reason}", path.display()))?;
    Ok(Scenario::parse(&text).map_err(|reason| format!("{}: {reason}", path.display()))?)
}

/// Those with a letter before their name, in order.
fn own_scenarios() -> io::Result<Vec<PathBuf>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let has_letter = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().as_bytes().get(1) == Some(&b'-'))
    };
    let mut paths: Vec<PathBuf> = paths.into_iter().filter(has_letter).collect();
    paths.sort();
    Ok(paths)
}

/// Linux counts it for us.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
