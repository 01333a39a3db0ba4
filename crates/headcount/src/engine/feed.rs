//! From the list to the run's loops: each input goes to the loop that its host belongs to, and so does a job that a
//! redirect leads to another loop's host. A loop takes whatever is there at once, so that nothing is held back and a
//! busy run is not woken for each.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

use super::job::Job;
use super::progress::{Board, Counters};
use crate::{Error, Request};

/// What comes to a loop.
#[expect(clippy::large_enum_variant, reason = "nearly all are inputs")]
pub(super) enum Arrival {
    /// An input, with its index.
    Input(u64, Request),
    /// A job that began in another loop, to be asked at this time at the soonest.
    Passed(Box<Job>, Instant),
}

/// Inputs that may wait between the list's thread and each loop.
const CAPACITY: usize = 256;

/// The list's end. Dropped before [`Sender::finish`], it tells the loops that the list broke off.
pub(super) struct Sender(Arc<Feed>);

/// One loop's end.
pub(super) struct Inbox {
    feed: Arc<Feed>,
    seat: usize,
}

struct Feed {
    state: Mutex<State>,
    board: Arc<Board>,
    appetites: Box<[Appetite]>,
    /// The list's reader waits for room.
    is_awaited: AtomicBool,
    /// For a list that blocks.
    room: Condvar,
    /// For a list that is asynchronous.
    room_async: Notify,
    /// For each loop: something came, or it is to look whether the run is over.
    news: Box<[Notify]>,
    /// For loops that have not started yet.
    first_news: Condvar,
}

struct State {
    inboxes: Box<[Waiting]>,
    list_ended: bool,
    error: Option<Error>,
    /// Nothing more comes: the run is over, or stops.
    is_shut: bool,
    is_broken: bool,
}

struct Waiting {
    arrivals: Vec<Arrival>,
    /// Its loop has not started, and waits for the first.
    is_awaited: bool,
    is_closed: bool,
}

/// Whether a loop has enough of the list for now, apart in memory from the others'.
#[derive(Default)]
#[repr(align(128))]
struct Appetite {
    has_enough: AtomicBool,
}

/// A feed with an inbox for each loop of the board.
pub(super) fn channel(board: Arc<Board>) -> (Sender, Vec<Inbox>) {
    let loops = board.loops.len();
    let waiting = || Waiting { arrivals: Vec::new(), is_awaited: false, is_closed: false };
    let state = State {
        inboxes: std::iter::repeat_with(waiting).take(loops).collect(),
        list_ended: false,
        error: None,
        is_shut: false,
        is_broken: false,
    };
    let feed = Arc::new(Feed {
        state: Mutex::new(state),
        board,
        appetites: std::iter::repeat_with(Appetite::default).take(loops).collect(),
        is_awaited: AtomicBool::new(false),
        room: Condvar::new(),
        room_async: Notify::new(),
        news: std::iter::repeat_with(Notify::new).take(loops).collect(),
        first_news: Condvar::new(),
    });
    let inboxes = (0..loops).map(|seat| Inbox { feed: Arc::clone(&feed), seat }).collect();
    (Sender(feed), inboxes)
}

/// How far a list was read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Read {
    ToItsEnd,
    InPart,
}

/// The run takes nothing more.
pub(super) struct RunGone;

