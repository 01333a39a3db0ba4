//! What users of the command can rely on: the real binary, against the small web.

mod harness;

mod demo;
mod flags;
mod http2;
mod inputs;
mod interruption;
mod kill;
mod names;
mod outputs;
mod politeness;
mod proxies;
mod record_documentation;
mod reports;
mod requests;
mod resume;
mod scale;
mod several_outputs;
mod usage;
