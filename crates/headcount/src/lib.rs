//! One honest record for every URL, however many there are and however they end.
//!
//! ```
//! use headcount::{Config, Engine};
//! # let web = small_web::SmallWeb::start()?;
//! # let host = web.host(small_web::Temperament::Fast);
//! # let (page, missing) = (host.url("/page/1"), host.url("/status/404"));
//!
//! let engine = Engine::new(Config::default())?;
//! for record in engine.run([page, missing, "not a URL".to_owned()])?.blocking() {
//!     let record = record?;
//!     println!("{} {:?} {:?} {:?}", record.input, record.outcome, record.status_code, record.title);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Engine::run`] takes an iterator, [`Engine::run_stream`] a stream; both are read lazily. [`Engine::try_run`] takes a
//! [`List`](list::List) as well: lines, CSV, TSV or JSON lines, compressed or not. [`Records`] is a stream
//! of [`Record`]s in the order in which they end, whatever runtime polls it. A URL that fails is a record like any
//! other: an [`Error`] is only what stops the run. Dropping the records stops the work.
//!
//! The engine runs on threads of its own, an event loop for each core. Each host (a name with its port) has a lane with a limit, so that a slow
//! one holds no slot that another could use; every phase of a request has a deadline.

mod config;
mod credentials;
mod engine;
mod error;
pub mod list;
mod names;
pub mod policy;
pub mod probe;
mod proxies;
pub mod record;
mod request;
pub mod scheduler;
mod summary;
mod transport;

#[cfg(feature = "simulation")]
#[doc(hidden)]
pub use engine::simulation;

pub use config::{AcceptedStatuses, ClientCertificate, Config, HttpVersion};
pub use credentials::basic_authorization;
pub use engine::{Engine, Intent, Progress, Records, RunHandle, Stop, Verdict};
pub use error::Error;
pub use names::{AddressFamily, FixedAddresses};
pub use proxies::{Proxies, Proxy};
pub use record::Record;
pub use request::Request;
pub use summary::{HostSummary, Summary};
pub use transport::remove_unfinished_bodies;
