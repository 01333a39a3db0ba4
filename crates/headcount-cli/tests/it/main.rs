//! What users of the command can rely on: the real binary, against the small web.

mod harness;

mod beginnings;
mod blame;
mod config;

mod curl;
mod demo;
mod disk;
mod every_flag;
mod finished;
mod flags;
mod full_disk;
mod http2;
mod in_doubt;
mod inputs;
mod interruption;
mod journal;
mod kill;
mod learning;
mod lists;
mod names;
mod order;
mod outputs;
mod politeness;
mod proxies;
mod record_documentation;
mod reports;
mod requests;
mod resume;
mod retry_failed;
mod same_list;
mod scale;
mod several_outputs;
mod standard_input;
mod terminal;
mod tls;
mod usage;
