//! The limits of a run and their defaults.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::probe::Extraction;
use crate::{AddressFamily, Error, FixedAddresses, Proxies};

/// No time of a configuration is longer.
const LONGEST_TIME: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Hosts that take turns keep their connections, however few requests are made at once.
const FEWEST_IDLE_CONNECTIONS: usize = 100;

/// What a run may do. Start from [`Config::default`] and change what you need; [`Engine::new`](crate::Engine::new)
/// checks it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Requests under way at once, over all hosts. Default 100.
    pub concurrency: usize,
    /// Let the run find its concurrency: it begins with `concurrency` and grows while that makes it faster, up to this.
    /// Default `None`: it stays as it is.
    pub concurrency_limit: Option<usize>,
    /// Requests under way at once to one host, which is a name with its port, at most. Its pace is found by its answers:
    /// a host begins with 4 and gets more as long as it answers as fast as before. Default 64.
    pub per_host: usize,
    /// Requests a second over all hosts, at most. Default: no limit.
    pub rate: Option<f64>,
    /// Requests a second to one host, at most. Default: no limit but what its answers show.
    pub host_rate: Option<f64>,
    /// Time between the starts of two requests to one host, at least. Default 0.
    pub delay: Duration,
    /// Hosts with the same address share the pace of one. Default false.
    pub per_ip: bool,
    /// Ask each host for its robots.txt first, and keep to it (RFC 9309). Default false: who brings a list of URLs is
    /// seldom a robot.
    pub robots: bool,
    /// A host that asks to wait for longer (429, 503) is not waited for; nor is one URL asked again for longer than this
    /// in all. Default 2 min.
    pub max_hold: Duration,
    /// A host that gave no answer to so many attempts in a row is given up, but for a try now and then. Default 100.
    pub give_up_after: u32,
    /// Retries that the run and each host may make beyond the first 100, as a share of the requests. Default 0.5.
    pub retry_share: f64,
    /// No retry of an input begins later than this after its first request. Default: no limit.
    pub retry_max_time: Option<Duration>,
    /// How long to ask again while it is this machine that fails: no descriptors, no network, no resolver. Default 60 s.
    pub local_wait: Duration,
    /// Bytes of memory for inputs that were read ahead, about; what does not fit goes to a temporary file. Default
    /// 256 MiB.
    pub memory: usize,
    /// Bytes of those temporary files, at most; once they are full, no more is read ahead. Default 16 GiB.
    pub disk: u64,
    /// Keep how this host's pace is found, for [`Verdict::explanation`](crate::Verdict).
    pub explain: Option<String>,
    /// Limit of one attempt as a whole, redirects included; waiting for a turn is not charged. Default 10 s.
    pub timeout: Duration,
    /// Limit of resolving, connecting and the TLS handshake together. Default 5 s.
    pub connect_timeout: Duration,
    /// Further attempts after a failure, for methods that are safe to repeat; after a 429, which says that nothing was done,
    /// for any. Default 2.
    pub retries: u32,
    /// Longest wait before the first retry; it doubles with each, up to a minute. The wait is a random time up to that
    /// (full jitter). Default 500 ms.
    pub retry_delay: Duration,
    /// Redirects to follow, at most. Default 10.
    pub max_redirects: u32,
    /// Follow redirects from public addresses to those that are not: to this machine, to a network behind it, to a
    /// cloud's metadata. Default false.
    pub allow_private_redirects: bool,
    /// Bytes of a body to read, at most; a longer one is cut and flagged. Content codings do not count. Default 1 MiB.
    pub max_body: u64,
    /// Bytes of a body for each that was received of it with its content codings, at most; where more came of it than
    /// that, and than 1 MiB, it is cut and flagged. Default 200.
    pub max_ratio: u32,
    /// Fields of the last answer's header for the record, by name.
    pub header_fields: Vec<HeaderName>,
    /// What to extract from each body for the record. Each needs a name of its own.
    pub extract: Vec<Extraction>,
    /// Whether the record has the SHA-256 of the body, as far as it was read. Default false.
    pub hash_body: bool,
    /// A folder to keep the bodies of all answers in, as far as they were read and without their content codings. It has to
    /// be there. Each file is whole or absent; the record says its name. Default: they are not kept.
    pub body_dir: Option<Arc<Path>>,
    /// A word that stands in the names of files in `body_dir` that are not whole yet, so that
    /// [`remove_unfinished_bodies`](crate::remove_unfinished_bodies) finds those that a killed run has left. Letters and digits.
    /// Default: none.
    pub body_owner: Arc<str>,
    /// Statuses that count as accepted. Default 200 to 299.
    pub accept: AcceptedStatuses,
    /// Header fields sent to the host that was asked for; a redirect to another origin gets none of them.
    pub headers: HeaderMap,
    /// The body of requests that bring none of their own. It goes where the header fields go.
    pub body: Option<Bytes>,
    /// The User-Agent field. Default `headcount/VERSION`.
    pub user_agent: HeaderValue,
    /// Name servers to ask. Default: those of the system. Either way /etc/hosts comes first.
    pub name_servers: Vec<SocketAddr>,
    /// Addresses that are known without asking.
    pub fixed_addresses: Vec<FixedAddresses>,
    /// Which addresses are connected to. Default: any.
    pub address_family: AddressFamily,
    /// Which requests go through which proxy. Default: none does; the environment is not looked at, but see
    /// [`Proxies::from_environment`].
    pub proxies: Proxies,
    /// Which HTTP is spoken. Default: what the host prefers.
    pub http_version: HttpVersion,
    /// Accept any TLS certificate. The records say so. Default false.
    pub insecure: bool,
    /// Certificates in PEM, trusted besides the system's.
    pub extra_certificates: Vec<Vec<u8>>,
    /// The certificate to show to TLS hosts that ask for one. It is shown to every host that does, as by curl.
    pub client_certificate: Option<ClientCertificate>,
    /// Keep in the records what the hosts' certificates say. Default false.
    pub certificate_facts: bool,
    /// Connections to keep open between two requests, at most, for hosts with more work. Default: as many as requests
    /// may be under way at once (`concurrency_limit` or `concurrency`), and 100 at least.
    pub max_idle_connections: Option<usize>,
    /// Names to resolve at once, at most; each may need several sockets. Waiting for a turn is not charged. Default
    /// 100.
    pub max_lookups: usize,
    /// Inputs to read ahead of the requests. More are read only while slots are free that no known host could use.
    /// Default 10,000.
    pub read_ahead: usize,
    /// Event loops, each on a thread of its own; hosts are dealt to them. Each has at least 16 of the `concurrency`, and
    /// with `per_ip` there is one only. Default `None`: one for each core that this process may use.
    pub loops: Option<usize>,
    /// Write the engine's task tree to standard error on SIGUSR1, for a look at a run that seems to hang. Default false:
    /// what a signal does is the program's own choice.
    pub task_tree_signal: bool,
    /// Seed of the jitter; the same seed gives the same waits. Default: random.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            concurrency: 100,
            concurrency_limit: None,
            per_host: 64,
            rate: None,
            host_rate: None,
            delay: Duration::ZERO,
            per_ip: false,
            robots: false,
            max_hold: Duration::from_secs(120),
            give_up_after: 100,
            retry_share: 0.5,
            retry_max_time: None,
            local_wait: Duration::from_secs(60),
            memory: 256 << 20,
            disk: 16 << 30,
            explain: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            retries: 2,
            retry_delay: Duration::from_millis(500),
            max_redirects: 10,
            allow_private_redirects: false,
            max_body: 1 << 20,
            max_ratio: 200,
            header_fields: Vec::new(),
            extract: Vec::new(),
            hash_body: false,
            body_dir: None,
            body_owner: "".into(),
            accept: AcceptedStatuses::default(),
            headers: HeaderMap::new(),
            body: None,
            user_agent: HeaderValue::from_static(concat!("headcount/", env!("CARGO_PKG_VERSION"))),
            name_servers: Vec::new(),
            fixed_addresses: Vec::new(),
            address_family: AddressFamily::Any,
            proxies: Proxies::default(),
            http_version: HttpVersion::Negotiated,
            insecure: false,
            extra_certificates: Vec::new(),
            client_certificate: None,
            certificate_facts: false,
            max_idle_connections: None,
            max_lookups: 100,
            read_ahead: 10_000,
            loops: None,
            task_tree_signal: false,
            seed: None,
        }
    }
}