impl Sender {
    /// Blocks while the loops have enough.
    pub(super) fn send(&self, request: Request) -> Result<(), RunGone> {
        let seat = self.seat_of(&request);
        let mut state = self.0.lock();
        while !self.0.has_room(&state, seat) {
            state = self.0.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.put(state, seat, request)
    }

    /// Waits while the loops have enough.
    pub(super) async fn send_async(&self, request: Request) -> Result<(), RunGone> {
        let seat = self.seat_of(&request);
        loop {
            let has_room = self.0.room_async.notified();
            {
                let state = self.0.lock();
                if self.0.has_room(&state, seat) {
                    return self.put(state, seat, request);
                }
            }
            has_room.await;
        }
    }

    fn put(&self, state: MutexGuard<'_, State>, seat: usize, request: Request) -> Result<(), RunGone> {
        if state.is_shut {
            return Err(RunGone);
        }
        let read = self.0.board.read.load(Relaxed);
        self.0.board.read.store(read + 1, Relaxed);
        let index = request.index.unwrap_or(read);
        self.0.arrive(state, seat, Arrival::Input(index, request));
        Ok(())
    }

    /// What is no URL needs no loop in particular.
    fn seat_of(&self, request: &Request) -> usize {
        request.url().map_or(0, |url| self.0.seat_of(url))
    }

    /// The list cannot be read on.
    pub(super) fn fail(&self, error: Error) {
        self.0.lock().error.get_or_insert(error);
    }

    /// No more of the list comes.
    pub(super) fn finish(self, read: Read) {
        // First: the run may be over at once, and whoever looks then has to know.
        self.0.board.read_all.store(read == Read::ToItsEnd, Relaxed);
        self.0.end_list();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if !state.list_ended {
            // A run that was stopped drops the stream that it reads.
            if !state.is_shut {
                let message = "the list broke off: whatever reads it panicked";
                state.error.get_or_insert_with(|| Error::input(message));
            }
            drop(state);
            self.0.end_list();
        }
    }
}

impl Inbox {
    /// Which of the run's loops this is.
    pub(super) fn seat(&self) -> usize {
        self.seat
    }

    /// How many loops the run has.
    pub(super) fn loops(&self) -> usize {
        self.feed.news.len()
    }

    /// What this loop has done.
    pub(super) fn counters(&self) -> &Counters {
        &self.feed.board.loops[self.seat]
    }

    /// What the run has done.
    pub(super) fn board(&self) -> &Board {
        &self.feed.board
    }

