//! A crew: the children that `gather`, `as_completed` and `race` start from an iterator, at most so
//! many at a time, and whose ends they take in the order in which they come.

use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::event_loop::Loop;
use crate::name::Name;
use crate::outcome::Outcome;
use crate::report::Report;
use crate::scope_state::{Kind, Open, ScopeState};
use crate::wait::{Wait, Wakeup, What};

type ValueOf<I> = <<<I as Iterator>::Item as Future>::Output as Outcome>::Value;

/// Children out of an iterator, and what they ended with.
pub(crate) struct Crew<I: Iterator> {
    stem: &'static str,
    place: &'static Location<'static>,
    pub(crate) limit: Option<usize>,
    futures: Option<I>,
    started: u32,
    opened: Option<Opened>,
}

struct Opened {
    event_loop: Rc<Loop>,
    state: Rc<ScopeState>,
    /// After the fields above: children that still live are asked to end when it drops.
    _open: Open,
}

impl<I> Crew<I>
where
    I: Iterator,
    I::Item: Future + 'static,
    <I::Item as Future>::Output: Outcome,
{
    pub(crate) fn new(stem: &'static str, place: &'static Location<'static>, futures: I) -> Self {
        Self { stem, place, limit: None, futures: Some(futures), started: 0, opened: None }
    }

    pub(crate) fn started(&self) -> usize {
        self.started as usize
    }

    /// The number of items still to come, as far as the iterator knows.
    pub(crate) fn size_hint(&self) -> usize {
        self.futures.as_ref().map_or(0, |futures| futures.size_hint().0)
    }

    /// Asks all to end and starts no more.
    pub(crate) fn cancel(&mut self) {
        self.futures = None;
        if let Some(opened) = &self.opened {
            opened.state.request(false);
        }
    }

    /// The next child's number and end; `None` when all have ended. Does not return while the task
    /// is being cancelled: the region around then drops it.
    #[expect(clippy::type_complexity, reason = "a number and a result")]
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<(usize, Result<ValueOf<I>, Error>)>, Error>> {
        let opened = match &mut self.opened {
            Some(opened) => opened,
            opened @ None => {
                let event_loop = Loop::with(Rc::clone).ok_or_else(|| Error::no_loop(self.stem))?;
                let state = ScopeState::open(Kind::Crew, self.stem)?;
                let open = Open(Rc::clone(&state));
                opened.insert(Opened { event_loop, state, _open: open })
            }
        };
        let state = &opened.state;
        if state.is_cancelled_from_above() {
            state.request(true);
            self.futures = None;
        }
        while self.limit.is_none_or(|limit| state.live() < limit)
            && let Some(future) = self.futures.as_mut().and_then(Iterator::next)
        {
            let name = Name::numbered(self.stem, self.started);
            opened.event_loop.spawn_tagged(state, name, self.place, self.started, future);
            self.started += 1;
        }
        if self.limit.is_none_or(|limit| state.live() < limit) {
            self.futures = None;
        }
        while let Some((tag, key)) = state.pop_ended() {
            let mut value: Option<ValueOf<I>> = None;
            let end = opened.event_loop.poll_join(key, &mut value, cx);
            let error = match end {
                Poll::Ready(error) => error,
                Poll::Pending => None,
            };
            let name = || Name::numbered(self.stem, tag);
            let result = value.ok_or_else(|| error.unwrap_or_else(|| Error::cancelled(name())));
            if state.stays_silent() && result.as_ref().is_err_and(Error::is_cancelled) {
                // Cancelled together with the task that would take it.
                continue;
            }
            return Poll::Ready(Ok(Some((tag as usize, result))));
        }
        if state.live() > 0 || self.futures.is_some() {
            state.wait(Wakeup::of(cx));
            Wait::note(What::Next, 0);
            return Poll::Pending;
        }
        if state.stays_silent() {
            state.close();
            return Poll::Pending;
        }
        Poll::Ready(Ok(None))
    }
}

impl<I: Iterator> Drop for Crew<I> {
    fn drop(&mut self) {
        let Some(opened) = &self.opened else {
            if self.futures.is_some() {
                Loop::with(|event_loop| {
                    if event_loop.debug.is_some() {
                        let name = Name::fixed(self.stem);
                        event_loop.report(&Report::NeverPolled { name, place: self.place });
                    }
                });
            }
            return;
        };
        // Nobody will take what these end with.
        for key in opened.state.children(&opened.event_loop) {
            opened.event_loop.handle_dropped(key);
        }
        while let Some((_, key)) = opened.state.pop_ended() {
            opened.event_loop.handle_dropped(key);
        }
    }
}
