//! A blocked loop, caught and named while it blocks; a task with a name and a label; the tree of all tasks.
//!
//! `kill -USR1` makes any program print its tree.
//!
//! ```text
//! I am `main`.
//! 4 tasks
//!   main (running, …)
//!     fetch (waiting, …) waits for a timer: example.com/a
//!     writer (waiting, …) waits for an item of queue `pages`
//!       flush (waiting, …) waits for a timer
//! Found by name: `writer` waits for an item of queue `pages`
//! Reported: task `parser`, spawned at …diagnosis.rs:…, has been blocking the loop for …
//! ```

use std::rc::Rc;
use std::time::Duration;

use headcount_tasks::{BoxError, Queue, Report, Runner, current, label, scope, sleep, task_tree};

async fn fetch(url: &'static str) {
    label(Rc::new(url)); // shown beside the task's name by whoever looks
    sleep(Duration::from_secs(60)).await;
}

async fn write(pages: Queue<String>) -> Result<(), headcount_tasks::Error> {
    scope(async |s| {
        s.spawn("flush", sleep(Duration::from_secs(60)));
        while let Some(page) = pages.get().await {
            println!("{}", *page);
        }
    })
    .await
}

#[expect(clippy::disallowed_methods, reason = "blocking the loop is what is shown")]
async fn parse() {
    std::thread::sleep(Duration::from_secs(1));
}

async fn program() -> Result<(), BoxError> {
    if let Some(task) = current() {
        println!("I am `{}`.", task.name());
    }
    let pages = Queue::new("pages", 8);
    scope(async |s| {
        s.spawn("fetch", fetch("example.com/a"));
        s.spawn("writer", write(pages.clone()));
        sleep(Duration::from_millis(10)).await;
        println!("{}", task_tree());
        for task in task_tree().tasks {
            if let (true, Some(what)) = (task.name.to_string() == "writer", task.waits_for) {
                println!("Found by name: `{}` waits for {what}", task.name);
            }
        }
        s.cancel_children();
    })
    .await?;

    // In debug mode a thread watches the loop, and tells while the poll still blocks.
    scope(async |s| drop(s.spawn("parser", parse()))).await?;
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    let tell = |report: &Report| println!("Reported: {report}");
    Runner::new().debug(true).slow_poll(Duration::from_millis(100)).on_report(tell).run(program())
}
