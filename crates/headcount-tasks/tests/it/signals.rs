//! Signals, each in a process of its own: this test binary run again, for one test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount_tasks::{Runner, Value, scope, sleep, until_cancelled, yield_now};

use crate::support::{MS, SECOND};

const ROLE: &str = "HEADCOUNT_TEST_ROLE";

/// Does nothing unless one of the tests below, or of another module, has started it.
#[test]
fn child_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "unlucky" => headcount_tasks::testing::check(|| async { Err::<(), _>("unlucky") }),
        "deadlocked" => headcount_tasks::testing::check(|| async {
            let queue = headcount_tasks::Queue::<u8>::new("orders", 1);
            drop(queue.get().await);
        }),
        "never polled" => {
            let main = async { drop(headcount_tasks::gather([async {}])) };
            Runner::new().signals(false).run(main).unwrap();
        }
        "watched" => print_watchdogs(true),
        "unwatched" => print_watchdogs(false),
        _ => run_until_a_signal(role),
    }
}

/// How many watchdogs this process has while a loop runs.
#[expect(clippy::disallowed_macros, reason = "its output is what the parent reads")]
fn print_watchdogs(debug: bool) {
    let main = async move {
        let begun = tokio::time::Instant::now();
        // The watchdog gives itself its name when it starts: where there is to be none, a moment has to do.
        let patience = if debug { 10 * SECOND } else { 200 * MS };
        loop {
            sleep(10 * MS).await;
            let threads = std::fs::read_dir("/proc/self/task")?.flatten();
            let names = threads.flat_map(|thread| std::fs::read_to_string(thread.path().join("comm")));
            let watchdogs = names.filter(|name| name.starts_with("headcount-watch")).count();
            if watchdogs > 0 || begun.elapsed() > patience {
                return Ok::<_, std::io::Error>(watchdogs);
            }
        }
    };
    let watchdogs = Runner::new().signals(false).debug(debug).run(main).unwrap();
    eprintln!("{watchdogs} watchdogs");
}

#[expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "its output is what the parent reads; some roles block"
)]
fn run_until_a_signal(role: String) {
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    let runner = Runner::new().debug(role == "stopped").slow_poll(2 * SECOND);
    let runner = runner.on_report(move |report| {
        eprintln!("{report}");
        tell.store(true, Ordering::Release);
    });
    let finishes = role == "finishes";
    let result = runner.run(async move {
        eprintln!("ready");
        match role.as_str() {
            "blocks" => std::thread::sleep(60 * SECOND),
            "only waits" => sleep(60 * SECOND).await,
            "stopped" => {
                // Until the watchdog is known to be awake.
                while !told.load(Ordering::Acquire) {}
                yield_now().await;
                spin_through_a_stop();
            }
            "finishes" => {}
            _ => {
                scope(async |s| {
                    s.spawn("worker", async {
                        let _told = until_cancelled(sleep(60 * SECOND)).await;
                        sleep(10 * MS).await;
                        eprintln!("cleaned up");
                    });
                })
                .await?;
            }
        }
        Ok::<_, headcount_tasks::Error>(Value(()))
    });
    match result {
        Ok(_) => eprintln!("finished"),
        Err(error) => eprintln!("result: {error}"),
    }
    if finishes {
        std::thread::sleep(60 * SECOND);
    }
}

/// Keeps the loop from turning until the process has been stopped and continued, and a little
/// longer, so that the watchdog has looked.
#[expect(clippy::disallowed_macros, clippy::disallowed_methods, reason = "real time is the subject")]
fn spin_through_a_stop() {
    let begun = std::time::Instant::now();
    // Longer than the watchdog naps: it has seen this poll before the process is stopped.
    while begun.elapsed() < 700 * MS {}
    let mut last = std::time::Instant::now();
    eprintln!("spinning");
    // Should nobody stop it, it ends all the same.
    while begun.elapsed() < 30 * SECOND {
        let now = std::time::Instant::now();
        if now - last > 600 * MS {
            break;
        }
        last = now;
    }
    let continued = std::time::Instant::now();
    while continued.elapsed() < 500 * MS {}
}

/// This binary in another role.
fn command(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "signals::child_process", "--nocapture"]).env(ROLE, role);
    for variable in ["HEADCOUNT_DEBUG", "HEADCOUNT_SEED", "HEADCOUNT_SEEDS"] {
        command.env_remove(variable);
    }
    command
}

struct Process(Child, BufReader<std::process::ChildStderr>);

impl Process {
    fn start(role: &str) -> Self {
        let mut child = command(role).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut process = Self(child, stderr);
        process.read_until("ready");
        process
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }

