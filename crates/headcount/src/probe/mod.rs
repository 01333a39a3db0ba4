//! Probe: what is learnt from an answer's body.
//!
//! That is the page's title, as a browser would show it on its tab, and what the user has asked for
//! ([`Extraction`]). Everything here is synchronous, keeps no state and treats the body as hostile: any bytes, cut
//! anywhere, cost time linear in their number, but for what a user's own selectors and patterns cost.
//!
//! # What it costs
//!
//! A page whose title stands in its head costs half a microsecond to one, however long the page is: nothing behind the
//! title is read, let alone decoded. Where a title that is not ASCII has no declared encoding, the guess adds a tenth of
//! a millisecond. A page of 1 MiB without any title is searched once for `<title`, in a quarter of a millisecond.
//!
//! Markup made to be slow (nothing but tags) costs up to 13 nanoseconds for each byte, 13 milliseconds for 1 MiB, which
//! is too long for an event loop. [`title_nowait`] therefore looks at the first [`HEAD`] bytes only, and says so when
//! they do not settle the matter; the worst found for it is 0.45 milliseconds. What is left belongs on another thread.
//! All of this was measured in a release build on a virtual machine of two cores.

mod attributes;
mod charset;
mod extract;
mod markup;
mod sniff;
mod title;

pub use extract::{EXTRACT_LIMIT, Extraction, extract};
pub use sniff::is_html;
pub use title::{HEAD, TITLE_LIMIT, Undecided, title, title_nowait};
