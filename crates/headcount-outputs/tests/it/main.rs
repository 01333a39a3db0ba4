//! Records through files, as their readers find them.

mod comparisons;
mod conditions;
mod files;
mod reports;
mod round_trips;
mod support;
