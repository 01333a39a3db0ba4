//! The flags of `headcount check`, group by group, and the engine's configuration that they make.

use std::path::Path;

use clap::Args;
use headcount::Config;
use headcount::list::ListOptions;

use super::answer::AnswerFlags;
use super::config_file::ConfigFlags;
use super::connection::ConnectionFlags;
use super::learning::LearningFlags;
use super::limits::LimitFlags;
use super::lists::ListFlags;
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
  headcount check urls.txt -o report.json        an array, in the list's order
  headcount check urls.txt -o report.json --resume       go on after a kill
  headcount check sites.csv.gz --column homepage -o out.csv
  headcount check calls.jsonl                    method, headers, body by row
  cat urls.txt | headcount check | jq .title     JSON lines, as answers come
  headcount check -u example.com -u example.org  URLs themselves

Exit codes:
  0 all accepted, 1 the run could not go on, 2 some record was not accepted,
  3 bad usage or configuration, 130 interrupted. A reader that closes the pipe
  (| head) has seen enough: that is 0, unless there are files to go on for";

/// The flags that `-h` shows. All stand in `--help`.
pub(super) const ESSENTIAL: &[&str] = &[
    "accept",
    "column",
    "concurrency",
    "config",
    "data",
    "extract",
    "format",
    "header",
    "insecure",
    "json",
    "jsonl",
    "list",
    "max-body",
    "method",
    "output",
    "per-host",
    "proxy",
    "quiet",
    "rate",
    "resume",
    "retries",
    "retry-failed",
    "timeout",
    "url",
    "user",
    "verbose",
    "where",
];

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(super) config: ConfigFlags,
    #[command(flatten)]
    pub(crate) lists: ListFlags,
    #[command(flatten)]
    request: RequestFlags,
    #[command(flatten)]
    answer: AnswerFlags,
    #[command(flatten)]
    learning: LearningFlags,
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
        self.learning.set(&mut config)?;
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

    /// Files that flags are read from.
    pub(crate) fn files(&self) -> Vec<&Path> {
        self.config.file().into_iter().chain(self.request.files()).chain(self.tls.files()).collect()
    }

    /// How lists become requests.
    pub(crate) fn list_options(&self) -> ListOptions {
        let mut options = ListOptions::default();
        options.format = self.lists.list_format.format();
        options.column = self.lists.column.clone();
        options.method = self.request.method();
        options
    }
}