    /// Blocks until something comes for this loop. `false`: nothing will.
    pub(super) fn wait_for_first(&self) -> bool {
        let mut state = self.feed.lock();
        state.inboxes[self.seat].is_awaited = true;
        while state.inboxes[self.seat].arrivals.is_empty() && !state.is_shut {
            state = self.feed.first_news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.inboxes[self.seat].is_awaited = false;
        !state.is_shut
    }

    /// All that waits, at least one; `None` once nothing more comes. Dropping the future loses nothing.
    pub(super) async fn next(&self) -> Option<Vec<Arrival>> {
        loop {
            {
                let mut state = self.feed.lock();
                if state.is_shut {
                    return None;
                }
                let arrivals = std::mem::take(&mut state.inboxes[self.seat].arrivals);
                if !arrivals.is_empty() {
                    // As many may come next: to grow by and by would move each of them several times.
                    state.inboxes[self.seat].arrivals.reserve(arrivals.len());
                    let was_full = arrivals.len() >= CAPACITY;
                    drop(state);
                    if was_full {
                        self.feed.make_room();
                    }
                    return Some(arrivals);
                }
                self.feed.shut_if_over(&mut state);
                if state.is_shut {
                    return None;
                }
            }
            self.feed.news[self.seat].notified().await;
        }
    }

    /// Says whether this loop has enough of the list for now. More is read while none has.
    pub(super) fn set_has_enough(&self, has_enough: bool) {
        self.feed.appetites[self.seat].has_enough.store(has_enough, SeqCst);
        if !has_enough && self.feed.is_awaited.load(SeqCst) {
            // Whoever is about to wait has looked before, or will be woken.
            drop(self.feed.lock());
            self.feed.make_room();
        }
    }

    /// Gives a job to the loop that its next host belongs to, unless that is this one, or takes no more.
    pub(super) fn pass_on(&self, job: Box<Job>, time: Instant) -> Option<Box<Job>> {
        if self.loops() == 1 {
            return Some(job);
        }
        let seat = self.feed.seat_of(job.next_url());
        if seat == self.seat {
            return Some(job);
        }
        let state = self.feed.lock();
        if state.is_shut || state.inboxes[seat].is_closed {
            return Some(job);
        }
        self.feed.arrive(state, seat, Arrival::Passed(job, time));
        None
    }

    /// This loop has nothing to do: if none has, the run is over.
    pub(super) fn shut_if_over(&self) {
        self.feed.shut_if_over(&mut self.feed.lock());
    }

    /// Nothing more is to come, in any loop.
    pub(super) fn shut(&self) {
        self.feed.shut(&mut self.feed.lock());
    }

    /// The run cannot go on, in any loop.
    pub(super) fn break_off(&self, error: Error) {
        let mut state = self.feed.lock();
        state.error.get_or_insert(error);
        state.is_broken = true;
        self.feed.shut(&mut state);
    }

    /// Whether a loop could not go on.
    pub(super) fn is_broken(&self) -> bool {
        self.feed.lock().is_broken
    }

    /// Why the list or the run broke off.
    pub(super) fn take_error(&self) -> Option<Error> {
        self.feed.lock().error.take()
    }

    /// From now on nothing is passed to this loop. The jobs that were, and that it has not taken.
    pub(super) fn close(&self) -> Vec<Job> {
        let mut state = self.feed.lock();
        let inbox = &mut state.inboxes[self.seat];
        inbox.is_closed = true;
        let arrivals = std::mem::take(&mut inbox.arrivals).into_iter();
        arrivals
            .filter_map(|arrival| match arrival {
                Arrival::Passed(job, _) => Some(*job),
                Arrival::Input(..) => None,
            })
            .collect()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for an input to this loop, or nothing to wait for. If not, whoever makes room says so.
    fn has_room(&self, state: &State, seat: usize) -> bool {
        self.is_awaited.store(true, SeqCst);
        let has_enough = |appetite: &Appetite| appetite.has_enough.load(SeqCst);
        let has_room =
            state.inboxes[seat].arrivals.len() < CAPACITY && !self.appetites.iter().any(has_enough);
        let goes_on = state.is_shut || has_room;
        if goes_on {
            self.is_awaited.store(false, SeqCst);
        }
        goes_on
    }

    /// The loop that a URL's host belongs to.
    fn seat_of(&self, url: &Url) -> usize {
        let loops = self.news.len();
        if loops == 1 {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        (url.host_str(), url.port_or_known_default()).hash(&mut hasher);
        (hasher.finish() % loops as u64) as usize
    }

    fn arrive(&self, mut state: MutexGuard<'_, State>, seat: usize, arrival: Arrival) {
        let inbox = &mut state.inboxes[seat];
        inbox.arrivals.push(arrival);
        let (is_first, is_awaited) = (inbox.arrivals.len() == 1, inbox.is_awaited);
        drop(state);
        if is_first {
            self.news[seat].notify_one();
        }
        // A system call even where nobody waits.
        if is_awaited {
            self.first_news.notify_all();
        }
    }

    fn make_room(&self) {
        self.room.notify_one();
        self.room_async.notify_one();
    }

    fn end_list(&self) {
        self.lock().list_ended = true;
        // Whoever was idle already has to look whether that was all.
        self.news.iter().for_each(Notify::notify_one);
        self.first_news.notify_all();
    }

    fn shut_if_over(&self, state: &mut State) {
        let is_over = state.list_ended
            && state.inboxes.iter().all(|inbox| inbox.arrivals.is_empty())
            && self.board.done() == self.board.read.load(Relaxed);
        if is_over && !state.is_shut {
            self.shut(state);
        }
    }

    fn shut(&self, state: &mut State) {
        state.is_shut = true;
        self.make_room();
        self.news.iter().for_each(Notify::notify_one);
        self.first_news.notify_all();
    }
}
