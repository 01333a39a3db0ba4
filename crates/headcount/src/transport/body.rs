//! An answer's body as it comes: counted, cut at its limit, and looked at.

use bytes::{Bytes, BytesMut};
use headcount_tasks::{Value, compute};

use super::trace::Trace;
use crate::probe;

/// How much of a body is kept to look for the title.
const TITLE_WITHIN: usize = 256 << 10;

/// What was taken of a body so far.
pub(super) struct Taken {
    most: u64,
    content_type: Option<String>,
    /// Whether it is HTML, once its first bytes are here.
    is_page: Option<bool>,
    kept: Kept,
}

impl Taken {
    /// Nothing yet, and at most so many bytes, of the answer whose head is in `trace`.
    pub(super) fn new(most: u64, trace: &Trace) -> Taken {
        let content_type = trace.head.as_ref().and_then(|head| head.content_type.clone());
        Taken { most, content_type, is_page: None, kept: Kept::default() }
    }

    /// Takes the next bytes. `false`: this was more than may be taken, and no more is wanted.
    pub(super) fn take(&mut self, mut chunk: Bytes, trace: &mut Trace) -> bool {
        let room = self.most - trace.body_bytes;
        if chunk.len() as u64 > room {
            chunk.truncate(room as usize);
            trace.truncated = true;
        }
        trace.body_bytes += chunk.len() as u64;
        if let Some(body) = &mut trace.kept_body {
            body.extend_from_slice(&chunk);
        } else if *self.is_page.get_or_insert_with(|| probe::is_html(self.content_type.as_deref(), &chunk)) {
            self.kept.push(chunk);
        }
        !trace.truncated
    }

    /// That was all: what there is to learn of it is learnt.
    pub(super) async fn finish(self, trace: &mut Trace) {
        if self.is_page == Some(true) {
            trace.title = title(self.kept, self.content_type).await;
        }
    }
}

/// The page's title. What would hold up the loop is searched on another thread.
async fn title(kept: Kept, content_type: Option<String>) -> Option<String> {
    match probe::title_nowait(kept.bytes(), content_type.as_deref()) {
        Ok(title) => title,
        Err(_undecided) => {
            let search = move || Value(probe::title(kept.bytes(), content_type.as_deref()));
            compute("title", search).await.ok().flatten()
        }
    }
}

/// The beginning of a body. Most bodies come in one piece, which is kept as it came.
#[derive(Default)]
struct Kept {
    first: Bytes,
    joined: BytesMut,
}

impl Kept {
    fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = chunk;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        let room = TITLE_WITHIN.saturating_sub(self.joined.len());
        self.joined.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    fn bytes(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }
}
