//! The record: what is known of one input once it has ended, however it ended. docs/record.md and the JSON
//! Schema are made from the types in this file.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

/// One input's end. Every input gets exactly one record, and every record has every field; what does not
/// apply is `null`. Only fields that say so are there on request.
///
/// Times are seconds as numbers. As in curl, `time_namelookup` to `time_starttransfer` count from the start of
/// the last request, so each contains the ones before it; a phase that did not happen (a name that is an
/// address, a connection used again) adds nothing and stands with the time of the phase before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Record {
    /// Place of the input in the run, from 0, over all sources. Blank lines and comments are not counted.
    pub index: u64,
    /// Where the input came from: a file as it was named, `-` for standard input; `null` for a URL given
    /// directly.
    pub source: Option<Arc<str>>,
    /// Line in `source`, from 1.
    pub line: Option<u64>,
    /// The input as it stood there, without surrounding blanks. Bytes that are not UTF-8 are shown as U+FFFD, a name and
    /// a password before the host as `***`.
    pub input: String,
    /// What else stood beside the URL in a list with columns or fields, as it was written there. Only where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_fields: Option<Arc<Object>>,
    /// The URL that the input means, without name and password; `null` if it means none.
    pub url: Option<String>,
    /// The URL that gave the last answer or failed last, after redirects. No fragment.
    pub final_url: Option<String>,
    /// Method of the first request.
    pub method: String,
    /// How the input ended.
    pub outcome: Outcome,
    /// Answered, with a status that `--accept` names. The exit code says whether all records were accepted.
    pub accepted: bool,
    /// The outcome is `failed`.
    pub failed: bool,
    /// Why there is no complete answer.
    pub error: Option<Failure>,
    /// Status of the last answer whose header arrived.
    pub status_code: Option<u16>,
    /// Title of an HTML page: decoded, with white space collapsed.
    pub title: Option<String>,
    /// The Content-Type field of the answer.
    pub content_type: Option<String>,
    /// The Content-Length field of the answer, in bytes.
    pub content_length: Option<u64>,
    /// Body bytes that were read, at most `--max-body`. Content codings (gzip, deflate, br, zstd) do not count: they are
    /// taken off.
    pub body_bytes: Option<u64>,
    /// The same as they came, before their codings were taken off. Only where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes_received: Option<u64>,
    /// The body was longer than `--max-body` or, for what came of it, than `--max-ratio`, and was cut there; or much was
    /// received of which, its codings taken off, next to nothing was a body.
    pub truncated: bool,
    /// SHA-256 of the body as far as it was read, in hexadecimal. Only with `--hash sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
    /// The file that the body was kept in, as far as it was read. Only with `--body-dir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_file: Option<String>,
    /// Fields of the answer's header by their names in small letters: text, several texts, or `null`. Only with
    /// `--header-field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_fields: Option<Box<Object>>,
    /// What was extracted from the body, by name; `null` is what was not there. Only with `--extract`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extracted: Option<Box<Object>>,
    /// The Server field of the answer.
    pub webserver: Option<String>,
    /// The address that was connected to last; `null` where only a proxy knows it.
    pub host_ip: Option<IpAddr>,
    /// Protocol of the answer: `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.
    pub http_version: Option<String>,
    /// Redirects that were followed in the last attempt.
    pub num_redirects: u32,
    /// Attempts after the first one. A request repeated because an idle connection had been closed is none.
    pub num_retries: u32,
    /// Status of every answer of the last attempt: the redirects, then the final one.
    pub chain_status_codes: Vec<u16>,
    /// URL of every request of the last attempt: those that redirected, then the last one. Only where a redirect was
    /// followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_urls: Option<Vec<String>>,
    /// What the certificate of the last TLS host says, also if it was refused. Only with `--tls-info`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Arc<Certificate>>,
    /// TLS certificates were not verified (`--insecure`).
    pub insecure: bool,
    /// When the input ended, in UTC.
    pub timestamp: Timestamp,
    /// Waiting for a turn: for a slot, for the host, between attempts. Never charged to a deadline.
    pub time_queued: f64,
    /// Until the name was resolved.
    pub time_namelookup: Option<f64>,
    /// Until the TCP connection stood.
    pub time_connect: Option<f64>,
    /// Until the TLS handshake was done; `null` without TLS.
    pub time_appconnect: Option<f64>,
    /// Until the first byte of the answer.
    pub time_starttransfer: Option<f64>,
    /// The last attempt as a whole, redirects included, the time in queues not; `null` if none was made.
    pub time_total: Option<f64>,
}

/// Names and values that are not ours.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// What a certificate says of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// Who has signed it.
    pub issuer: String,
    /// Whose it is.
    pub subject: String,
    /// Names and addresses of the hosts that it is for.
    pub names: Vec<String>,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// The SHA-256 of the whole certificate, in hexadecimal digits.
    pub fingerprint_sha256: String,
}

/// How an input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A whole answer came, of whatever status.
    Answered,
    /// No whole answer came; `error` says in which phase it ended and why.
    Failed,
    /// It could not be asked; `error` says why.
    Skipped,
    /// The run was stopped while it was being asked.
    Interrupted,
}

/// Why there is no complete answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The part of the work that failed.
    pub phase: Phase,
    /// What happened there, from the phase's closed list.
    pub kind: Kind,
    /// Why a certificate was refused, from a closed list. Only with the kind `certificate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same for people, with what the system or the peer said.
    pub message: String,
}

