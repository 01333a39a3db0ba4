//! A line of waiters, first come, first served. Places are reused, so that waiting does not
//! allocate; whoever leaves early says so through its ticket.

use std::task::Context;

use crate::wait::Wakeup;

const NOWHERE: u32 = u32::MAX;

/// The waiters, each with something of type `P`: what it offers, wants or was given.
pub(crate) struct WaitList<P> {
    places: Vec<Place<P>>,
    free: u32,
    first: u32,
    last: u32,
}

struct Place<P> {
    waiter: Option<Waiter<P>>,
    previous: u32,
    next: u32,
}

struct Waiter<P> {
    wakeup: Option<Wakeup>,
    payload: P,
    /// It has got what it waits for and stands in the line no more.
    served: bool,
}

/// A waiter's place.
#[derive(Debug)]
pub(crate) struct Ticket(u32);

impl<P> WaitList<P> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), free: NOWHERE, first: NOWHERE, last: NOWHERE }
    }

    /// Nobody waits, those served apart.
    pub(crate) fn is_empty(&self) -> bool {
        self.first == NOWHERE
    }

    pub(crate) fn join(&mut self, cx: &Context<'_>, payload: P) -> Ticket {
        let waiter = Some(Waiter { wakeup: Some(Wakeup::of(cx)), payload, served: false });
        let previous = self.last;
        let index = if self.free == NOWHERE {
            self.places.push(Place { waiter, previous, next: NOWHERE });
            u32::try_from(self.places.len() - 1).expect("fewer than four billion waiters")
        } else {
            let index = self.free;
            let place = &mut self.places[index as usize];
            self.free = place.next;
            *place = Place { waiter, previous, next: NOWHERE };
            index
        };
        match previous {
            NOWHERE => self.first = index,
            _ => self.places[previous as usize].next = index,
        }
        self.last = index;
        Ticket(index)
    }

    /// The payload of the first in line.
    pub(crate) fn front(&mut self) -> Option<&mut P> {
        let place = self.places.get_mut(self.first as usize)?;
        place.waiter.as_mut().map(|waiter| &mut waiter.payload)
    }

    /// Takes the first out of the line as served. The wakeup is to be woken once nothing is
    /// borrowed; the payload stays until its owner leaves.
    pub(crate) fn serve_front(&mut self) -> Option<Wakeup> {
        let index = self.first;
        let waiter = self.places.get_mut(index as usize)?.waiter.as_mut()?;
        waiter.served = true;
        let wakeup = waiter.wakeup.take();
        self.unlink(index);
        wakeup
    }

    /// The wakeups of everybody in their order, who stay in line: something has changed for all.
    pub(crate) fn wake_all(&mut self) -> Vec<Wakeup> {
        let mut wakeups = Vec::new();
        let mut index = self.first;
        while let Some(place) = self.places.get_mut(index as usize) {
            wakeups.extend(place.waiter.as_mut().and_then(|waiter| waiter.wakeup.take()));
            index = place.next;
        }
        wakeups
    }

    /// Takes everybody out of the line as served.
    pub(crate) fn serve_all(&mut self) -> Vec<Wakeup> {
        let mut wakeups = Vec::new();
        while !self.is_empty() {
            wakeups.extend(self.serve_front());
        }
        wakeups
    }

    pub(crate) fn is_served(&self, ticket: &Ticket) -> bool {
        self.places[ticket.0 as usize].waiter.as_ref().is_some_and(|waiter| waiter.served)
    }

    /// Notes whom to wake: it may have changed since the last poll.
    pub(crate) fn stay(&mut self, ticket: &Ticket, cx: &Context<'_>) {
        if let Some(waiter) = &mut self.places[ticket.0 as usize].waiter {
            waiter.wakeup = Some(Wakeup::of(cx));
        }
    }

    /// Leaves, served or not.
    pub(crate) fn leave(&mut self, ticket: &Ticket) -> Option<(bool, P)> {
        let index = ticket.0;
        let waiter = self.places[index as usize].waiter.take()?;
        if !waiter.served {
            self.unlink(index);
        }
        self.places[index as usize].next = self.free;
        self.free = index;
        Some((waiter.served, waiter.payload))
    }

    fn unlink(&mut self, index: u32) {
        let Place { previous, next, .. } = self.places[index as usize];
        match previous {
            NOWHERE => self.first = next,
            _ => self.places[previous as usize].next = next,
        }
        match next {
            NOWHERE => self.last = previous,
            _ => self.places[next as usize].previous = previous,
        }
    }
}
