//! A pipeline: URLs are produced, three workers download and take the title, one task saves.
//!
//! The queues are bounded. Every URL has its line in the end, failed or not.
//!
//! ```text
//! 12 URLs, 12 lines saved: 11 with a title, 1 with an error
//! Among them {"title":"Page 0","url":"…/page/0"}
//! At most 3 requests were under way at once.
//! ```

use std::fs;
use std::path::PathBuf;

use examples::SECOND;
use examples::client::Client;
use headcount_tasks::{BoxError, Queue, scope, timeout, to_thread};
use serde_json::{Value, json};
use small_web::{SmallWeb, Temperament};

const WORKERS: usize = 3;

/// What stands between the first `<title>` and its end. Real pages need more: `headcount check` knows what browsers do.
fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    Some(title.trim())
}

async fn work(client: Client, urls: Queue<String>, lines: Queue<Value>) -> Result<(), BoxError> {
    while let Some(url) = urls.get().await {
        let line = match timeout(10 * SECOND, client.get(&url)).await {
            Ok(Ok(page)) => json!({ "url": *url, "title": title(&page.text) }),
            Ok(Err(error)) => json!({ "url": *url, "error": error.to_string() }),
            Err(elapsed) => json!({ "url": *url, "error": elapsed.to_string() }),
        };
        lines.put(line).await?;
    }
    Ok(())
}

/// Gathers the lines, and writes them on a thread when no more come.
async fn save(lines: Queue<Value>, path: PathBuf) -> Result<(), BoxError> {
    let mut text = String::new();
    while let Some(line) = lines.get().await {
        text.push_str(&format!("{}\n", *line));
    }
    to_thread("save", move || fs::write(path, text)).await?;
    Ok(())
}

async fn run_pipeline(all_urls: Vec<String>, path: PathBuf) -> Result<(), BoxError> {
    let urls = Queue::new("urls", 4); // a slow web slows the producer, not the memory
    let lines = Queue::new("lines", 4);
    scope(async |s| {
        let saver = s.spawn("saver", save(lines.clone(), path));
        let client = Client::new();
        scope(async |s| {
            for number in 0..WORKERS {
                s.spawn(("worker", number), work(client.clone(), urls.clone(), lines.clone()));
            }
            for url in all_urls {
                urls.put(url).await?;
            }
            urls.close();
            Ok::<_, BoxError>(())
        })
        .await?; // every worker has ended, so no more lines come
        lines.close();
        saver.await?;
        Ok::<_, BoxError>(())
    })
    .await?;
    Ok(())
}

async fn program() -> Result<(), BoxError> {
    let web = SmallWeb::start()?;
    let host = web.host(Temperament::Slow(SECOND / 20));
    let mut urls: Vec<String> = (0..11).map(|number| host.url(&format!("/page/{number}"))).collect();
    urls.insert(5, format!("http://{}/", web.refused_address()));
    let count = urls.len();

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("titles.jsonl");
    run_pipeline(urls, path.clone()).await?;

    let text = to_thread("read", move || fs::read_to_string(path)).await?;
    let with = |field: &str| text.lines().filter(|line| line.contains(field)).count();
    println!(
        "{count} URLs, {} lines saved: {} with a title, {} with an error",
        text.lines().count(),
        with(r#""title":"Page"#),
        with(r#""error":""#)
    );
    if let Some(line) = text.lines().find(|line| line.ends_with(r#"/page/0"}"#)) {
        println!("Among them {line}");
    }
    println!("At most {} requests were under way at once.", host.most_in_flight());
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
