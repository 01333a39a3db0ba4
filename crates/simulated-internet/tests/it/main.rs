//! What can be relied on of hosts, scenarios and their ideal.

mod hosts;
mod scenarios;
mod whole_runs;