impl Failure {
    /// # Panics
    /// In debug builds, if `kind` is not in the phase's closed list.
    pub(crate) fn new(phase: Phase, kind: Kind, message: impl Into<String>) -> Failure {
        debug_assert!(phase.kinds().contains(&kind), "{phase:?} has no kind {kind:?}");
        Failure { phase, kind, reason: None, message: message.into() }
    }
}

/// Declares an enum that is written as a word, with the word at hand for tables and messages.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The word that stands in records.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// The part of the work in which something failed.
    Phase {
        /// The input itself; nothing was sent.
        Input = "input",
        /// Resolving the name.
        Dns = "dns",
        /// Making the TCP connection.
        Connect = "connect",
        /// The TLS handshake.
        Tls = "tls",
        /// Sending the request.
        Send = "send",
        /// Waiting for the answer's header, and reading it.
        Headers = "headers",
        /// Reading the answer's body.
        Body = "body",
        /// Following a redirect.
        Redirect = "redirect",
        /// A rule of politeness or safety; the host was not asked, or not asked again.
        Policy = "policy",
        /// This machine; the host is not to blame.
        Local = "local",
    }
}

words! {
    /// What happened in a phase.
    Kind {
        /// The text is no URL.
        InvalidUrl = "invalid_url",
        /// The URL's scheme is neither http nor https.
        UnsupportedScheme = "unsupported_scheme",
        /// The line is not valid UTF-8.
        InvalidText = "invalid_text",
        /// The row cannot be read.
        BadRow = "bad_row",
        /// The name does not exist, or has no address.
        NotFound = "not_found",
        /// The phase did not end within its deadline.
        Timeout = "timeout",
        /// The name server answered that it failed or refused.
        ServerFailure = "server_failure",
        /// Nobody listens on that port.
        Refused = "refused",
        /// There is no way to that address.
        Unreachable = "unreachable",
        /// The peer reset the connection.
        Reset = "reset",
        /// The proxy did not connect.
        Proxy = "proxy",
        /// It is forbidden, by this machine or by a rule of the run: a redirect to a private address, or one that would
        /// send the body to another origin.
        Denied = "denied",
        /// The certificate was not accepted.
        Certificate = "certificate",
        /// The handshake failed for another reason than the certificate.
        Handshake = "handshake",
        /// The peer closed the connection too early.
        Closed = "closed",
        /// What came is not HTTP as it should be.
        Malformed = "malformed",
        /// The header is larger than 64 KiB or has more than 1,000 fields, or its Content-Length is no length that a body can have.
        TooLarge = "too_large",
        /// The redirects go in a circle.
        Loop = "loop",
        /// There were more redirects than `--max-redirects`.
        TooMany = "too_many",
        /// The host asked to wait for longer than the run would.
        RateLimited = "rate_limited",
        /// The host had given no answer for a long time.
        GivenUp = "given_up",
        /// The host's robots.txt forbids it.
        Robots = "robots",
        /// It may have been sent before the run was killed, and is not safe to repeat.
        InDoubt = "in_doubt",
        /// This process has no file descriptor left.
        Descriptors = "descriptors",
        /// This machine has no network.
        Network = "network",
        /// This machine has no working name resolver.
        Resolver = "resolver",
        /// This machine's disk failed or is full.
        Disk = "disk",
    }
}

words! {
    /// Why a certificate was refused.
    Reason {
        /// It is not valid any more.
        Expired = "expired",
        /// It is not valid yet.
        NotYetValid = "not_yet_valid",
        /// It is signed by nobody who is trusted.
        UnknownIssuer = "unknown_issuer",
        /// It is signed by itself, and not trusted.
        SelfSigned = "self_signed",
        /// It is for other hosts.
        WrongName = "wrong_name",
        /// Its issuer has taken it back.
        Revoked = "revoked",
        /// Its signature is wrong.
        BadSignature = "bad_signature",
        /// Something else; the message says what.
        Other = "other",
    }
}

impl Phase {
    /// The kinds that can stand beside this phase: a closed list.
    pub fn kinds(self) -> &'static [Kind] {
        use Kind::*;
        match self {
            Phase::Input => &[InvalidUrl, UnsupportedScheme, InvalidText, BadRow],
            Phase::Dns => &[NotFound, Timeout, ServerFailure],
            Phase::Connect => &[Refused, Unreachable, Timeout, Reset, Proxy, Denied],
            Phase::Tls => &[Certificate, Handshake, Timeout, Reset, Closed],
            Phase::Send => &[Reset, Closed, Timeout],
            Phase::Headers => &[Timeout, Reset, Closed, Malformed, TooLarge],
            Phase::Body => &[Timeout, Reset, Closed, Malformed],
            Phase::Redirect => &[Loop, TooMany, InvalidUrl, UnsupportedScheme, Denied],
            Phase::Policy => &[RateLimited, GivenUp, Robots, InDoubt],
            Phase::Local => &[Descriptors, Network, Resolver, Disk],
        }
    }
}

impl Outcome {
    /// The word that stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
            Outcome::Interrupted => "interrupted",
        }
    }
}

/// The JSON Schema of a [`Record`] (draft 2020-12).
pub fn json_schema() -> Schema {
    schemars::schema_for!(Record)
}
