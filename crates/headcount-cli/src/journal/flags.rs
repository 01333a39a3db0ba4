//! The flags about the journal.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use headcount::record::{Failure, Kind, Phase};

use crate::arguments::duration;
use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "Journal")]
pub(crate) struct JournalFlags {
    /// Go on with a run that was killed or interrupted; finished requests are not repeated
    ///
    /// With -o FILE, a run keeps a journal in FILE.headcount/ until it is complete. With no journal there, the run
    /// starts afresh; if its output is there and complete, nothing is asked.
    #[arg(long, conflicts_with_all = ["restart", "no_journal"])]
    pub(crate) resume: bool,
    /// Discard the journal of an unfinished run, and start afresh
    #[arg(long, conflicts_with_all = ["no_journal", "retry_failed"])]
    pub(crate) restart: bool,
    /// Repeat what failed in the run that wrote the output, and merge: all, or dns,headers/timeout,interrupted …
    ///
    /// It takes the same lists; a longer one with the same beginning goes on. Requests that are in doubt are repeated only
    /// if they are named (policy/in_doubt), or with --resend-in-doubt.
    #[arg(
        long,
        value_name = "KINDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        conflicts_with = "no_journal"
    )]
    pub(crate) retry_failed: Option<FailureKinds>,
    /// Keep no journal; a run that is killed cannot be resumed
    #[arg(long)]
    pub(crate) no_journal: bool,
    /// On --resume, repeat requests that may have been sent already, though that is not safe
    #[arg(long)]
    pub(crate) resend_in_doubt: bool,
    /// Sync every record to disk before it is reported, instead of within a second
    #[arg(long, conflicts_with = "no_journal")]
    pub(crate) durable: bool,
    /// How long to keep trying while this machine has no network or file descriptors, or its disk is full
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub(crate) local_wait: Duration,
}

impl JournalFlags {
    /// What is to be asked again.
    pub(super) fn retry(&self) -> Option<FailureKinds> {
        let mut kinds = self.retry_failed.clone()?;
        if self.resend_in_doubt {
            kinds.0.push(IN_DOUBT);
        }
        Some(kinds)
    }

    /// Flags that mean nothing where there is no journal.
    pub(crate) fn refuse_without_journal(&self) -> Result<(), Problem> {
        let flags = [
            (self.resume, "--resume"),
            (self.restart, "--restart"),
            (self.retry_failed.is_some(), "--retry-failed"),
            (self.durable, "--durable"),
        ];
        match flags.iter().find(|(is_given, _)| *is_given) {
            Some((_, flag)) => Err(Problem::usage(
                format!("{flag} needs an output that has a journal"),
                "name one with -o: a .json or .jsonl file",
            )),
            None => Ok(()),
        }
    }
}

/// Which records `--retry-failed` means.
#[derive(Clone, Debug)]
pub(crate) struct FailureKinds(Vec<FailureKind>);

#[derive(Clone, Debug, PartialEq)]
enum FailureKind {
    All,
    Interrupted,
    Of(Phase, Option<Kind>),
}

/// What is not safe to repeat is meant only where it is named.
const IN_DOUBT: FailureKind = FailureKind::Of(Phase::Policy, Some(Kind::InDoubt));

impl FailureKinds {
    /// Whether a record that ended so is meant. What was interrupted always is.
    pub(crate) fn contain(&self, failure: Option<&Failure>) -> bool {
        if failure.is_some_and(|failure| failure.kind == Kind::InDoubt) {
            return self.0.contains(&IN_DOUBT);
        }
        self.0.iter().any(|meant| match (meant, failure) {
            (FailureKind::All, _) => true,
            (FailureKind::Of(phase, kind), Some(failure)) => {
                *phase == failure.phase && kind.is_none_or(|kind| kind == failure.kind)
            }
            _ => false,
        })
    }
}

impl FromStr for FailureKinds {
    type Err = String;

    fn from_str(text: &str) -> Result<FailureKinds, String> {
        text.split(',').map(one_kind).collect::<Result<_, _>>().map(FailureKinds)
    }
}

fn one_kind(word: &str) -> Result<FailureKind, String> {
    match word {
        "all" => return Ok(FailureKind::All),
        "interrupted" => return Ok(FailureKind::Interrupted),
        _ => {}
    }
    let (phase, kind) = match word.split_once('/') {
        Some((phase, kind)) => (phase, Some(kind)),
        None => (word, None),
    };
    let Some(phase) = Phase::ALL.iter().copied().find(|known| known.as_str() == phase) else {
        let phases: Vec<&str> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
        return Err(format!("{word:?} is none of all, interrupted, {}", phases.join(", ")));
    };
    let Some(kind) = kind else { return Ok(FailureKind::Of(phase, None)) };
    match phase.kinds().iter().copied().find(|known| known.as_str() == kind) {
        Some(kind) => Ok(FailureKind::Of(phase, Some(kind))),
        None => {
            let kinds: Vec<&str> = phase.kinds().iter().map(|kind| kind.as_str()).collect();
            Err(format!("{phase} has no kind {kind:?}; it has {}", kinds.join(", ")))
        }
    }
}
