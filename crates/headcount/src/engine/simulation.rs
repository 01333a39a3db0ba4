//! Whole runs over another network than the real one: on this thread, under a clock that stands still, in an order that a
//! seed decides; or in real time, with as many loops as are wanted. For simulators, and no part of what users may rely on.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use headcount_tasks::{BoxError, Runner, Value, scope};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::progress::Board;
use super::run::{Run, Shared};
use super::{Engine, Progress, Records, Stop, feed, parcels, reading};
use crate::transport::Tls;
pub use crate::transport::{Addresses, Network};
use crate::{Config, Error, Record, Request};

/// What decides a run besides its configuration, its network and its list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// The order of the loop's tasks, and the jitter unless the configuration has a seed.
    pub seed: u64,
    /// When the run is asked to end, and how.
    pub stop: Option<(Duration, Stop)>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Simulated {
    /// The records in the order in which they ended. Their timestamps count from 1970, on the run's own clock.
    pub records: Vec<Record>,
    /// Why the run could not go on.
    pub error: Option<Error>,
    /// The counts at the end.
    pub progress: Progress,
    /// How long it took, on its own clock.
    pub took: Duration,
    /// How the pace of [`Config::explain`]'s host was found: what happened, and when.
    pub explanation: Vec<(Duration, String)>,
}

/// Runs the engine from the first request to the last record. The requests are read lazily.
///
/// # Errors
/// The configuration cannot be used, or something of the simulation's own panicked.
pub fn run<N, I>(
    config: Config,
    network: N,
    requests: I,
    circumstances: Circumstances,
) -> Result<Simulated, Error>
where
    N: Network,
    I: IntoIterator<Item = Request>,
    I::IntoIter: 'static,
{
    let seed = config.seed.unwrap_or(circumstances.seed);
    let engine = Engine::new(Config { seed: Some(seed), ..config })?;
    let requests = futures_util::stream::iter(requests);
    let main = async move {
        let (records, taker) = parcels::channel();
        let (stop, stopped) = watch::channel(Stop::No);
        let board = Board::new(1);
        let (list, mut inboxes) = feed::channel(Arc::clone(&board));
        let inbox = inboxes.pop().expect("a board of one loop has one inbox");
        let shared = Shared::new(&engine, Tls::believing_nobody(), 1, records, stopped);
        let run = Run::new(shared, network, inbox);
        let started = Instant::now();
        let simulated = scope(async move |tasks| {
            let taking = tasks.spawn("taker", take(taker, started));
            let stopping = tasks.spawn("stop", async move {
                if let Some((when, how)) = circumstances.stop {
                    sleep(when).await;
                    stop.send_replace(how);
                }
                // Kept to the end, as a run's handle is.
                std::future::pending::<()>().await;
            });
            let ended = Rc::new(run).drive(async move { reading::from_stream(requests, list).await }).await;
            stopping.cancel();
            let records = taking.await?;
            let took = started.elapsed();
            let story = ended.explanation.into_iter();
            let explanation =
                story.map(|(time, text)| (time.saturating_duration_since(started), text)).collect();
            let progress = board.snapshot();
            Ok::<_, BoxError>(Simulated { records, error: ended.error, progress, took, explanation })
        });
        Ok::<_, BoxError>(simulated.await?)
    };
    let runner = Runner::new().name("engine").signals(false).tree_signal(false).debug(false);
    let simulated = runner.paused_clock().seed(circumstances.seed).run(main);
    simulated.map_err(|error| Error::runtime("the engine stopped").because(error))
}

/// Starts a run in real time over such networks, one for each of its loops, otherwise as
/// [`Engine::run`](crate::Engine::run) does.
///
/// # Errors
/// The configuration cannot be used, or the operating system refuses a thread.
pub fn run_in_real_time<N, I>(
    config: Config,
    network: impl Fn() -> N + Send + Sync + 'static,
    requests: I,
) -> Result<Records, Error>
where
    N: Network,
    I: IntoIterator<Item = Request>,
    I::IntoIter: Send + 'static,
{
    let requests = requests.into_iter().map(Ok);
    Engine::new(config)?.start_over(move |_| network(), Tls::believing_nobody(), requests)
}

/// Takes the records as they come, and puts the run's own time in the place of the world's.
async fn take(mut taker: parcels::Receiver, started: Instant) -> Value<Vec<Record>> {
    let mut taken = Vec::new();
    while let Some(Ok(records)) = taker.recv().await {
        taken.extend(records.into_iter().map(|mut record| {
            let since_start = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
            record.timestamp = Timestamp::UNIX_EPOCH.saturating_add(since_start).unwrap_or(Timestamp::MAX);
            record
        }));
    }
    Value(taken)
}
