//! What a record says in a word: how it ended, and whose it is.

use headcount::Record;
use headcount::record::Outcome;
use url::Url;

/// How a record ended, in a word: `200`, `dns/not_found`, `interrupted`.
pub fn end(record: &Record) -> String {
    match (&record.error, record.outcome, record.status_code) {
        (Some(error), ..) => format!("{}/{}", error.phase, error.kind),
        (None, Outcome::Answered, Some(status)) => status.to_string(),
        (None, outcome, _) => outcome.as_str().to_owned(),
    }
}

/// The host that gave the last answer or failed last, with its port if that is not the scheme's.
pub(crate) fn host_of(record: &Record) -> Option<String> {
    let url = Url::parse(record.final_url.as_deref().or(record.url.as_deref())?).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}{port}", url.host_str()?))
}
