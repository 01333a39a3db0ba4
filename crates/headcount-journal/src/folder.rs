//! A journal's folder on a real disk: made, recognised by its marker, locked, and removed file by known file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::found::{free_name, only_line};
use crate::segment::{Kind, is_known};
use crate::storage::{Storage, StoredFile, temporary};
use crate::{Error, segment};

/// The file that says that a folder is ours. Nothing is changed or removed in a folder without it.
const MARKER: &str = "headcount-journal";

const MARKER_TEXT: &str = "\
This folder is the journal of a run of headcount that has not come to its end.
To go on, repeat the command with --resume. To see what it holds: headcount journal FOLDER
";

const LOCK: &str = "lock";

/// A journal's folder, locked for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// It was made just now, and nothing of it is safe.
    is_new: AtomicBool,
    /// Its own name is safe. Whoever made it may not have come to that.
    is_name_safe: AtomicBool,
    _lock: File,
}

impl Folder {
    /// Whether there is a journal's folder at `path`.
    ///
    /// # Errors
    /// Something else stands there, or a folder that is not this user's alone ([`Error::is_foreign`]), or it cannot be
    /// looked at.
    pub fn exists(path: &Path) -> Result<bool, Error> {
        let folder = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io(format!("cannot look at {}", path.display()), error)),
            Ok(metadata) if metadata.is_dir() => metadata,
            Ok(_) => return Err(Error::foreign(path)),
        };
        // What says how a run ended is the last but the lock that removing takes.
        let is_there = is_marked(path) || is_ended(path);
        if !is_there && !holds_nothing(path) {
            return Err(Error::foreign(path));
        }
        if is_private(path, &folder) { Ok(is_there) } else { Err(Error::open_to_others(path)) }
    }

    /// Makes a folder at `path`, or takes the one that is there, and locks it.
    ///
    /// # Errors
    /// Something that is not ours stands there ([`Error::is_foreign`]), another run holds it ([`Error::is_locked`]), or
    /// the disk refuses.
    pub fn create(path: &Path) -> Result<Folder, Error> {
        if Folder::exists(path)? {
            return Folder::open(path);
        }
        let cannot = |error| Error::io(format!("cannot make {}", path.display()), error);
        let lock = loop {
            match private_folder(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot(error)),
                _ => {}
            }
            if let Some(lock) = lock(path)? {
                break lock;
            }
        };
        let mut marker =
            private(OpenOptions::new().write(true).create(true)).open(path.join(MARKER)).map_err(cannot)?;
        marker.write_all(MARKER_TEXT.as_bytes()).map_err(cannot)?;
        Ok(Folder { is_new: AtomicBool::new(true), ..Folder::locked(path, lock) })
    }

    /// Locks a folder that is there.
    ///
    /// # Errors
    /// As for [`Folder::create`].
    pub fn open(path: &Path) -> Result<Folder, Error> {
        if !Folder::exists(path)? {
            return Err(Error::foreign(path));
        }
        match lock(path)? {
            Some(lock) => Ok(Folder::locked(path, lock)),
            None => Err(Error::io(format!("cannot lock {}", path.display()), io::ErrorKind::NotFound.into())),
        }
    }

    fn locked(path: &Path, lock: File) -> Folder {
        Folder {
            path: path.to_owned(),
            is_new: AtomicBool::new(false),
            is_name_safe: AtomicBool::new(false),
            _lock: lock,
        }
    }

    /// Removes what a kill has left of a folder that was being removed, if that is all there is.
    pub fn remove_remains(path: &Path) {
        // What cannot be removed is no failure.
        if let Ok(false) = Folder::exists(path)
            && let Ok(Some(_lock)) = lock(path)
            && holds_nothing(path)
        {
            let _ = fs::remove_file(path.join(LOCK));
            let _ = fs::remove_dir(path);
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The copy of a list that can be read once only, such as standard input: `spool-0`. Made if it is not there.
    pub fn spool(&self, number: usize) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(self.path.join(spool_name(number)))
    }

    /// The copy that an earlier run has left, if it has left one.
    pub fn found_spool(&self, number: usize) -> io::Result<Option<File>> {
        match self.open(&spool_name(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map(Some),
        }
    }

    /// An empty file that is to take the place of a copy that is not as it was.
    pub fn begin_spool(&self, number: usize) -> io::Result<File> {
        self.create(&temporary(&spool_name(number)))
    }

    /// Lets the file that was begun take its place, safe on the disk. What stands there is set aside.
    pub fn replace_spool(&self, number: usize, new: &File) -> io::Result<()> {
        new.sync_all()?;
        let (name, names) = (spool_name(number), self.names()?);
        if names.contains(&name) {
            self.rename(&name, &free_name(&names))?;
        }
        self.rename(&temporary(&name), &name)?;
        self.sync_folder()
    }

    /// Takes back the file that was begun.
    pub fn discard_spool(&self, number: usize) -> io::Result<()> {
        self.remove_known(&temporary(&spool_name(number)))
    }

    /// Removes the files that a journal has, and then the folder, if nothing else is in it. What says how the run ended
    /// goes late: a kill meanwhile leaves what is known as ours, and as no run to go on with. The lock goes last: who has
    /// it has the folder, until it is gone.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(self) -> Result<(), Error> {
        let cannot = |error| Error::io(format!("cannot remove {}", self.path.display()), error);
        self.empty(true).map_err(cannot)?;
        for name in [MARKER, segment::ENDING, LOCK] {
            self.remove_known(name).map_err(cannot)?;
        }
        match fs::remove_dir(&self.path) {
            // Another run may have it already.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) =>
            {
                Ok(())
            }
            result => result.map_err(cannot),
        }
    }

    /// Removes all that a journal wrote, and keeps the folder with its lock.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn clear(&self) -> Result<(), Error> {
        self.empty(false).map_err(|error| Error::io(format!("cannot empty {}", self.path.display()), error))
    }

    fn empty(&self, keep_ending: bool) -> io::Result<()> {
        let mut names = self.names()?;
        names.retain(|name| is_known(name) && !(keep_ending && name == segment::ENDING));
        for name in &names {
            self.remove_known(name)?;
        }
        // Of a folder whose name is not safe nothing else is.
        if names.is_empty() || self.is_new.load(Relaxed) { Ok(()) } else { self.sync_folder() }
    }

    fn remove_known(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

fn spool_name(number: usize) -> String {
    format!("{}{number}", segment::SPOOL)
}

fn is_marked(path: &Path) -> bool {
    fs::symlink_metadata(path.join(MARKER)).is_ok_and(|marker| marker.is_file())
}

fn is_ended(path: &Path) -> bool {
    let mut text = Vec::new();
    let read = unlinked(OpenOptions::new().read(true))
        .open(path.join(segment::ENDING))
        .and_then(|mut file| file.read_to_end(&mut text));
    read.is_ok() && only_line(&text, Kind::End).is_some()
}

/// What a run leaves that was killed between making the folder and its marker, or before the last step of removing it.
fn holds_nothing(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes() == LOCK.as_bytes()))
    })
}

