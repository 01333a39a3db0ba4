//! A commit: makes safe what was written before it was begun, beside whoever writes on.

use std::io;
use std::sync::Arc;

use crate::Folder;
use crate::error::is_full;
use crate::segment::{CHECKPOINT, MANIFEST};
use crate::storage::{Storage, StoredFile, replace};

/// A file beside the journal whose content must be safe before the journal says what is in it.
pub trait Companion: Send + Sync {
    /// Makes its content outlive a power failure. Returns how many bytes it had before.
    fn sync(&self) -> io::Result<u64>;
}

impl Companion for std::fs::File {
    fn sync(&self) -> io::Result<u64> {
        let bytes = self.metadata()?.len();
        self.sync_data()?;
        Ok(bytes)
    }
}

/// A checkpoint that is to take its place.
pub(crate) struct Checkpoint {
    pub(crate) text: Vec<u8>,
    /// Of the records it covers, which companions must have before.
    pub(crate) record_bytes: u64,
}

/// Work that makes safe what was written before it was begun. It may run on another thread.
#[must_use = "nothing is safe until it was run"]
pub struct Commit<S: Storage = Folder> {
    pub(crate) storage: Arc<S>,
    pub(crate) files: Vec<Arc<S::File>>,
    pub(crate) has_new_name: bool,
    pub(crate) companions: Vec<Arc<dyn Companion>>,
    pub(crate) copies: Vec<Arc<dyn Companion>>,
    /// Taken away once it was written.
    pub(crate) manifest: Option<Vec<u8>>,
    /// Likewise.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Closed segments among the files.
    pub(crate) through: u32,
}

impl<S: Storage> Commit<S> {
    /// Does it. Blocks. A checkpoint that finds the disk full, or a companion without all of its records, is left for a
    /// later commit: it only saves reading. So is the manifest on a full disk, of which every segment has a copy.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn run(&mut self) -> io::Result<()> {
        for copy in &self.copies {
            copy.sync()?;
        }
        for file in &self.files {
            file.sync()?;
        }
        let is_manifest_safe = match &self.manifest {
            Some(manifest) => is_there_room(replace(&*self.storage, MANIFEST, manifest))?,
            None => false,
        };
        if is_manifest_safe {
            // And with it the names of the segments.
            self.manifest = None;
        } else if self.has_new_name {
            self.storage.sync_folder()?;
        }
        if let Some(checkpoint) = &self.checkpoint {
            let mut is_complete = true;
            for companion in &self.companions {
                is_complete &= companion.sync()? >= checkpoint.record_bytes;
            }
            if is_complete && is_there_room(replace(&*self.storage, CHECKPOINT, &checkpoint.text))? {
                self.checkpoint = None;
            }
        }
        Ok(())
    }
}

/// Whether it could be written; a full disk is no error.
fn is_there_room(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
