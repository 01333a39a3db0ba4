//! HTTP in bulk: five endpoints, fifty calls with and without a limit, a hundred whose errors stop nobody.
//!
//! The fifty go to a host that takes twenty at once, and answers 429 to the others.
//!
//! ```text
//! Five endpoints, the slowest a second: 1.0 s
//!   /get: 200, 131 bytes, 131 characters
//!   /delay/1: 200, 135 bytes, 135 characters
//!   /ip: 200, 28 bytes, 28 characters
//!   /headers: 200, 53 bytes, 53 characters
//!   /charset/utf-8: 200, 147 bytes, 133 characters
//! Fifty calls of a second, no limit: 1.0 s; 20 answered, 30 refused with 429
//! Fifty calls of a second, ten at a time: 5.0 s; 50 answered, 0 refused with 429
//! A hundred requests, ten at a time: 90 answered, 10 failed
//!   the first, at its root: Connection refused…
//! ```

use std::error::Error;
use std::iter::successors;

use examples::client::{Client, Page};
use examples::{SECOND, since};
use headcount_tasks::{BoxError, gather, gather_results, timeout};
use small_web::{SmallWeb, Temperament};
use tokio::time::Instant;

/// A page within ten seconds, or why not.
async fn fetch(client: Client, url: String) -> Result<Page, BoxError> {
    timeout(10 * SECOND, client.get(&url)).await?
}

async fn endpoints(web: &SmallWeb, client: &Client) -> Result<(), BoxError> {
    let host = web.host(Temperament::Fast);
    let paths = ["/get", "/delay/1", "/ip", "/headers", "/charset/utf-8"];
    let start = Instant::now();
    let pages = gather(paths.map(|path| fetch(client.clone(), host.url(path)))).await?;
    println!("Five endpoints, the slowest a second: {}", since(start));
    for (path, Page { status, text }) in paths.into_iter().zip(pages) {
        println!("  {path}: {status}, {} bytes, {} characters", text.len(), text.chars().count());
    }
    Ok(())
}

async fn fifty_calls(web: &SmallWeb, client: &Client) -> Result<(), BoxError> {
    for (name, limit) in [("no limit", 50), ("ten at a time", 10)] {
        let twenty_at_once = Temperament::Throttling { at_once: 20, takes: SECOND, retry_after: None };
        let host = web.host(twenty_at_once);
        let start = Instant::now();
        let calls = (0..50).map(|item| fetch(client.clone(), host.url(&format!("/page/{item}"))));
        let pages = gather(calls).limit(limit).await?;
        let count = |status| pages.iter().filter(|page| page.status == status).count();
        let (answered, refused) = (count(200), count(429));
        println!(
            "Fifty calls of a second, {name}: {}; {answered} answered, {refused} refused with 429",
            since(start)
        );
    }
    Ok(())
}

async fn hundred_requests(web: &SmallWeb, client: &Client) -> Result<(), BoxError> {
    let host = web.host(Temperament::Fast);
    let nobody = format!("http://{}/", web.refused_address());
    let urls = (0..100).map(|item| match item % 10 {
        9 => nobody.clone(),
        _ => host.url(&format!("/page/{item}")),
    });
    // Owned by the closure, as the requests are made only when it is their turn.
    let (client, urls) = (client.clone(), urls.collect::<Vec<_>>());
    let requests = urls.into_iter().map(move |url| fetch(client.clone(), url));
    let results = gather_results(requests).limit(10).await?;
    let failures: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    println!(
        "A hundred requests, ten at a time: {} answered, {} failed",
        results.len() - failures.len(),
        failures.len()
    );
    if let Some(first) = failures.first() {
        let causes = successors(first.source(), |&error| error.source());
        println!(
            "  the first, at its root: {}",
            causes.last().map_or(first.to_string(), ToString::to_string)
        );
    }
    Ok(())
}

async fn program() -> Result<(), BoxError> {
    let web = SmallWeb::start()?;
    let client = Client::new();
    endpoints(&web, &client).await?;
    fifty_calls(&web, &client).await?;
    hundred_requests(&web, &client).await
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
