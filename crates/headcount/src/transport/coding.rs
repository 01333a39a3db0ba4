//! Content codings, taken off a body piece by piece as it comes. What a piece costs is bounded, in time and in memory.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::zstd::params::DParameter;
use compression_codecs::{BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// What every request says it can read.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// Nobody needs more of them, one over the other; who sends more wants to keep us busy.
const MOST_LAYERS: usize = 2;

/// A piece is at most so long before decoding, and after it.
const LONGEST_PIECE: usize = 16 << 10;
const LONGEST_DECODED: usize = 32 << 10;

/// RFC 9659: no window of more than 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A content coding that can be taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The codings of a body, in the order in which they were put on. None where one of them is not known, or where there
    /// are too many: such a body is left as it is.
    pub(super) fn of(headers: &HeaderMap) -> Vec<Coding> {
        let mut codings = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                match Coding::named(&name.to_ascii_lowercase()) {
                    Some(coding) => codings.push(coding),
                    None if name.is_empty() || name.eq_ignore_ascii_case(b"identity") => {}
                    None => return Vec::new(),
                }
            }
        }
        if codings.len() > MOST_LAYERS { Vec::new() } else { codings }
    }

    fn named(name: &[u8]) -> Option<Coding> {
        match name {
            b"gzip" | b"x-gzip" => Some(Coding::Gzip),
            b"deflate" => Some(Coding::Deflate),
            b"br" => Some(Coding::Brotli),
            b"zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }

    /// What decodes a body that begins like this.
    fn decoder(self, start: &[u8]) -> Box<dyn DecodeV2> {
        match self {
            Coding::Gzip => Box::new(GzipDecoder::new()),
            // It should have zlib's header, and by some servers has not.
            Coding::Deflate if begins_zlib(start) => Box::new(ZlibDecoder::new()),
            Coding::Deflate => Box::new(DeflateDecoder::new()),
            Coding::Brotli => Box::new(BrotliDecoder::new()),
            Coding::Zstd => {
                Box::new(ZstdDecoder::new_with_params(&[DParameter::window_log_max(ZSTD_WINDOW_LOG)]))
            }
        }
    }

    /// Whether a byte behind the end begins the same coding once more. What else stands there is passed over, as
    /// browsers do.
    fn goes_on_with(self, byte: u8) -> bool {
        match self {
            Coding::Gzip => byte == 0x1f,
            Coding::Zstd => byte == 0x28 || byte & 0xf0 == 0x50,
            Coding::Deflate | Coding::Brotli => false,
        }
    }
}

/// RFC 1950, section 2.2.
fn begins_zlib(start: &[u8]) -> bool {
    matches!(start, [method, flags, ..]
        if method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// Takes codings off a body.
pub(super) struct Decoder {
    /// The one that the bytes of the network are in comes first.
    layers: Vec<Layer>,
}

impl Decoder {
    pub(super) fn new(codings: &[Coding]) -> Decoder {
        let layers = codings.iter().rev().map(|coding| Layer::new(*coding)).collect();
        Decoder { layers }
    }

    /// Takes the next bytes of the body. What comes of them is had by [`next`](Decoder::next).
    pub(super) fn feed(&mut self, bytes: Bytes) {
        if let Some(outermost) = self.layers.first_mut() {
            outermost.feed(bytes);
        }
    }

    /// The next piece of what was fed, which may be empty. `None`: all is decoded.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.layers.iter().all(Layer::is_idle) {
            return Ok(None);
        }
        decode(&mut self.layers).map(Some)
    }

    /// That was all that is to be fed.
    ///
    /// # Errors
    /// It cannot have been all.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.layers.iter_mut().try_for_each(Layer::finish)
    }
}

/// A piece from the last layer, for which those before it do as much as it needs.
fn decode(layers: &mut [Layer]) -> io::Result<Bytes> {
    let Some((last, before)) = layers.split_last_mut() else { return Ok(Bytes::new()) };
    if last.is_idle() && !before.is_empty() {
        let piece = decode(before)?;
        last.feed(piece);
    }
    last.decode()
}

