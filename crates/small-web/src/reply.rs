//! What a host sends for a request, byte by byte if need be, and how the connection goes on.

use std::time::Duration;

use bytes::Bytes;

/// Raw bytes with pauses between them, and an ending; begins empty and keeps the connection.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) ending: Ending,
}

/// A part of a reply, in the order of sending.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    Wait(Duration),
    Drip(Bytes, Duration),
    Flood(Bytes),
    Gather(usize),
}

/// What becomes of the connection after a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    #[default]
    Keep,
    Close,
    Reset,
    Hang,
}

impl Reply {
    /// Nothing so far.
    pub fn new() -> Reply {
        Reply::default()
    }

    /// Sends these bytes as they stand.
    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Reply {
        self.pieces.push(Piece::Bytes(bytes.into()));
        self
    }

    /// Waits before going on; ends early when the client leaves.
    pub fn wait(mut self, duration: Duration) -> Reply {
        self.pieces.push(Piece::Wait(duration));
        self
    }

    /// Sends these bytes one at a time, with a wait before each.
    pub fn drip(mut self, bytes: impl Into<Bytes>, every: Duration) -> Reply {
        self.pieces.push(Piece::Drip(bytes.into(), every));
        self
    }

    /// Sends these bytes again and again, until the client leaves.
    pub fn flood(mut self, bytes: impl Into<Bytes>) -> Reply {
        self.pieces.push(Piece::Flood(bytes.into()));
        self
    }

    /// Then ends the connection with a FIN (a TLS host says goodbye first).
    pub fn close(mut self) -> Reply {
        self.ending = Ending::Close;
        self
    }

    /// Then ends the connection with a RST.
    pub fn reset(mut self) -> Reply {
        self.ending = Ending::Reset;
        self
    }

    /// Then says nothing more until the client leaves.
    pub fn hang(mut self) -> Reply {
        self.ending = Ending::Hang;
        self
    }
}