impl Config {
    /// Connections that are kept open between two requests, at most.
    pub fn idle_connections(&self) -> usize {
        let at_once = self.concurrency_limit.unwrap_or(self.concurrency);
        self.max_idle_connections.unwrap_or(at_once.max(FEWEST_IDLE_CONNECTIONS))
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let at_least_one = [
            (self.concurrency, "concurrency"),
            (self.per_host, "per_host"),
            (self.read_ahead, "read_ahead"),
            (self.max_lookups, "max_lookups"),
            (self.loops.unwrap_or(1), "loops"),
            (self.max_ratio as usize, "max_ratio"),
            (self.give_up_after as usize, "give_up_after"),
        ];
        for (value, name) in at_least_one {
            if value == 0 {
                return Err(Error::configuration(format!("{name} is 0; it takes at least 1")));
            }
        }
        for (rate, name) in [(self.rate, "rate"), (self.host_rate, "host_rate")] {
            if rate.is_some_and(|rate| !(1e-6..=1e9).contains(&rate)) {
                return Err(Error::configuration(format!("{name} must lie between 1e-6 and 1e9 a second")));
            }
        }
        if !(0.0..=1e9).contains(&self.retry_share) {
            return Err(Error::configuration("retry_share must not be negative"));
        }
        let names = || self.extract.iter().map(Extraction::name);
        if let Some(twice) =
            names().enumerate().find_map(|(place, name)| names().take(place).find(|n| *n == name))
        {
            return Err(Error::configuration(format!("two things are extracted as {twice:?}")));
        }
        if let Some(folder) = self.body_dir.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Error::configuration(format!("{} is no folder to keep bodies in", folder.display())));
        }
        if !self.body_owner.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::configuration("body_owner takes letters and digits"));
        }
        let times = [
            (self.delay, "delay"),
            (self.max_hold, "max_hold"),
            (self.local_wait, "local_wait"),
            (self.retry_max_time.unwrap_or_default(), "retry_max_time"),
            (self.timeout, "timeout"),
            (self.connect_timeout, "connect_timeout"),
            (self.retry_delay, "retry_delay"),
        ];
        for (value, name) in times {
            // Deadlines are added to the clock, which must not overflow.
            if value > LONGEST_TIME {
                return Err(Error::configuration(format!("{name} is longer than a year")));
            }
            if value.is_zero() && name.ends_with("timeout") {
                return Err(Error::configuration(format!("{name} is 0; nothing could be answered in time")));
            }
        }
        Ok(())
    }
}

