//! Every temperament does what it says: raw clients on loopback, and rustls for the certificates.

mod client;
mod well_behaved;
