//! A journal of indexed records that survives being killed at any instruction, on a full disk, in a torn write.
//!
//! It knows nothing of what the records say: a record is an index and a line of text. Lines are appended to segments, each
//! with a checksum; a checkpoint saves reading them all again. What is found after a kill is exactly what was written
//! before it, as far as it was committed or the system still had it: nothing is missing from it, nothing is invented,
//! and what is damaged is known as such and set aside. docs/journal.md describes the format.
//!
//! ```
//! use headcount_journal::{Folder, Found, Journal, Manifest, look};
//! # let desk = tempfile::tempdir()?;
//! # let path = desk.path().join("out.json.headcount");
//!
//! let manifest = Manifest::new(12_345, String::new(), Default::default(), vec!["urls.txt".to_owned()]);
//! let mut journal = Journal::create(Folder::create(&path)?, manifest)?;
//! journal.record(0, br#"{"index":0}"#)?;
//! journal.commit()?;
//! drop(journal); // a kill would do the same
//!
//! let folder = Folder::open(&path)?;
//! let Found::Unfinished(found) = look(&folder, false)? else { panic!("it was not finished") };
//! let journal = Journal::resume(folder, *found)?;
//! assert!(journal.state().done().contains(0) && !journal.state().done().contains(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod commit;
mod done;
mod error;
mod folder;
mod found;
mod journal;
mod manifest;
mod reading;
mod segment;
mod shared;
mod state;
mod storage;

pub use commit::{Commit, Companion};
pub use done::DoneSet;
pub use error::Error;
pub use folder::Folder;
pub use found::{Damage, Found, Unfinished, Unreadable, look};
pub use journal::Journal;
pub use manifest::{Difference, Extent, FORMAT, Manifest};
pub use reading::{InOrder, Reader};
pub use shared::SharedJournal;
pub use state::{Reach, State};
pub use storage::{Storage, StoredFile};
