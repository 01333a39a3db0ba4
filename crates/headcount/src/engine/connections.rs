//! The connections of a lane: idle ones, those that many requests share, and what was learnt by making them.

use std::net::IpAddr;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;

use super::run::IdlePlace;
use crate::policy::addresses::Reach;
use crate::transport::{Connection, Http2, KnownAddresses};

/// What a lane has of connections. They go with it.
pub(super) struct Connections<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    idle: Vec<(Box<Connection<S>>, IdlePlace)>,
    /// Each with its place while nobody uses it.
    shared: Vec<(Http2, Option<IdlePlace>)>,
    /// The host has preferred HTTP/1.1: nobody needs to wait for a connection that could be shared.
    pub(super) prefers_http1: bool,
    /// The host has said, in HTTP/2, that it is to be asked in HTTP/1.1.
    pub(super) wants_http1: bool,
    /// Held by whoever makes a connection that others may share.
    pub(super) making: Rc<Mutex<()>>,
    pub(super) addresses: Rc<KnownAddresses>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Connections<S> {
    /// An idle connection that was open when last seen.
    pub(super) fn take_idle(&mut self, encrypted: bool, reach: Reach) -> Option<Box<Connection<S>>> {
        let fits = |idle: &Connection<S>| idle.is_encrypted() == encrypted && admits(reach, idle.peer());
        let position = self.idle.iter().rposition(|(idle, _)| fits(idle))?;
        Some(self.idle.swap_remove(position).0)
    }

    /// Keeps a connection for one of so many jobs that could use it, if there are fewer idle ones, and a place. Returns
    /// the connection if it does not.
    pub(super) fn keep(
        &mut self,
        connection: Box<Connection<S>>,
        waiting: usize,
        place: impl FnOnce() -> Option<IdlePlace>,
    ) -> Option<Box<Connection<S>>> {
        if self.idle.len() < waiting
            && let Some(place) = place()
        {
            self.idle.push((connection, place));
            return None;
        }
        Some(connection)
    }

    /// A shared connection that can take one request more.
    pub(super) fn share(&mut self, encrypted: bool, reach: Reach) -> Option<Http2> {
        let fits = |shared: &Http2| {
            shared.is_encrypted() == encrypted && admits(reach, shared.peer()) && shared.has_room()
        };
        let (shared, place) = self.shared.iter_mut().find(|(shared, _)| fits(shared))?;
        // Used, it is no idle one.
        place.take();
        Some(shared.clone())
    }

    /// Lets others use this one too.
    pub(super) fn offer(&mut self, made: Http2) {
        self.shared.push((made, None));
    }

    /// Parts with shared connections that are of no use: those that have ended, and idle ones without a job to come or
    /// without a place.
    pub(super) fn tidy(&mut self, waiting: usize, mut place: impl FnMut() -> Option<IdlePlace>) {
        self.shared.retain_mut(|(shared, kept)| {
            if shared.is_open() && shared.is_idle() && kept.is_none() && waiting > 0 {
                *kept = place();
            }
            shared.is_open() && (!shared.is_idle() || kept.is_some())
        });
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Default for Connections<S> {
    fn default() -> Connections<S> {
        Connections {
            idle: Vec::new(),
            shared: Vec::new(),
            prefers_http1: false,
            wants_http1: false,
            making: Rc::default(),
            addresses: Rc::default(),
        }
    }
}

/// Only a proxy knows where what goes through it goes.
fn admits(reach: Reach, peer: Option<IpAddr>) -> bool {
    peer.is_none_or(|peer| reach.admits(peer))
}
