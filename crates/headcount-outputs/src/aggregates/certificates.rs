//! The certificates that run out first. Memory is for as many as are named.

use std::collections::BTreeSet;

use headcount::Record;
use jiff::Timestamp;

use crate::verdict::host_of;

/// Days before its end from which on a certificate is worth a word.
pub(crate) const SOON: i64 = 30;

const NAMED: usize = 10;

#[derive(Default)]
pub(crate) struct Certificates {
    /// Until when, whose, how many days from its record on, and who has signed it.
    soonest: BTreeSet<(Timestamp, String, i64, String)>,
}

impl Certificates {
    pub(crate) fn add(&mut self, record: &Record) {
        let Some(certificate) = &record.certificate else { return };
        let days = certificate.not_after.duration_since(record.timestamp).as_hours().div_euclid(24);
        if days >= SOON
            || self.soonest.last().is_some_and(|last| self.is_full() && last.0 < certificate.not_after)
        {
            return;
        }
        let Some(host) = host_of(record) else { return };
        if self.soonest.iter().any(|(until, known, ..)| *until == certificate.not_after && *known == host) {
            return;
        }
        self.soonest.insert((certificate.not_after, host, days, certificate.issuer.clone()));
        if self.soonest.len() > NAMED {
            self.soonest.pop_last();
        }
    }

    fn is_full(&self) -> bool {
        self.soonest.len() == NAMED
    }

    /// The first to run out first.
    pub(crate) fn soonest(&self) -> impl ExactSizeIterator<Item = (&Timestamp, &str, i64, &str)> {
        self.soonest.iter().map(|(until, host, days, issuer)| (until, host.as_str(), *days, issuer.as_str()))
    }
}
