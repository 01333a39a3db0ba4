//! From threads to tasks: a threaded downloader and its conversion, and files read by a pool of four threads.
//!
//! ```text
//! A thread for each of 4 downloads: 2.0 s, 4 pages in no certain order
//! A task for each: 2.0 s: page 1, page 2, page 3, page 4
//! Four files by four threads:
//!   one.txt: 5 bytes, 5 characters
//!   two.txt: 6 bytes, 2 characters
//!   three.txt: 0 bytes, 0 characters
//!   four.txt: 4 bytes, 1 characters
//! ```

use std::sync::Mutex;
use std::{fs, thread};

use examples::{SECOND, since};
use headcount_tasks::{BoxError, Runner, gather, sleep, to_thread};
use tokio::time::Instant;

#[expect(clippy::disallowed_methods, reason = "a thread of its own, where blocking is what one does")]
fn download_blocking(page: u32) -> String {
    thread::sleep(2 * SECOND);
    format!("page {page}")
}

/// The conversion: `async`, and another `sleep`. No lock, and results in the order of the questions.
async fn download(page: u32) -> String {
    sleep(2 * SECOND).await;
    format!("page {page}")
}

fn with_threads() -> usize {
    let results = Mutex::new(Vec::new());
    thread::scope(|s| {
        for page in 1..=4 {
            let results = &results;
            s.spawn(move || {
                let page = download_blocking(page);
                results.lock().expect("no thread panics").push(page);
            });
        }
    });
    results.into_inner().expect("no thread panics").len()
}

async fn with_tasks() -> Result<(), BoxError> {
    let start = Instant::now();
    let pages = gather((1..=4).map(download)).await?;
    println!("A task for each: {}: {}", since(start), pages.join(", "));
    Ok(())
}

/// Files have no readiness to wait for: reading them blocks, also below an `aiofiles`, and belongs on a thread.
async fn read_files() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let names = ["one.txt", "two.txt", "three.txt", "four.txt"];
    for (name, text) in names.into_iter().zip(["hello", "你好", "", "🦀"]) {
        fs::write(folder.path().join(name), text)?; // four short files, before anybody waits
    }
    let texts = gather(names.map(|name| {
        let path = folder.path().join(name);
        to_thread("read", move || fs::read_to_string(path))
    }));
    println!("Four files by four threads:");
    for (name, text) in names.into_iter().zip(texts.await?) {
        println!("  {name}: {} bytes, {} characters", text.len(), text.chars().count());
    }
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    let start = Instant::now();
    let pages = with_threads();
    println!("A thread for each of 4 downloads: {}, {pages} pages in no certain order", since(start));

    Runner::new().blocking_threads(4).run(async {
        with_tasks().await?;
        read_files().await
    })
}
