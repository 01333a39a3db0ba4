//! Every temperament does what it says: raw clients on loopback, and rustls for the certificates.

mod addresses;
mod client;
mod crowd;
mod limits;
mod names;
mod stopping;
mod temperaments;
mod tls;
mod well_behaved;
