//! A file that takes another's place once it is whole: a reader finds the old one or the new one, never a part.

use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How the name ends of a file that is to take another's place.
const TEMPORARY_SUFFIX: &str = ".part";

/// Bytes of a name that leave room for what is added to it.
const LONGEST_NAME: usize = 200;

/// How it begins: with the name of that place, or what stands for a name so long that nothing could be added.
fn temporary_prefix(place: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    let name = place.file_name().unwrap_or_default();
    if name.len() <= LONGEST_NAME {
        prefix.push(name);
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        prefix.push(format!("{:016x}", hasher.finish()));
    }
    prefix.push(".headcount-");
    prefix
}

/// A file in the folder of `place`, to be written and then put there. Dropped before, it is gone.
///
/// # Errors
/// The folder cannot be written to.
pub fn temporary_beside(place: &Path) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(place);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Those of a file that was there, else whatever the umask leaves.
        let permissions = fs::metadata(place).map(|metadata| metadata.permissions());
        builder.permissions(permissions.unwrap_or_else(|_| fs::Permissions::from_mode(0o666)));
    }
    builder.tempfile_in(folder(place))
}

/// Lets a file whose content is safe on the disk take its place.
///
/// # Errors
/// It cannot be renamed.
pub fn put_in_place(temporary: NamedTempFile, place: &Path) -> io::Result<()> {
    temporary.persist(place).map_err(|failed| failed.error)?;
    // The file is whole and in its place. That its name outlives a power failure as well is more than some systems, and
    // folders that may not be read, have to offer.
    if let Ok(folder) = File::open(folder(place)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Removes what runs that were killed have left of files that were to take this place. Only for whoever knows that no
/// other run makes the same file now.
///
/// # Errors
/// The folder cannot be read, or such a file not be removed.
pub fn remove_leftovers(path: &Path) -> io::Result<()> {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let prefix = temporary_prefix(&place);
    for entry in fs::read_dir(folder(&place))? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix.as_encoded_bytes()) && bytes.ends_with(TEMPORARY_SUFFIX.as_bytes()) {
            fs::remove_file(folder(&place).join(&name))?;
        }
    }
    Ok(())
}

/// A file beside its place. Dropped before it took it, it is gone.
pub(crate) struct Replacement {
    temporary: NamedTempFile,
    place: PathBuf,
}

impl Replacement {
    /// Makes the file, so that a folder that cannot be written to shows at once. Links are followed.
    pub(crate) fn beside(path: &Path) -> io::Result<Replacement> {
        // A link that leads nowhere, or in a circle, is no place; nor is a device, whose place a file must not take.
        let place = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_owned() };
        match fs::metadata(&place) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => return Err(io::Error::other("it is no regular file")),
            _ => {}
        }
        // Said of the folder, not of a file in it that nobody has heard of.
        fs::metadata(folder(&place))?;
        let temporary = temporary_beside(&place).map_err(|error| error.kind())?;
        Ok(Replacement { temporary, place })
    }

    /// The file's own name.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The file, for writing.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.temporary.as_file().try_clone()
    }

    /// Waits until the content is safe on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.temporary.as_file().sync_all()
    }

    /// Takes its place.
    pub(crate) fn publish(self) -> io::Result<()> {
        put_in_place(self.temporary, &self.place)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
