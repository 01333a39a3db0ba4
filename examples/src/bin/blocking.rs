//! Two calls of three seconds by a client that blocks, by one that waits, and by the blocking one wrapped.
//!
//! A ticker beside them shows whether the loop can still turn. In debug builds the watchdog says on standard
//! error which line blocks.
//!
//! ```text
//! A client that blocks the loop: 6.0 s; the ticker ticked 0 times
//! A client that waits: 3.0 s; the ticker ticked 29 times
//! The blocking client, wrapped whole: 3.0 s; the ticker ticked 29 times
//! ```

use std::io;
use std::rc::Rc;
use std::time::Duration;

use examples::blocking_client;
use examples::client::Client;
use examples::since;
use examples::ticker::beside_a_ticker;
use headcount_tasks::{BoxError, Error, gather, to_thread};
use small_web::{SmallWeb, Temperament};
use tokio::time::Instant;

/// Makes the calls beside a ticker of 100 ms, and tells how both fared.
async fn tell<T: 'static>(what: &str, calls: impl Future<Output = Result<T, Error>>) -> Result<(), Error> {
    let start = Instant::now();
    let (_texts, ticks) = beside_a_ticker(Duration::from_millis(100), calls).await?;
    println!("{what}: {}; the ticker ticked {ticks} times", since(start));
    Ok(())
}

/// A library's client that only blocks. It is wrapped once, so that no caller can forget to.
#[derive(Clone)]
struct OldClient;

impl OldClient {
    fn get(&self, url: &str) -> io::Result<String> {
        blocking_client::get(url)
    }
}

/// What the rest of the program uses instead.
struct WrappedClient(OldClient);

impl WrappedClient {
    /// Cancel safety: a call that has begun runs on and is counted; its answer is dropped.
    async fn get(&self, url: &str) -> Result<String, Error> {
        let (client, url) = (self.0.clone(), url.to_owned());
        to_thread("old client", move || client.get(&url)).await
    }
}

async fn program() -> Result<(), BoxError> {
    let web = SmallWeb::start()?;
    let host = web.host(Temperament::Fast);
    let urls = || [host.url("/delay/3"), host.url("/delay/3")];

    let bad = gather(urls().map(|url| async move { blocking_client::get(&url) }));
    tell("A client that blocks the loop", bad).await?;

    let client = Client::new();
    let good = gather(urls().map(|url| {
        let client = client.clone();
        async move { Ok::<_, BoxError>(client.get(&url).await?.text) }
    }));
    tell("A client that waits", good).await?;

    let wrapped = Rc::new(WrappedClient(OldClient));
    let calls = gather(urls().map(|url| {
        let wrapped = Rc::clone(&wrapped);
        async move { wrapped.get(&url).await }
    }));
    tell("The blocking client, wrapped whole", calls).await?;
    Ok(())
}

fn main() -> Result<(), Error> {
    examples::run(program())
}
