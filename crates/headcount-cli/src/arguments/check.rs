//! The flags of `headcount check`, group by group, and the engine's configuration that they make.

use std::ffi::OsString;

use clap::Args;
use headcount::Config;

use super::answer::AnswerFlags;
use super::connection::ConnectionFlags;
use super::limits::LimitFlags;
use super::names::NameFlags;
use super::output::OutputFlags;
use super::politeness::PolitenessFlags;
use super::proxy::ProxyFlags;
use super::request::RequestFlags;
use super::retries::RetryFlags;
use super::tls::TlsFlags;
use crate::journal::JournalFlags;
use crate::terminal::Problem;

pub(super) const EXAMPLES: &str = "\
Examples:
  headcount check urls.txt                       a table on the terminal
  headcount check urls.txt -o report.json        a JSON array, in the order of the list
  cat urls.txt | headcount check - | jq .title   JSON lines, as the answers come
  headcount check example.com/a example.com/b    URLs themselves

Exit codes:
  0 all accepted, 1 the run could not go on, 2 some record was not accepted,
  3 bad usage or configuration, 130 interrupted. A reader that closes the pipe
  (| head) has seen enough: that is 0";

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// Lists to read, URLs to ask, or - for standard input
    ///
    /// What names an existing file is a list: a URL a line; blank lines and lines that begin with # pass. Else what
    /// reads as a URL is one; `example.com` means `https://example.com/`. With no INPUT, and standard input not a
    /// terminal, the list is read from there.
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<OsString>,

    #[command(flatten)]
    pub(crate) request: RequestFlags,
    #[command(flatten)]
    answer: AnswerFlags,
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    names: NameFlags,
    #[command(flatten)]
    proxy: ProxyFlags,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    politeness: PolitenessFlags,
    #[command(flatten)]
    retries: RetryFlags,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    #[command(flatten)]
    pub(crate) journal: JournalFlags,
}

impl CheckArguments {
    /// What the engine takes. Reads the files that the flags name.
    pub(crate) fn config(&self) -> Result<Config, Problem> {
        let mut config = Config::default();
        config.task_tree_signal = true;
        self.request.set(&mut config)?;
        self.answer.set(&mut config);
        self.connection.set(&mut config);
        self.names.set(&mut config);
        self.proxy.set(&mut config)?;
        self.tls.set(&mut config)?;
        self.politeness.set(&mut config);
        self.retries.set(&mut config);
        self.limits.set(&mut config);
        config.local_wait = self.journal.local_wait;
        Ok(config)
    }
}
