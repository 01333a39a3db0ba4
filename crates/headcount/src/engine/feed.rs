//! From the user's iterator or stream to the engine's loop, in batches: whole ones where the engine is behind, at
//! once where it is waiting.

use std::pin::pin;

use futures_core::Stream;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::{Error, Request};

/// Requests in the order of the list; an error is the last.
pub(super) type Batch = Vec<Result<Request, Error>>;

const REQUESTS_IN_A_BATCH: usize = 64;
const BATCHES: usize = 4;

pub(super) fn channel() -> (mpsc::Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(BATCHES)
}

/// Reads the iterator until its end, an error, or the engine's end. Blocks.
pub(super) fn from_iterator(
    requests: impl Iterator<Item = Result<Request, Error>>,
    sender: &mpsc::Sender<Batch>,
) {
    let mut batch = Batch::new();
    for request in requests {
        let is_last = request.is_err();
        batch.push(request);
        if is_last {
            break;
        }
        let sent = if batch.len() < REQUESTS_IN_A_BATCH {
            // The next one may be long in coming, so nothing is held back that could go.
            match sender.try_send(std::mem::take(&mut batch)) {
                Err(TrySendError::Full(kept)) => {
                    batch = kept;
                    true
                }
                sent => sent.is_ok(),
            }
        } else {
            sender.blocking_send(std::mem::take(&mut batch)).is_ok()
        };
        if !sent {
            return;
        }
    }
    if !batch.is_empty() {
        // Refused only by an engine that has ended.
        let _ = sender.blocking_send(batch);
    }
}

/// Reads the stream until its end or the engine's.
pub(super) async fn from_stream<S>(requests: S, sender: &mpsc::Sender<Batch>)
where
    S: Stream,
    S::Item: Into<Request>,
{
    let mut requests = pin!(requests);
    while let Some(request) = requests.next().await {
        if sender.send(vec![Ok(request.into())]).await.is_err() {
            return;
        }
    }
}
