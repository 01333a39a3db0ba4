//! What a host of each temperament replies to a request.

use std::sync::PoisonError;
use std::time::Duration;

use crate::limits::{is_down, is_within};
use crate::reply::Piece;
use crate::site::Site;
use crate::wire_bytes::{self as raw, answer_with_length};
use crate::{Answer, KeepAliveEnd, Reply, Request, Temperament, pages};

/// Time for what was sent to arrive, before a reset that would overtake it.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// The reply to a request, while this many are being answered, itself included.
pub(crate) fn reply(site: &Site, request: &Request, in_flight: usize) -> Reply {
    let well_behaved = || Answer::well_behaved(request);
    match &site.temperament {
        Temperament::Scripted(script) => script.reply(request),
        Temperament::Slow(wait) => well_behaved().after(*wait).reply(request),
        Temperament::Status(status) => Answer::page(*status, &format!("Status {status}")).reply(request),
        Temperament::ClosesKeepAlive(end) => reply_then_close(*end, request),

        Temperament::Throttling { at_once, takes, retry_after } => {
            if in_flight > *at_once {
                too_many(*retry_after).reply(request)
            } else {
                well_behaved().after(*takes).reply(request)
            }
        }
        Temperament::Gathering { at_once, takes } => {
            let mut reply = well_behaved().after(*takes).reply(request);
            reply.pieces.insert(0, Piece::Gather(*at_once));
            reply
        }
        Temperament::Bucket { retry_after, .. } => {
            match site.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(site.age()) {
                Ok(()) => well_behaved().reply(request),
                Err(wait) => too_many(retry_after.then(|| in_whole_seconds(wait))).reply(request),
            }
        }
        Temperament::Flapping { up, down } if is_down(site.age(), *up, *down) => {
            Answer::page(503, "Down").reply(request)
        }
        Temperament::Outage { from, length } if is_within(site.age(), *from, *length) => Reply::new().reset(),

        Temperament::RedirectLoop => Answer::redirect(302, &request.target).reply(request),
        Temperament::RedirectForever => {
            Answer::redirect(302, format!("/hop/{}", request.number + 1)).reply(request)
        }
        Temperament::RedirectToBadUrl => Answer::redirect(302, "http://[bad/").reply(request),
        Temperament::RedirectToOtherScheme(url) => Answer::redirect(302, *url).reply(request),
        Temperament::RedirectToNowhere => Answer::page(302, "Nowhere").reply(request),

        Temperament::InformationalFirst => {
            let mut reply = well_behaved().reply(request);
            reply.pieces.insert(0, Piece::Bytes(raw::INFORMATIONAL.into()));
            reply
        }
        Temperament::HugeTitle => Answer::html(pages::huge_title_page()).reply(request),
        Temperament::EscapesInTitle => Answer::html(raw::page_with_escapes())
            .field("Server", "\u{9b}2Jsmall\u{202e}web\u{2066}")
            .reply(request),
        Temperament::EscapesInHeader => well_behaved().field("Server", "\u{1b}[2Jsmall-web").reply(request),
        Temperament::GzipBomb => {
            Answer::html(pages::gzip_bomb()).field("Content-Encoding", "gzip").reply(request)
        }
        Temperament::NotGzip => {
            Answer::html(pages::page("Not gzip")).field("Content-Encoding", "gzip").reply(request)
        }

        other => misbehave(other).unwrap_or_else(|| well_behaved().reply(request)),
    }
}

/// The temperaments that do not care what was asked.
fn misbehave(temperament: &Temperament) -> Option<Reply> {
    let page = || pages::page("Half a page");
    let half_a_body = || answer_with_length(&page(), 2 * page().len());
    let reply = Reply::new();
    Some(match temperament {
        Temperament::Silent => reply.hang(),
        Temperament::ResetAfterRequest => reply.reset(),
        Temperament::CloseAfterRequest => reply.close(),
        Temperament::ResetInHeaders => reply.bytes(raw::HALF_A_HEADER).wait(BEFORE_RESET).reset(),
        Temperament::CloseInHeaders => reply.bytes(raw::HALF_A_HEADER).close(),
        Temperament::ResetInBody => reply.bytes(half_a_body()).wait(BEFORE_RESET).reset(),
        Temperament::ShortBody => reply.bytes(half_a_body()).close(),
        Temperament::ResetInChunked => reply.bytes(raw::first_chunk()).wait(BEFORE_RESET).reset(),
        Temperament::CloseInChunked => reply.bytes(raw::first_chunk()).close(),

        Temperament::BadChunk => reply.bytes(raw::first_chunk()).bytes(&b"not hexadecimal\r\n"[..]).close(),
        Temperament::MalformedStatusLine => reply.bytes(raw::MALFORMED_STATUS_LINE).close(),
        Temperament::WrongHttpVersion => reply.bytes(raw::WRONG_VERSION).close(),
        Temperament::MalformedHeader => reply.bytes(raw::HEADER_WITHOUT_COLON).close(),
        Temperament::TwoContentLengths => reply.bytes(raw::TWO_LENGTHS).close(),
        Temperament::BadContentLength => reply.bytes(raw::BAD_LENGTH).close(),
        Temperament::LengthAndChunked => reply.bytes(raw::length_and_chunks()),

        Temperament::EndlessHeaders => reply.bytes(raw::START).flood(raw::many_fields(1000)),
        Temperament::HeaderBomb => {
            reply.bytes([raw::START, &raw::many_fields(20_000), b"Content-Length: 0\r\n\r\n"].concat())
        }
        Temperament::EndlessBody => reply.bytes(raw::first_chunk()).flood(raw::big_chunk()),
        Temperament::DripHeaders(every) => reply.drip(answer_with_length(&page(), page().len()), *every),
        Temperament::DripBody(every) => {
            reply.bytes(answer_with_length("", page().len())).drip(page(), *every)
        }
        Temperament::NoContent => reply.bytes(raw::NOTHING),
        Temperament::Http10 => {
            let page = pages::page("The old page");
            reply.bytes(format!("HTTP/1.0 200 OK\r\nContent-Type: {}\r\n\r\n{page}", pages::HTML)).close()
        }
        _ => return None,
    })
}

fn reply_then_close(end: KeepAliveEnd, request: &Request) -> Reply {
    let answered = request.answered_before;
    let answer = || Answer::well_behaved(request).field("Connection", "keep-alive").reply(request);
    match end {
        KeepAliveEnd::AfterAnswers(most) if answered + 1 >= most => answer().close(),
        KeepAliveEnd::OnNextRequest(most) if answered >= most => Reply::new().close(),
        KeepAliveEnd::ResetOnNextRequest(most) if answered >= most => Reply::new().reset(),
        _ => answer(),
    }
}

fn too_many(retry_after: Option<u64>) -> Answer {
    let answer = Answer::page(429, "Too many requests");
    match retry_after {
        Some(seconds) => answer.field("Retry-After", seconds.to_string()),
        None => answer,
    }
}

fn in_whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
