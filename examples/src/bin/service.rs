//! A small web service: axum's routes, each connection a task of ours.
//!
//! Three calls at once of a route that awaits for a second, of one that blocks the loop for a second, and of one that
//! blocks a thread instead.
//!
//! ```text
//! 3 calls of /awaits: 200 200 200 in 1.0 s
//! 3 calls of /blocks: 200 200 200 in 3.0 s
//! 3 calls of /thread: 200 200 200 in 1.0 s
//! The service has ended, its connections too.
//! ```

use axum::Router;
use axum::routing::get;
use examples::client::Client;
use examples::{SECOND, since};
use headcount_tasks::{BoxError, gather, scope, sleep, to_thread};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::Instant;

fn routes() -> Router {
    Router::new().route("/awaits", get(awaits)).route("/blocks", get(blocks)).route("/thread", get(thread))
}

async fn awaits() -> &'static str {
    sleep(SECOND).await;
    "awaited\n"
}

#[expect(clippy::disallowed_methods, reason = "the mistake that is shown: nobody else is served meanwhile")]
async fn blocks() -> &'static str {
    std::thread::sleep(SECOND);
    "blocked\n"
}

#[expect(clippy::disallowed_methods, reason = "on a thread, where it belongs")]
async fn thread() -> Result<&'static str, String> {
    let call = to_thread("call", || std::thread::sleep(SECOND)).await;
    call.map(|()| "blocked a thread\n").map_err(|error| error.to_string())
}

/// Serves until it is cancelled. A connection that fails is its client's loss, not the service's.
async fn serve(listener: TcpListener) -> Result<(), headcount_tasks::Error> {
    let service = TowerToHyperService::new(routes());
    scope(async |s| {
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => return Err::<(), _>(error),
            };
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            s.spawn(format!("connection of {peer}"), async { drop(connection.await) });
        }
    })
    .await
}

async fn program() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    scope(async |s| {
        let service = s.spawn("service", serve(listener));
        let client = Client::new();
        for route in ["/awaits", "/blocks", "/thread"] {
            let start = Instant::now();
            let statuses = gather((0..3).map(|_| {
                let (client, url) = (client.clone(), format!("http://{address}{route}"));
                async move { Ok::<_, BoxError>(client.get(&url).await?.status.to_string()) }
            }));
            println!("3 calls of {route}: {} in {}", statuses.await?.join(" "), since(start));
        }
        service.cancel();
        Ok::<_, BoxError>(())
    })
    .await?;
    println!("The service has ended, its connections too.");
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