/// One coding, and what of it is still to be decoded.
struct Layer {
    coding: Coding,
    input: Bytes,
    /// There once it has been seen how the body begins.
    decoder: Option<Box<dyn DecodeV2>>,
    /// The decoder may hold more of what it has been given.
    may_hold_more: bool,
    has_ended: bool,
}

impl Layer {
    fn new(coding: Coding) -> Layer {
        Layer { coding, input: Bytes::new(), decoder: None, may_hold_more: false, has_ended: false }
    }

    fn feed(&mut self, bytes: Bytes) {
        self.input = match self.input.is_empty() {
            true => bytes,
            false => [&*self.input, &*bytes].concat().into(),
        };
    }

    /// Nothing comes of it before it is fed.
    fn is_idle(&self) -> bool {
        let needed = if self.coding == Coding::Deflate && self.decoder.is_none() { 2 } else { 1 };
        self.input.len() < needed && !self.may_hold_more
    }

    fn decode(&mut self) -> io::Result<Bytes> {
        if self.is_idle() {
            return Ok(Bytes::new());
        }
        let decoder = self.decoder.get_or_insert_with(|| self.coding.decoder(&self.input));
        if self.has_ended {
            if !self.input.first().is_some_and(|byte| self.coding.goes_on_with(*byte)) {
                self.input.clear();
                return Ok(Bytes::new());
            }
            decoder.reinit()?;
            self.has_ended = false;
        }
        let mut piece = BytesMut::zeroed(LONGEST_DECODED);
        let mut output = WriteBuffer::new_initialized(&mut piece);
        let used = if self.input.is_empty() {
            decoder.flush(&mut output)?;
            0
        } else {
            let mut input = PartialBuffer::new(&self.input[..self.input.len().min(LONGEST_PIECE)]);
            self.has_ended = decoder.decode(&mut input, &mut output)?;
            input.written_len()
        };
        let length = output.written_len();
        self.may_hold_more = !self.has_ended && output.has_no_spare_space();
        if used == 0 && length == 0 && !self.has_ended && !self.input.is_empty() {
            return Err(io::Error::other("it does not go on"));
        }
        self.input.advance(used);
        piece.truncate(length);
        Ok(piece.freeze())
    }

    fn finish(&mut self) -> io::Result<()> {
        // Where nothing has come, nothing was coded.
        let Some(decoder) = self.decoder.as_mut().filter(|_| !self.has_ended) else {
            return if self.input.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        };
        match decoder.finish(&mut WriteBuffer::new_initialized(&mut [0; 64])) {
            Ok(true) => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early")),
        }
    }
}

