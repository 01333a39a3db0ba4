//! The command: what the user asked for, done, and told in an exit code.

mod arguments;
mod commands;
mod inputs;
mod journal;
mod output;
mod progress;
mod report;
mod terminal;

use std::process::ExitCode;

/// A record is a dozen allocations on one thread, which another frees. glibc's allocator takes a tenth more instructions
/// for a URL, and gives memory back to the kernel only to ask for it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(refusal) => return refusal.print(),
    };
    commands::run(command).unwrap_or_else(|problem| problem.print()).into()
}
