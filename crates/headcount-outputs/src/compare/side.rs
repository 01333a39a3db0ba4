//! What of a record is compared, and how it differs from its counterpart.

use std::sync::Arc;

use headcount::Record;
use headcount::record::{Certificate, Kind, Outcome, Phase};
use serde::{Deserialize, Serialize};

use super::pairing::Run;
use super::{Difference, Field};
use crate::verdict::end;

/// A certificate that is valid for fewer days runs out soon: whoever renews by machine has done it by then.
const DAYS_TO_RENEW: i64 = 14;

/// What is kept of a record until its counterpart comes.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Side {
    /// The same for the same input: its method and URL.
    pub(super) key: String,
    pub(super) index: u64,
    pub(super) input: String,
    pub(super) url: Option<String>,
    final_url: Option<String>,
    title: Option<String>,
    certificate: Option<Arc<Certificate>>,
    /// Days for which the certificate was valid then.
    days_left: Option<i64>,
    end: String,
    /// Why a certificate was refused.
    reason: Option<String>,
    /// The failure in words.
    message: Option<String>,
    pub(super) is_accepted: bool,
    pub(super) is_answered: bool,
    pub(super) is_evidence: bool,
    pub(super) seconds: Option<f64>,
}

impl Side {
    pub(super) fn of(record: &Record) -> Side {
        let error = record.error.as_ref();
        Side {
            key: format!("{} {}", record.method, record.url.as_deref().unwrap_or(&record.input)),
            index: record.index,
            input: record.input.clone(),
            url: record.url.clone(),
            final_url: record.final_url.clone(),
            title: record.title.clone(),
            certificate: record.certificate.clone(),
            days_left: record.certificate.as_ref().map(|certificate| {
                certificate.not_after.duration_since(record.timestamp).as_hours().div_euclid(24)
            }),
            end: end(record),
            reason: error.and_then(|error| error.reason).map(|reason| reason.as_str().to_owned()),
            message: error.map(|error| error.message.clone()),
            is_accepted: record.accepted,
            is_answered: record.outcome == Outcome::Answered,
            is_evidence: is_evidence(record),
            seconds: record.time_total,
        }
    }

    /// The end of what stands in one of the runs only: in the new one, or in the old one.
    pub(super) fn end_in(&self, run: Run) -> Difference {
        let (before, after) = match run {
            Run::Old => (Some(self.end.clone()), None),
            Run::New => (None, Some(self.end.clone())),
        };
        Difference { field: Field::End, before, after }
    }

    /// Both ends, whether or not they differ.
    pub(super) fn ends(&self, after: &Side) -> Difference {
        Difference { field: Field::End, before: Some(self.end.clone()), after: Some(after.end.clone()) }
    }

    /// What of this is not so any more.
    pub(super) fn differences(&self, after: &Side) -> Vec<Difference> {
        let difference = |field, before: Option<&str>, after: Option<&str>| {
            (before != after).then(|| Difference {
                field,
                before: before.map(str::to_owned),
                after: after.map(str::to_owned),
            })
        };
        // It may be the same end, of which the two runs think otherwise.
        let ends_differ = self.end != after.end || self.is_accepted != after.is_accepted;
        let mut all = vec![ends_differ.then(|| self.ends(after))];
        all.push(difference(Field::Reason, self.reason.as_deref(), after.reason.as_deref()));
        // Words alone are no news: they hold addresses and times.
        if self.end != after.end || self.reason != after.reason {
            all.push(difference(Field::Message, self.message.as_deref(), after.message.as_deref()));
        }
        // Half an answer has half a chain and no title.
        if self.is_answered && after.is_answered {
            all.push(difference(Field::Title, self.title.as_deref(), after.title.as_deref()));
            all.push(difference(Field::FinalUrl, self.final_url.as_deref(), after.final_url.as_deref()));
        }
        all.extend(self.certificate_differences(after));
        all.into_iter().flatten().collect()
    }

    /// Another certificate, and one that will not be valid for much longer. A certificate that was renewed is as before.
    fn certificate_differences(&self, after: &Side) -> [Option<Difference>; 2] {
        let (Some(was), Some(is)) = (&self.certificate, &after.certificate) else { return [None, None] };
        let shown = |certificate: &Certificate| {
            let Certificate { subject, issuer, not_after, .. } = certificate;
            Some(format!("{subject}, by {issuer}, until {not_after}"))
        };
        let is_another = was.fingerprint_sha256 != is.fingerprint_sha256 && !is_renewed(was, is);
        let another = Difference { field: Field::Certificate, before: shown(was), after: shown(is) };
        let runs_out = |days: Option<i64>| days.is_some_and(|days| days < DAYS_TO_RENEW);
        let days = |days: Option<i64>| days.map(|days| format!("{days} days left"));
        let expiry = Difference {
            field: Field::CertificateExpiry,
            before: days(self.days_left),
            after: days(after.days_left),
        };
        let is_news = runs_out(after.days_left) && !runs_out(self.days_left);
        [is_another.then_some(another), is_news.then_some(expiry)]
    }
}

/// Whether the record says something of what was asked. What was never asked, was cut off, or failed for this machine's
/// sake says nothing of its host; one that was given up, or wanted to be left alone for too long, had its chance. Of an
/// input that is none, the list is to blame.
fn is_evidence(record: &Record) -> bool {
    match &record.error {
        Some(error) if error.phase == Phase::Input => true,
        Some(error) if error.phase == Phase::Policy => {
            matches!(error.kind, Kind::GivenUp | Kind::RateLimited)
        }
        Some(error) if error.phase == Phase::Local => false,
        _ => matches!(record.outcome, Outcome::Answered | Outcome::Failed),
    }
}

/// Whether it is the same for longer: the subject's, from the same authority.
fn is_renewed(was: &Certificate, is: &Certificate) -> bool {
    is.not_after > was.not_after
        && was.subject == is.subject
        && authority(&was.issuer) == authority(&is.issuer)
}

/// Who stands behind the name of an issuer: the organisation. Authorities sign with several keys in turn, and the name of
/// the key is in the name too (`C=US, O=Let's Encrypt, CN=R11`).
fn authority(issuer: &str) -> &str {
    let organisation = issuer.split(", ").find_map(|part| part.strip_prefix("O="));
    organisation.unwrap_or(issuer)
}