    fn read_until(&mut self, part: &str) -> String {
        let mut text = String::new();
        while !text.contains(part) {
            assert!(self.1.read_line(&mut text).unwrap() > 0, "`{part}` not in {text}");
        }
        text
    }

    fn end(mut self) -> (String, Option<i32>) {
        let mut text = String::new();
        self.1.read_to_string(&mut text).unwrap();
        (text, self.0.wait().unwrap().code())
    }
}

#[test]
fn ctrl_c_and_sigterm_cancel_the_run_which_cleans_up() {
    for (signal, name) in [("-INT", "Ctrl+C"), ("-TERM", "SIGTERM")] {
        let process = Process::start("waits");
        process.signal(signal);
        let (text, status) = process.end();
        assert_eq!(text, format!("cleaned up\nresult: interrupted by {name}\n"));
        assert_eq!(status, Some(0));
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once_even_when_the_loop_is_blocked() {
    let process = Process::start("blocks");
    process.signal("-INT");
    // Two signals of one kind that come together count as one; of two kinds, either may be heard first.
    process.signal("-TERM");
    let (_, status) = process.end();
    assert!(matches!(status, Some(130 | 143)), "{status:?}");
}

#[test]
fn sigusr1_prints_the_tree() {
    let mut process = Process::start("waits");
    process.signal("-USR1");
    let tree = process.read_until("worker");
    assert!(tree.contains("2 tasks") && tree.contains("main (waiting, "), "{tree}");
    process.signal("-INT");
    assert!(process.end().0.contains("interrupted"));
}

#[test]
fn ctrl_c_ends_a_main_task_that_only_waits() {
    let process = Process::start("only waits");
    process.signal("-INT");
    assert_eq!(process.end().0, "result: interrupted by Ctrl+C\n");
}

#[test]
fn after_the_run_a_signal_does_again_what_it_did_before() {
    let mut process = Process::start("finishes");
    process.read_until("finished");
    process.signal("-INT");
    assert_eq!(process.end(), (String::new(), None), "ended by the signal itself");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the tree is to show that time has passed")]
fn the_tree_shows_ages_as_of_now() {
    let mut process = Process::start("waits");
    process.signal("-USR1");
    process.read_until("worker");
    std::thread::sleep(1100 * MS);
    process.signal("-USR1");
    let tree = process.read_until("worker");
    let seconds = tree.rsplit_once("worker (waiting, ").unwrap().1.split_once("s)").unwrap().0;
    assert!(seconds.parse::<f64>().is_ok_and(|seconds| seconds >= 1.1), "{tree}");
    process.signal("-INT");
    process.end();
}

/// Whoever stops a process, or a machine that had no time for it, is not the task's fault.
#[test]
#[expect(clippy::disallowed_methods, reason = "the process is stopped for longer than a slow poll")]
fn the_watchdog_blames_nobody_for_the_time_in_which_the_process_stood_still() {
    let mut process = Process::start("stopped");
    process.read_until("spinning");
    process.signal("-STOP");
    std::thread::sleep(3 * SECOND);
    process.signal("-CONT");
    assert_eq!(process.end().0, "finished\n");
}

/// What a process in this role, with this in its environment, says on standard error.
fn told(role: &str, environment: &[(&str, &str)]) -> String {
    let output = command(role).envs(environment.iter().copied()).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_check_prints_the_seed_that_failed_and_runs_a_given_one_alone() {
    assert!(told("unlucky", &[]).contains("failed with HEADCOUNT_SEED=0\n"));
    assert!(told("unlucky", &[("HEADCOUNT_SEED", "7")]).contains("failed with HEADCOUNT_SEED=7\n"));
    assert!(!told("unlucky", &[("HEADCOUNT_SEEDS", "0")]).contains("failed with"));
}

#[test]
fn a_check_that_deadlocks_fails_with_the_tree() {
    let text = told("deadlocked", &[]);
    assert!(text.contains("main (waiting, 0.0ns) waits for an item of queue `orders`"), "{text}");
    assert!(text.contains("failed with HEADCOUNT_SEED=0\n"), "{text}");
}

#[test]
fn the_environment_turns_debug_mode_on_and_off() {
    let reports =
        |value| told("never polled", &[("HEADCOUNT_DEBUG", value)]).contains("without ever being polled");
    assert!(reports("1"));
    assert!(!reports("0"));
    assert_eq!(reports(""), cfg!(debug_assertions), "neither 1 nor 0");
    assert_eq!(reports("no"), cfg!(debug_assertions), "neither 1 nor 0");
}

#[test]
#[cfg(target_os = "linux")]
fn without_debug_mode_there_is_no_watchdog() {
    assert!(told("watched", &[]).contains("1 watchdogs"));
    assert!(told("unwatched", &[]).contains("0 watchdogs"));
}
