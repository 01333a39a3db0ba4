//! Many futures at once: all results in order, each as it comes, or the first that succeeds.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::crew::Crew;
use crate::error::Error;
use crate::event_loop::Loop;
use crate::outcome::Outcome;
use crate::report::Report;

type ValueOf<I> = <<<I as Iterator>::Item as Future>::Output as Outcome>::Value;

/// Runs every future as a task and gives their values in the order given. The first failure cancels
/// the rest, waits for them, and comes back with all failures.
///
/// Await it, after [`limit`](Gather::limit) if not all are to run at once. In CPython, the siblings
/// of a failure run on with nobody to take their results; here nothing outlives the await.
///
/// Cancel safety: dropping it asks the tasks to end; the current task does not end before they do.
/// Source: `asyncio.gather`.
///
/// # Errors
/// What failed, with the names `gather[0]`, `gather[1]`, …
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    let crew = Crew::new("gather", Location::caller(), futures.into_iter());
    Gather { crew, values: Vec::new(), failures: Untaken::default() }
}

/// Runs every future as a task and gives what each ended with, in the order given: a value, or an
/// error, panic or cancellation as data.
///
/// Cancel safety: as with [`gather`]. Source: `asyncio.gather` with `return_exceptions=True`.
///
/// # Errors
/// Only that no loop runs here.
#[track_caller]
pub fn gather_results<I>(futures: I) -> GatherResults<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    let crew = Crew::new("gather", Location::caller(), futures.into_iter());
    GatherResults { crew, results: Vec::new() }
}

/// Runs every future as a task and gives what each ended with, the first to finish first.
///
/// Cancel safety: giving up a `next` loses nothing; dropping the stream asks the rest to end, and
/// the current task does not end before they do. Source: `asyncio.as_completed`.
#[track_caller]
pub fn as_completed<I>(futures: I) -> AsCompleted<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    AsCompleted { crew: Crew::new("as_completed", Location::caller(), futures.into_iter()) }
}

/// Runs every future as a task until one succeeds, cancels the others, waits for them, and gives
/// that one's value.
///
/// Cancel safety: as with [`gather`]. Source: `asyncio.wait` with `FIRST_COMPLETED`, which counts a
/// failure as a finish.
///
/// # Errors
/// Every failure, when all have failed; an error without failures, when there were no futures.
#[track_caller]
pub fn race<I>(futures: I) -> Race<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    let crew = Crew::new("race", Location::caller(), futures.into_iter());
    Race { crew, winner: None, failures: Untaken::default() }
}

macro_rules! limit {
    ($type:ident) => {
        impl<I> $type<I>
        where
            I: Iterator,
            I::Item: Future + 'static,
            <I::Item as Future>::Output: Outcome,
        {
            /// At most so many at once, at least one. The iterator is asked for the next future
            /// when one has ended, so that ten million items need no ten million tasks.
            pub fn limit(mut self, at_once: usize) -> Self {
                self.crew.limit = Some(at_once.max(1));
                self
            }
        }

        /// Nothing in it is pinned.
        impl<I: Iterator> Unpin for $type<I>
        where
            I::Item: Future,
            <I::Item as Future>::Output: Outcome,
        {
        }
    };
}

limit!(Gather);
limit!(GatherResults);
limit!(AsCompleted);
limit!(Race);

/// Failures on their way to the caller. Those that never get there, because the future was dropped
/// while it waited for the rest, are reported.
#[derive(Default)]
struct Untaken(Vec<Error>);

impl Untaken {
    /// All failures as one error, or where there were none, the first cancellation.
    fn take(&mut self) -> Option<Error> {
        let all = std::mem::take(&mut self.0);
        let (cancelled, failures): (Vec<_>, Vec<_>) = all.into_iter().partition(Error::is_cancelled);
        if failures.is_empty() { cancelled.into_iter().next() } else { Some(Error::scope(failures)) }
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        for error in self.0.drain(..).filter(|error| !error.is_cancelled()) {
            Loop::with(|event_loop| event_loop.report(&Report::LostError(error)));
        }
    }
}

