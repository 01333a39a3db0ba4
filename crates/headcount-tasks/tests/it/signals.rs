//! Signals, each in a process of its own: this test binary run again, for one test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use headcount_tasks::{Runner, Value, scope, sleep, until_cancelled};

use crate::support::{MS, SECOND};

const ROLE: &str = "HEADCOUNT_TEST_ROLE";

/// Does nothing unless one of the tests below has started it.
#[test]
#[expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "its output is what the parent reads"
)]
fn child_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let result = Runner::new().debug(false).run(async move {
        eprintln!("ready");
        match role.as_str() {
            "blocks" => std::thread::sleep(60 * SECOND),
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
    eprintln!("result: {}", result.map(|_| ()).unwrap_err());
}

struct Process(Child, BufReader<std::process::ChildStderr>);

impl Process {
    fn start(role: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "signals::child_process", "--nocapture"]).env(ROLE, role);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
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
#[expect(clippy::disallowed_methods, reason = "two signals sent at once would be one")]
fn a_second_signal_ends_the_process_at_once_even_when_the_loop_is_blocked() {
    let process = Process::start("blocks");
    process.signal("-INT");
    std::thread::sleep(50 * MS);
    process.signal("-INT");
    assert_eq!(process.end().1, Some(130));
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
