//! Reads the list for a run's loops: an iterator, on a thread of its own, or a stream.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use futures_core::Stream;
use futures_util::StreamExt;

use super::feed::{Read, RunGone, Sender};
use crate::{Error, Request};

/// Reads the iterator until its end, an error, or the run's end. Blocks. A panic in the iterator is an error.
pub(super) fn from_iterator(requests: impl Iterator<Item = Result<Request, Error>>, sender: Sender) {
    let reading = catch_unwind(AssertUnwindSafe(|| {
        for request in requests {
            let taken = request.map(|request| sender.send(request));
            match taken {
                Ok(Ok(())) => {}
                Ok(Err(RunGone)) => return Read::InPart,
                Err(error) => {
                    sender.fail(error);
                    return Read::InPart;
                }
            }
        }
        Read::ToItsEnd
    }));
    match reading {
        Ok(read) => sender.finish(read),
        // Dropping the sender says so to the loops.
        Err(_panic) => drop(sender),
    }
}

/// Reads the stream until its end or the run's.
pub(super) async fn from_stream<S>(requests: S, sender: Sender)
where
    S: Stream,
    S::Item: Into<Request>,
{
    let mut requests = pin!(requests);
    while let Some(request) = requests.next().await {
        if sender.send_async(request.into()).await.is_err() {
            return sender.finish(Read::InPart);
        }
    }
    sender.finish(Read::ToItsEnd);
}
