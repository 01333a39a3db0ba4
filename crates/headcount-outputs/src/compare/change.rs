//! What is not as it was of an input, and what of a record may differ.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One input that is not known to be as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// The input as it stood in the new list, or in the old one if it is only there.
    pub input: String,
    /// Its URL.
    pub url: Option<String>,
    /// Its place in the old run, if it is in there.
    pub old_index: Option<u64>,
    /// Its place in the new run, if it is in there.
    pub new_index: Option<u64>,
    /// What is not as it was.
    pub differences: Vec<Difference>,
}

/// What became of an input, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Accepted before, and not any more.
    Broke,
    /// Not accepted before, and accepted now.
    Healed,
    /// Another status, reason, title, redirect target or certificate.
    Changed,
    /// Slower than chance explains.
    Slower,
    /// Faster than chance explains.
    Faster,
    /// Not asked, or not to the end, in one of the runs, which says nothing of the host.
    NotComparable,
    /// In the old run only.
    Removed,
    /// In the new run only.
    Added,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What it is of the record.
    pub field: Field,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// What of a record may not be as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Field {
    /// How it ended: a status, or a phase and a kind.
    End,
    /// Why a certificate was refused.
    Reason,
    /// A failure in words. It is told beside another end or reason only.
    Message,
    /// The title.
    Title,
    /// Where redirects led to.
    FinalUrl,
    /// The certificate is another, and not the same that was renewed.
    Certificate,
    /// The certificate runs out soon, and did not before.
    CertificateExpiry,
    /// The time.
    TimeTotal,
}

/// What a comparison may leave out: on some sites it is another every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// The title.
    Title,
    /// Where redirects lead to.
    FinalUrl,
    /// The certificate, and when it runs out.
    Certificate,
    /// The time.
    TimeTotal,
}

impl ChangeKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Broke => "broke",
            ChangeKind::Healed => "healed",
            ChangeKind::Changed => "changed",
            ChangeKind::Slower => "slower",
            ChangeKind::Faster => "faster",
            ChangeKind::NotComparable => "not comparable",
            ChangeKind::Removed => "removed",
            ChangeKind::Added => "added",
        }
    }
}

impl Ignored {
    /// Every one, by the names of the record's fields.
    const ALL: [(&str, Ignored); 4] = [
        ("title", Ignored::Title),
        ("final_url", Ignored::FinalUrl),
        ("certificate", Ignored::Certificate),
        ("time_total", Ignored::TimeTotal),
    ];

    pub(super) fn is_of(self, field: Field) -> bool {
        match self {
            Ignored::Title => field == Field::Title,
            Ignored::FinalUrl => field == Field::FinalUrl,
            Ignored::Certificate => matches!(field, Field::Certificate | Field::CertificateExpiry),
            Ignored::TimeTotal => field == Field::TimeTotal,
        }
    }
}

impl FromStr for Ignored {
    type Err = String;

    fn from_str(name: &str) -> Result<Ignored, String> {
        let known = Ignored::ALL.iter().find(|(known, _)| *known == name.trim());
        known.map(|(_, ignored)| *ignored).ok_or_else(|| {
            let names = Ignored::ALL.map(|(known, _)| known).join(", ");
            format!("it takes some of {names}, with commas between")
        })
    }
}

impl Difference {
    /// What there is to say of a failure behind its end: `expired`, `“no such host”`, and `was` before what is no more.
    pub(super) fn failure_words(&self) -> Option<String> {
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        match (self.field, before, after) {
            (Field::Reason, Some(before), Some(after)) => Some(format!("{before} → {after}")),
            (Field::Reason, None, Some(after)) => Some(after.to_owned()),
            (Field::Reason, Some(before), None) => Some(format!("was {before}")),
            (Field::Message, _, Some(after)) => Some(format!("“{after}”")),
            (Field::Message, Some(before), None) => Some(format!("was “{before}”")),
            _ => None,
        }
    }
}
