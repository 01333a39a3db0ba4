//! Tasks that belong together: all end well, errors as data, failing fast, and a failure that cancels the rest.
//!
//! No error is lost, also where nobody looks at the handle.
//!
//! ```text
//! A group ends when its last task has:
//!   a is done
//!   b is done
//!   c is done
//! 3.0 s
//! Errors as data:
//!   a is done
//!   c is done
//! 3.0 s: Ok("a"), Err(task `gather[1]` failed: b broke), Ok("c")
//! Failing fast:
//!   a is done
//!   c is called off
//! 2.0 s: task `gather[1]` failed: b broke
//! A member fails, and nobody holds its handle:
//!   a is done
//!   c is called off
//! 2.0 s: task `b` failed: b broke
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, gather, gather_results, scope, sleep, until_cancelled};
use tokio::time::Instant;

async fn work((name, seconds): (&'static str, u32)) -> Result<&'static str, BoxError> {
    if let Err(cancelled) = until_cancelled(sleep(seconds * SECOND)).await {
        println!("  {name} is called off");
        return Err(cancelled.into()); // ends as cancelled, which fails nobody
    }
    println!("  {name} is done");
    Ok(name)
}

/// As [`work`], but `b` fails when its time has come.
async fn work_or_fail((name, seconds): (&'static str, u32)) -> Result<&'static str, BoxError> {
    if name == "b" {
        sleep(seconds * SECOND).await;
        return Err("b broke".into());
    }
    work((name, seconds)).await
}

const MEMBERS: [(&str, u32); 3] = [("a", 1), ("b", 2), ("c", 3)];

async fn program() -> Result<(), BoxError> {
    println!("A group ends when its last task has:");
    let start = Instant::now();
    scope(async |group| {
        for member in MEMBERS {
            group.spawn(member.0, work(member));
        }
    })
    .await?;
    println!("{}", since(start));

    println!("Errors as data:");
    let start = Instant::now();
    let results = gather_results(MEMBERS.map(work_or_fail)).await?;
    let results: Vec<String> = results
        .iter()
        .map(|result| match result {
            Ok(name) => format!("Ok({name:?})"),
            Err(error) => format!("Err({error})"),
        })
        .collect();
    println!("{}: {}", since(start), results.join(", "));

    println!("Failing fast:");
    let start = Instant::now();
    if let Err(error) = gather(MEMBERS.map(work_or_fail)).await {
        println!("{}: {error}", since(start));
    }

    println!("A member fails, and nobody holds its handle:");
    let start = Instant::now();
    let ended = scope(async |group| {
        for member in MEMBERS {
            group.spawn(member.0, work_or_fail(member));
        }
    });
    if let Err(error) = ended.await {
        println!("{}: {error}", since(start));
    }
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
