//! What can be relied on of hosts, scenarios and their ideal.

mod discrete;
mod hosts;
mod private_redirects;
mod scenarios;
mod whole_runs;
