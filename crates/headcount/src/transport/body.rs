//! An answer's body as it comes: counted, cut at its limit, and looked at.

use std::io;

use bytes::{Bytes, BytesMut};
use headcount_tasks::{Value, compute, yield_now};

use super::coding::Decoder;
use super::learning::Learning;
use super::trace::Trace;
use crate::policy::robots::LONGEST_FILE;
use crate::record::{Failure, Kind, Phase};
use crate::{Config, probe};

/// How much of a body is kept to look for the title.
const TITLE_WITHIN: usize = 256 << 10;

/// A body that is no longer than this may be as much larger than what came as it likes; and what came, than its body.
const FREE_OF_RATIO: u64 = 1 << 20;

/// What may be done of a body before others get their turn, as bytes that could be copied meanwhile: as much as stays below
/// half a millisecond.
const AT_ONCE: usize = 256 << 10;
/// To decode a piece takes as long as to copy so much.
const COST_OF_PIECE: usize = AT_ONCE / 4;
/// And so does whatever comes in a chunk of its own, be it a byte.
const COST_OF_CHUNK: usize = 1 << 10;

/// What was taken of a body so far.
pub(super) struct Taken {
    most: u64,
    max_ratio: u64,
    decoder: Option<Decoder>,
    /// Whether it is HTML, once its first bytes are here.
    is_page: Option<bool>,
    kept: Kept,
    learning: Option<Box<Learning>>,
    /// What was done since others had their turn.
    done: usize,
}

impl Taken {
    /// Nothing yet of the answer whose head is in `trace`.
    pub(super) fn new(config: &Config, trace: &Trace) -> Taken {
        let head = trace.head.as_ref();
        let codings = head.map_or(&[][..], |head| &head.codings);
        Taken {
            // What this process reads for itself is not what the user asked for, nor as long as that may be.
            most: if trace.kept_body.is_some() { LONGEST_FILE as u64 + 1 } else { config.max_body },
            max_ratio: config.max_ratio.into(),
            decoder: (!codings.is_empty()).then(|| Decoder::new(codings)),
            is_page: None,
            kept: Kept::default(),
            learning: trace.learnt.as_ref().and_then(|_| Learning::new(config)).map(Box::new),
            done: 0,
        }
    }

    /// Takes the next bytes, without their codings. `Ok(false)`: this was more than may be taken, and no more is wanted.
    pub(super) async fn take(&mut self, chunk: Bytes, trace: &mut Trace) -> Result<bool, Failure> {
        self.did(COST_OF_CHUNK + chunk.len()).await;
        let Some(mut decoder) = self.decoder.take() else { return self.add(chunk, trace).await };
        *trace.coded_bytes.get_or_insert_default() += chunk.len() as u64;
        decoder.feed(chunk);
        while let Some(piece) = decoder.next().map_err(malformed)? {
            trace.truncated |= !self.add(piece, trace).await? || self.is_bomb(trace);
            if trace.truncated {
                return Ok(false);
            }
            self.did(COST_OF_PIECE).await;
        }
        if is_hollow(trace) {
            trace.truncated = true;
            return Ok(false);
        }
        self.decoder = Some(decoder);
        Ok(true)
    }

    /// Counts what was done, over chunks and pieces, and lets others have their turn when it is enough.
    async fn did(&mut self, cost: usize) {
        self.done += cost;
        if self.done >= AT_ONCE {
            self.done = 0;
            yield_now().await;
        }
    }

    /// Whether so much came of so little that nobody can have meant it well.
    fn is_bomb(&self, trace: &Trace) -> bool {
        let coded = trace.coded_bytes.unwrap_or_default();
        trace.body_bytes > FREE_OF_RATIO.max(coded.saturating_mul(self.max_ratio))
    }

    async fn add(&mut self, mut chunk: Bytes, trace: &mut Trace) -> Result<bool, Failure> {
        if chunk.is_empty() {
            return Ok(true);
        }
        let room = self.most - trace.body_bytes;
        if chunk.len() as u64 > room {
            chunk.truncate(room as usize);
            trace.truncated = true;
        }
        trace.body_bytes += chunk.len() as u64;
        if let Some(learning) = &mut self.learning {
            learning.take(&chunk).await?;
        }
        if let Some(body) = &mut trace.kept_body {
            body.extend_from_slice(&chunk);
        } else if *self.is_page.get_or_insert_with(|| probe::is_html(content_type(trace), &chunk)) {
            self.kept.push(chunk);
        }
        Ok(!trace.truncated)
    }

    /// That was all: what there is to learn of it is learnt.
    ///
    /// # Errors
    /// The codings go on behind the end, or the body cannot be kept.
    pub(super) async fn finish(self, config: &Config, trace: &mut Trace) -> Result<(), Failure> {
        if let Some(mut decoder) = self.decoder {
            decoder.finish().map_err(malformed)?;
        }
        if let (Some(learning), Some(learnt)) = (self.learning, &mut trace.learnt) {
            let content_type = trace.head.as_ref().and_then(|head| head.content_type.clone());
            learning.finish(content_type, config, learnt).await?;
        }
        if self.is_page == Some(true) {
            trace.title = title(self.kept, content_type(trace)).await;
        }
        Ok(())
    }
}

/// Whether so little came of so much that nobody can have meant it well: no coding makes of a body more than a little above
/// its length, and some can go on for ever without a byte of it.
fn is_hollow(trace: &Trace) -> bool {
    trace.coded_bytes.unwrap_or_default() > FREE_OF_RATIO.max(trace.body_bytes.saturating_mul(2))
}

fn content_type(trace: &Trace) -> Option<&str> {
    trace.head.as_ref()?.content_type.as_deref()
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn malformed(reason: io::Error) -> Failure {
    Failure::new(Phase::Body, Kind::Malformed, format!("the body's content coding cannot be read: {reason}"))
}

/// The page's title. What would hold up the loop is searched on another thread.
async fn title(kept: Kept, content_type: Option<&str>) -> Option<String> {
    match probe::title_nowait(kept.bytes(), content_type) {
        Ok(title) => title,
        Err(_undecided) => {
            let content_type = content_type.map(str::to_owned);
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::time::Instant;

    use super::*;

    /// How often others have their turn while so many chunks of this length are taken.
    fn turns_of_others(chunks: usize, length: usize) -> usize {
        let config = Config::default();
        let mut trace = Trace::new(Instant::now());
        let mut taken = Taken::new(&config, &trace);
        let taking = async {
            for _ in 0..chunks {
                assert!(matches!(taken.take(vec![b'a'; length].into(), &mut trace).await, Ok(true)));
            }
        };
        let mut taking = pin!(taking);
        let mut context = Context::from_waker(Waker::noop());
        std::iter::from_fn(|| taking.as_mut().poll(&mut context).is_pending().then_some(())).count()
    }

    #[test]
    fn others_have_their_turn_while_a_body_comes_in_many_chunks_but_not_for_a_page() {
        assert_eq!(turns_of_others(1, 100_000), 0);
        assert_eq!(turns_of_others(10, 8_192), 0);
        assert!(turns_of_others(10_000, 1) >= 30);
        assert!(turns_of_others(3, 300_000) >= 3);
    }
}