/// Whether nobody but this user has made the folder or may write to it.
#[cfg(unix)]
fn is_private(path: &Path, folder: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    let is_open = |file: &fs::Metadata| file.mode() & 0o022 != 0;
    // On a disk that keeps no rights, what we made for ourselves looks open to all.
    let keeps_none = || {
        fs::symlink_metadata(path.join(MARKER)).is_ok_and(|marker| marker.uid() == user && is_open(&marker))
    };
    folder.uid() == user && (!is_open(folder) || keeps_none())
}

#[cfg(not(unix))]
fn is_private(_path: &Path, _folder: &fs::Metadata) -> bool {
    true
}

/// Locks a folder; `None` if it is gone.
fn lock(path: &Path) -> Result<Option<File>, Error> {
    let cannot = |error| Error::io(format!("cannot lock {}", path.display()), error);
    let place = path.join(LOCK);
    loop {
        let lock = match private(OpenOptions::new().write(true).create(true).truncate(false)).open(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(cannot)?,
        };
        match fs4::FileExt::try_lock(&lock) {
            // A run that has removed its folder meanwhile took away the lock that was opened.
            Ok(()) if !is_in_place(&lock, &place) => {}
            Ok(()) => return Ok(Some(lock)),
            Err(fs4::TryLockError::WouldBlock) => return Err(Error::locked(path)),
            Err(fs4::TryLockError::Error(error)) => return Err(cannot(error)),
        }
    }
}

#[cfg(unix)]
fn is_in_place(file: &File, place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::symlink_metadata(place)) {
        (Ok(file), Ok(there)) => identity(file) == identity(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_in_place(_file: &File, _place: &Path) -> bool {
    true
}

impl Storage for Folder {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is not one of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create(true).truncate(true))
            .open(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        unlinked(OpenOptions::new().read(true).write(true)).open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.path)?;
        if !self.is_name_safe.load(Relaxed) {
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync_folder(parent.unwrap_or(Path::new(".")))?;
            self.is_name_safe.store(true, Relaxed);
        }
        self.is_new.store(false, Relaxed);
        Ok(())
    }
}

impl StoredFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(self, bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Readable for the owner only: records and lists may hold what is nobody else's business.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    unlinked(options)
}

/// Follows no link: we make none.
fn unlinked(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        options,
        rustix::fs::OFlags::NOFOLLOW.bits().cast_signed(),
    );
    options
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some file systems cannot sync a folder, and have nothing better to offer.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
