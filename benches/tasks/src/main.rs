//! Runs each case under each system in a process of its own, turn by turn so that all meet the same
//! machine, and prints the medians side by side.
//!
//! `bench-tasks [rounds]`; the environment variable `PYTHON` names an interpreter for asyncio (with
//! uvloop if it can import that); `setup-python.sh` makes one.

mod bare_tokio;
mod ours;

use std::process::{Command, ExitCode};

/// The cases and how often each repeats its operation; a tenth as often in Python.
const CASES: [(&str, usize, &str); 9] = [
    ("spawn-join", 1_000_000, "spawn and join, batches of 1,000"),
    ("spawn-join-one", 500_000, "spawn and join, one by one"),
    ("sleeps", 100_000, "gather of 100,000 sleeps"),
    ("queue", 1_000_000, "queue hand-off, room for 1"),
    ("semaphore", 1_000_000, "semaphore hand-off, 10 tasks"),
    ("cancel", 100_000, "cancel 100,000 tasks"),
    ("yield", 3_000_000, "yields, 100 tasks"),
    ("thread", 300_000, "wake-ups from a thread"),
    ("memory", 1_000_000, "bytes a waiting task, of 1,000,000"),
];

const SYSTEMS: [&str; 5] = ["tokio", "ours", "watchdog", "asyncio", "uvloop"];

/// What one case cost: nanoseconds of CPU time an operation, or bytes a task.
struct Cost(f64);

#[expect(clippy::disallowed_macros, reason = "a table on standard output is what this program is for")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [system, case, times] = arguments.as_slice() {
        let Ok(times) = times.parse() else { return ExitCode::FAILURE };
        let cost = match system.as_str() {
            "tokio" => bare_tokio::measure(case, times),
            _ => ours::measure(case, times, system == "watchdog"),
        };
        println!("{}", cost.0);
        return ExitCode::SUCCESS;
    }
    let rounds = arguments.first().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    println!("CPU nanoseconds an operation (bytes for memory), medians of {rounds}; ratios to bare tokio\n");
    println!("| |bare tokio|headcount-tasks|with the watchdog|asyncio|asyncio on uvloop|\n|-|-|-|-|-|-|");
    for (case, times, title) in CASES {
        let mut costs: [Vec<f64>; SYSTEMS.len()] = Default::default();
        for _ in 0..rounds {
            for (system, costs) in SYSTEMS.iter().zip(&mut costs) {
                costs.extend(run(system, case, times));
            }
        }
        let medians = costs.map(median);
        let bare = medians[0];
        let cells = medians.iter().enumerate().map(|(index, cost)| match (cost, bare) {
            (Some(cost), Some(bare)) if index > 0 => format!("{cost:.0} ({:.2})", cost / bare),
            (Some(cost), _) => format!("{cost:.0}"),
            (None, _) => "not to be had".to_owned(),
        });
        println!("|{title}|{}|", cells.collect::<Vec<_>>().join("|"));
    }
    ExitCode::SUCCESS
}

/// Measures in a fresh process; none where the system is missing.
fn run(system: &str, case: &str, times: usize) -> Option<f64> {
    let mut command = if system == "asyncio" || system == "uvloop" {
        let mut command = Command::new(std::env::var_os("PYTHON")?);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/asyncio_cases.py")).args([system, case]);
        command.arg((if case == "memory" || case == "sleeps" { times } else { times / 10 }).to_string());
        command
    } else {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command.args([system, case, &times.to_string()]);
        command
    };
    let output = command.output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn median(mut costs: Vec<f64>) -> Option<f64> {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied()
}

/// Nanoseconds of CPU time that this process has used, all its threads together.
fn cpu_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Bytes of memory in use.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(f64::NAN);
    pages * 4096.0
}