/// A certificate for this client, and its key.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate in PEM, and those behind it.
    pub certificates: Vec<u8>,
    /// Its private key in PEM.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

/// Which version of HTTP is spoken with the hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// HTTP/2 with hosts that choose it in the TLS handshake, else HTTP/1.1.
    #[default]
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only: a TLS host that does not choose it fails, and one without TLS is taken to speak it.
    Http2,
}

/// The statuses that count as accepted: `200..=299,404` in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedStatuses(Vec<RangeInclusive<u16>>);

impl AcceptedStatuses {
    /// Whether `status` is among them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl std::fmt::Display for AcceptedStatuses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, range) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "," };
            write!(formatter, "{separator}{}..={}", range.start(), range.end())?;
        }
        Ok(())
    }
}

impl Default for AcceptedStatuses {
    fn default() -> AcceptedStatuses {
        AcceptedStatuses(vec![200..=299])
    }
}

impl std::str::FromStr for AcceptedStatuses {
    type Err = String;

    /// Takes statuses and ranges with commas between them: `200`, `200..=299`, `200..300`, `200-299`.
    fn from_str(text: &str) -> Result<AcceptedStatuses, String> {
        let status = |text: &str| match text.trim().parse::<u16>() {
            Ok(status @ 100..=999) => Ok(status),
            _ => Err(format!("{:?} is not a status; statuses go from 100 to 999", text.trim())),
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let range = if let Some((first, last)) = part.split_once("..=").or_else(|| part.split_once('-')) {
                status(first)?..=status(last)?
            } else if let Some((first, end)) = part.split_once("..") {
                status(first)?..=status(end)?.saturating_sub(1)
            } else {
                let only = status(part)?;
                only..=only
            };
            if range.is_empty() {
                return Err(format!("{:?} is empty: its end is before its start", part.trim()));
            }
            ranges.push(range);
        }
        Ok(AcceptedStatuses(ranges))
    }
}
