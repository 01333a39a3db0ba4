//! The seam between the journal and the disk: a folder of files, real or, in tests, one that fails on demand.

use std::io;

/// A folder that holds one journal, flat. Names are the journal's own.
pub trait Storage: Send + Sync + 'static {
    /// A file of the folder.
    type File: StoredFile;

    /// The names of all files in the folder.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Makes an empty file that only its owner may read; one of that name is emptied.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name; one of that name is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes what was created, renamed and removed outlive a power failure.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A file of a [`Storage`], at hand for several threads.
pub trait StoredFile: Send + Sync + 'static {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads some bytes; 0 is the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some bytes, and says how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Cuts it off.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Makes its content outlive a power failure.
    fn sync(&self) -> io::Result<()>;
}

/// Reads a file as a whole.
pub(crate) fn read_all(file: &impl StoredFile) -> io::Result<Vec<u8>> {
    // A checkpoint can be large: growing would take twice its memory.
    let mut content = Vec::with_capacity(usize::try_from(file.length()?).unwrap_or_default());
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read_at(&mut buffer, content.len() as u64) {
            Ok(0) => return Ok(content),
            Ok(count) => content.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes all of `bytes`.
pub(crate) fn write_all(file: &impl StoredFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write_at(&bytes[written..], offset + written as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes a file beside its place, makes it safe, and lets it take the place: readers and a power failure find the old
/// content or the new one.
pub(crate) fn replace<S: Storage>(storage: &S, name: &str, content: &[u8]) -> io::Result<()> {
    begin_replacing(storage, name, content)?.sync()?;
    storage.rename(&temporary(name), name)?;
    storage.sync_folder()
}

/// Writes a file beside its place, where a power failure may leave anything of it.
pub(crate) fn begin_replacing<S: Storage>(storage: &S, name: &str, content: &[u8]) -> io::Result<S::File> {
    let file = storage.create(&temporary(name))?;
    write_all(&file, content, 0)?;
    Ok(file)
}

/// The name of a file that is to take this one's place.
pub(crate) fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY}")
}

/// How the names of unfinished files end.
pub(crate) const TEMPORARY: &str = ".part";
