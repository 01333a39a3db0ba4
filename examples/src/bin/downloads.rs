//! Three downloads of two seconds: awaited in turn, gathered, and as tasks.
//!
//! To await is to wait. What makes things happen together is `gather`, or a task for each.
//!
//! ```text
//! Awaited in turn:
//!   a starts
//!   a is here
//!   b starts
//!   b is here
//!   c starts
//!   c is here
//! 6.0 s
//! Gathered:
//!   a starts
//!   b starts
//!   c starts
//!   a is here
//!   b is here
//!   c is here
//! 2.0 s: page a, page b, page c
//! Made first, but still awaited in turn:
//!   a starts
//!   a is here
//!   b starts
//!   b is here
//!   c starts
//!   c is here
//! 6.0 s
//! As tasks, awaited in turn:
//!   a starts
//!   b starts
//!   c starts
//!   a is here
//!   b is here
//!   c is here
//! 2.0 s
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, gather, scope, sleep};
use tokio::time::Instant;

async fn download(site: &'static str) -> String {
    println!("  {site} starts");
    sleep(2 * SECOND).await;
    println!("  {site} is here");
    format!("page {site}")
}

async fn program() -> Result<(), BoxError> {
    println!("Awaited in turn:");
    let start = Instant::now();
    for site in ["a", "b", "c"] {
        download(site).await;
    }
    println!("{}", since(start));

    println!("Gathered:");
    let start = Instant::now();
    let pages = gather(["a", "b", "c"].map(download)).await?;
    println!("{}: {}", since(start), pages.join(", "));

    println!("Made first, but still awaited in turn:");
    let start = Instant::now();
    let (a, b, c) = (download("a"), download("b"), download("c"));
    a.await;
    b.await;
    c.await;
    println!("{}", since(start));

    println!("As tasks, awaited in turn:");
    let start = Instant::now();
    scope(async |s| {
        let a = s.spawn("a", download("a"));
        let b = s.spawn("b", download("b"));
        let c = s.spawn("c", download("c"));
        a.await?;
        b.await?;
        c.await?;
        Ok::<_, BoxError>(())
    })
    .await?;
    println!("{}", since(start));
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
