//! Every program is run as a reader would run it, and every link of the guide leads somewhere.

mod claims;
mod links;
mod programs;