#[cfg(test)]
mod tests {
    use compression_codecs::core::Level;
    use compression_codecs::{
        BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn encoded(mut encoder: impl EncodeV2, body: &[u8]) -> Vec<u8> {
        let mut output = vec![0; 2 * body.len() + (64 << 10)];
        let mut written = WriteBuffer::new_initialized(&mut output);
        if !body.is_empty() {
            encoder.encode(&mut PartialBuffer::new(body), &mut written).unwrap();
        }
        while !encoder.finish(&mut written).unwrap() {}
        let length = written.written_len();
        output.truncate(length);
        output
    }

    /// Every way in which a body may come, with the coding's name.
    fn all_ways(body: &[u8]) -> Vec<(Coding, Vec<u8>)> {
        vec![
            (Coding::Gzip, encoded(GzipEncoder::new(Level::Default.into()), body)),
            (Coding::Deflate, encoded(ZlibEncoder::new(Level::Default.into()), body)),
            (Coding::Deflate, encoded(DeflateEncoder::new(Level::Default.into()), body)),
            (Coding::Brotli, encoded(BrotliEncoder::new(Default::default()), body)),
            (Coding::Zstd, encoded(ZstdEncoder::new(3), body)),
        ]
    }

    /// What comes out when it comes in pieces of this length.
    fn decoded(codings: &[Coding], body: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::new(codings);
        let mut output = Vec::new();
        for piece in body.chunks(piece) {
            decoder.feed(Bytes::copy_from_slice(piece));
            while let Some(piece) = decoder.next()? {
                assert!(piece.len() <= LONGEST_DECODED);
                output.extend_from_slice(&piece);
            }
        }
        decoder.finish()?;
        Ok(output)
    }

    /// Bodies that compress well and badly, around the lengths at which buffers are full.
    fn bodies() -> Vec<Vec<u8>> {
        let lengths =
            [0, 1, 100, LONGEST_PIECE, LONGEST_DECODED - 1, LONGEST_DECODED, 3 * LONGEST_DECODED, 200_001];
        let mut random = fastrand::Rng::with_seed(7);
        let zeros = lengths.iter().map(|length| vec![b' '; *length]);
        let noise = lengths.iter().map(|length| (0..*length).map(|_| random.u8(..)).collect());
        zeros.chain(noise).collect()
    }

    #[test]
    fn bodies_come_back_in_whatever_pieces_they_come() {
        for body in bodies() {
            for (coding, coded) in all_ways(&body) {
                for piece in [7, 1_000, usize::MAX] {
                    let found = decoded(&[coding], &coded, piece.min(coded.len().max(1)));
                    assert!(found.is_ok_and(|found| found == body), "{coding:?} {} {piece}", body.len());
                }
            }
        }
    }

    #[test]
    fn two_layers_are_taken_off_in_their_order() {
        let body = b"well ".repeat(50_000);
        for (inner, coded) in all_ways(&body) {
            for (outer, twice) in all_ways(&coded) {
                assert_eq!(decoded(&[inner, outer], &twice, 1_500).unwrap(), body, "{inner:?} in {outer:?}");
            }
        }
    }

    #[test]
    fn what_ends_too_early_or_is_damaged_is_no_body() {
        let body = bodies().pop().unwrap();
        for (coding, coded) in all_ways(&body) {
            assert!(decoded(&[coding], &coded[..coded.len() - 1], 1_000).is_err(), "{coding:?}");
            assert!(decoded(&[coding], &coded[..1], 1_000).is_err(), "{coding:?}");
            if coding != Coding::Deflate {
                assert!(
                    decoded(&[coding], b"<!doctype html>\n<title>plain</title>", 1_000).is_err(),
                    "{coding:?}"
                );
            }
        }
    }

    #[test]
    fn what_follows_the_end_is_passed_over_unless_it_goes_on() {
        for (coding, coded) in all_ways(b"whole") {
            let with_more = |more: &[u8]| decoded(&[coding], &[&coded, more].concat(), 3).unwrap();
            assert_eq!(with_more(b"\n\n\0"), b"whole", "{coding:?}");
            if matches!(coding, Coding::Gzip | Coding::Zstd) {
                assert_eq!(with_more(&coded), b"wholewhole", "{coding:?}");
            }
        }
    }

    #[test]
    fn codings_that_are_not_known_are_left_on() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            Coding::of(&headers)
        };
        assert_eq!(of(&[" GZip ,,identity"]), [Coding::Gzip]);
        assert_eq!(of(&["x-gzip", "br"]), [Coding::Gzip, Coding::Brotli]);
        assert_eq!(of(&["deflate, zstd"]), [Coding::Deflate, Coding::Zstd]);
        for left in
            [&["compress"][..], &["gzip, dcb"], &["gzip, gzip", "gzip"], &[], &["identity"], &["gzip;q=1"]]
        {
            assert_eq!(of(left), [], "{left:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(body in prop::collection::vec(any::<u8>(), 0..400), piece in 1..50_usize, coding in 0..4_usize) {
            let coding = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd][coding];
            let _ = decoded(&[coding, Coding::Deflate], &body, piece);
        }
    }
}