/// The future of [`gather`].
#[must_use = "futures do nothing unless awaited"]
pub struct Gather<I: Iterator>
where
    I::Item: Future,
    <I::Item as Future>::Output: Outcome,
{
    crew: Crew<I>,
    values: Vec<Option<ValueOf<I>>>,
    failures: Untaken,
}

impl<I> Future for Gather<I>
where
    I: Iterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    type Output = Result<Vec<ValueOf<I>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.values.capacity() == 0 {
            this.values.reserve(this.crew.size_hint());
        }
        while let Some((index, result)) = ready!(this.crew.poll_next(cx))? {
            match result {
                Ok(value) => {
                    if this.values.len() < this.crew.started() {
                        this.values.resize_with(this.crew.started(), || None);
                    }
                    this.values[index] = Some(value);
                }
                Err(error) => {
                    this.failures.0.push(error);
                    this.crew.cancel();
                }
            }
        }
        Poll::Ready(match this.failures.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut this.values).into_iter().flatten().collect()),
        })
    }
}

impl<I: Iterator> Drop for GatherResults<I>
where
    I::Item: Future,
    <I::Item as Future>::Output: Outcome,
{
    fn drop(&mut self) {
        let results = std::mem::take(&mut self.results);
        let _reported = Untaken(results.into_iter().flatten().filter_map(Result::err).collect());
    }
}

/// The future of [`gather_results`].
#[must_use = "futures do nothing unless awaited"]
pub struct GatherResults<I: Iterator>
where
    I::Item: Future,
    <I::Item as Future>::Output: Outcome,
{
    crew: Crew<I>,
    results: Vec<Option<Result<ValueOf<I>, Error>>>,
}

impl<I> Future for GatherResults<I>
where
    I: Iterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    type Output = Result<Vec<Result<ValueOf<I>, Error>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some((index, result)) = ready!(this.crew.poll_next(cx))? {
            if this.results.len() < this.crew.started() {
                this.results.resize_with(this.crew.started(), || None);
            }
            this.results[index] = Some(result);
        }
        Poll::Ready(Ok(std::mem::take(&mut this.results).into_iter().flatten().collect()))
    }
}

/// The stream of [`as_completed`].
#[must_use = "streams do nothing unless polled"]
pub struct AsCompleted<I: Iterator>
where
    I::Item: Future,
    <I::Item as Future>::Output: Outcome,
{
    crew: Crew<I>,
}

impl<I> AsCompleted<I>
where
    I: Iterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    /// Waits for the next to finish; `None` when all have.
    ///
    /// Cancel safety: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<ValueOf<I>, Error>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<I> Stream for AsCompleted<I>
where
    I: Iterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    type Item = Result<ValueOf<I>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.crew.poll_next(cx)) {
            Ok(next) => next.map(|(_, result)| result),
            Err(error) => Some(Err(error)),
        })
    }
}

/// The future of [`race`].
#[must_use = "futures do nothing unless awaited"]
pub struct Race<I: Iterator>
where
    I::Item: Future,
    <I::Item as Future>::Output: Outcome,
{
    crew: Crew<I>,
    winner: Option<ValueOf<I>>,
    failures: Untaken,
}

impl<I> Future for Race<I>
where
    I: Iterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    type Output = Result<ValueOf<I>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        while let Some((_, result)) = ready!(this.crew.poll_next(cx))? {
            match result {
                Ok(value) if this.winner.is_none() => {
                    this.winner = Some(value);
                    this.crew.cancel();
                }
                Ok(_second) => {}
                Err(error) => this.failures.0.push(error),
            }
        }
        Poll::Ready(match this.winner.take() {
            Some(winner) => {
                // One mirror answered; that others did not is what the race is for.
                this.failures.0.clear();
                Ok(winner)
            }
            None => Err(this.failures.take().unwrap_or_else(|| Error::scope(Vec::new()))),
        })
    }
}
