//! A disk in memory that fails on demand, and that loses in a crash what a real one may lose: any of the writes since
//! the last sync, in any order, in part, and the last of the names.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use headcount_journal::{Storage, StoredFile};

/// What happens at one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It fails; a write has been done in part.
    Error,
    /// A write takes half of what it is given.
    Short,
    /// There is no room, for this and the two operations after it.
    Full,
    /// A sync fails, and what it was to make safe may be lost.
    Sync,
    /// The machine stops. Nothing works until [`FaultyDisk::restart`].
    Crash,
}

pub(crate) const FAULTS: [Fault; 5] = [Fault::Error, Fault::Short, Fault::Full, Fault::Sync, Fault::Crash];

/// Clones are the same disk.
#[derive(Clone)]
pub(crate) struct FaultyDisk(Arc<Mutex<Disk>>);

#[derive(Clone)]
struct Disk {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    unsafe_names: Vec<NameChange>,
    operations: u64,
    syncs: u64,
    fault: Option<(u64, Fault)>,
    has_crashed: bool,
    random: fastrand::Rng,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    safe: Vec<u8>,
    unsafe_changes: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Clone)]
enum NameChange {
    Add(String, usize),
    Rename(String, String),
    Remove(String),
}

/// What kind of operation asks whether it may.
#[derive(PartialEq)]
enum Operation {
    Reading,
    Writing,
    Sync,
}

impl FaultyDisk {
    pub(crate) fn new(seed: u64) -> FaultyDisk {
        FaultyDisk(Arc::new(Mutex::new(Disk {
            files: Vec::new(),
            names: BTreeMap::new(),
            safe_names: BTreeMap::new(),
            unsafe_names: Vec::new(),
            operations: 0,
            syncs: 0,
            fault: None,
            has_crashed: false,
            random: fastrand::Rng::with_seed(seed),
        })))
    }

    /// How often it was asked to make something safe.
    pub(crate) fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Another disk with the same content.
    pub(crate) fn copy(&self, seed: u64) -> FaultyDisk {
        let mut disk = self.disk().clone();
        disk.random = fastrand::Rng::with_seed(seed);
        FaultyDisk(Arc::new(Mutex::new(disk)))
    }

    /// The operation that is `after` so many from now fails.
    pub(crate) fn fail(&self, after: u64, fault: Fault) {
        let mut disk = self.disk();
        disk.fault = Some((disk.operations + after, fault));
    }

    /// Whether the fault is still to come.
    pub(crate) fn is_still_to_fail(&self) -> bool {
        let disk = self.disk();
        disk.fault.is_some_and(|(at, _)| disk.operations <= at)
    }

    /// The power goes and comes back.
    pub(crate) fn restart(&self) {
        let mut disk = self.disk();
        let disk = &mut *disk;
        (disk.fault, disk.has_crashed) = (None, false);
        for content in &mut disk.files {
            content.lose(&mut disk.random);
        }
        let kept = disk.random.usize(..=disk.unsafe_names.len());
        let mut names = disk.safe_names.clone();
        for change in disk.unsafe_names.drain(..).take(kept) {
            change.apply(&mut names);
        }
        (disk.names, disk.safe_names) = (names.clone(), names);
    }

    /// The process is killed; the machine goes on.
    pub(crate) fn kill(&self) {
        let mut disk = self.disk();
        (disk.fault, disk.has_crashed) = (None, false);
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        let disk = self.disk();
        disk.files[disk.names[name]].now.clone()
    }

    /// Changes a byte behind everybody's back.
    pub(crate) fn change(&self, name: &str, position: usize, change: u8) {
        let mut disk = self.disk();
        let file = disk.names[name];
        disk.files[file].now[position] ^= change;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    /// Whether an operation may go on: all of it, or only a part.
    fn ask(&self, operation: &Operation) -> (MutexGuard<'_, Disk>, Result<bool, io::Error>) {
        let mut disk = self.disk();
        let number = disk.operations;
        disk.operations += 1;
        disk.syncs += u64::from(*operation == Operation::Sync);
        let broken = || Err(io::Error::other("the disk is broken"));
        if disk.has_crashed {
            return (disk, broken());
        }
        let answer = match disk.fault {
            Some((at, Fault::Full))
                if (at..=at + 2).contains(&number) && *operation == Operation::Writing =>
            {
                Err(io::ErrorKind::StorageFull.into())
            }
            Some((at, fault)) if at == number => match fault {
                Fault::Error => broken(),
                Fault::Short => Ok(*operation != Operation::Writing),
                Fault::Sync if *operation == Operation::Sync => broken(),
                Fault::Crash => {
                    disk.has_crashed = true;
                    broken()
                }
                Fault::Full | Fault::Sync => Ok(true),
            },
            _ => Ok(true),
        };
        (disk, answer)
    }

    fn change_name(&self, change: NameChange) -> io::Result<()> {
        let (mut disk, answer) = self.ask(&Operation::Writing);
        answer?;
        if let NameChange::Rename(name, _) | NameChange::Remove(name) = &change
            && !disk.names.contains_key(name)
        {
            return Err(io::ErrorKind::NotFound.into());
        }
        let disk = &mut *disk;
        disk.unsafe_names.push(change.clone());
        change.apply(&mut disk.names);
        Ok(())
    }
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Add(name, file) => {
                names.insert(name, file);
            }
            NameChange::Rename(from, to) => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
            NameChange::Remove(name) => {
                names.remove(&name);
            }
        }
    }
}

impl Content {
    fn apply(content: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Length(length) => content.resize(*length as usize, 0),
            Change::Write(offset, bytes) => {
                let end = *offset as usize + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*offset as usize..end].copy_from_slice(bytes);
            }
        }
    }

    fn write(&mut self, change: Change) {
        Content::apply(&mut self.now, &change);
        self.unsafe_changes.push(change);
    }

    /// Each change since the last sync has happened, not happened, or happened in part.
    fn lose(&mut self, random: &mut fastrand::Rng) {
        for change in std::mem::take(&mut self.unsafe_changes) {
            match (random.u8(..3), change) {
                (0, _) => {}
                (1, Change::Write(offset, bytes)) => {
                    let part = random.usize(..=bytes.len());
                    Content::apply(&mut self.safe, &Change::Write(offset, bytes[..part].to_vec()));
                }
                (_, change) => Content::apply(&mut self.safe, &change),
            }
        }
        self.now = self.safe.clone();
    }
}

pub(crate) struct FaultyFile {
    disk: FaultyDisk,
    file: usize,
}

impl Storage for FaultyDisk {
    type File = FaultyFile;

    fn names(&self) -> io::Result<Vec<String>> {
        let (disk, answer) = self.ask(&Operation::Reading);
        answer?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<FaultyFile> {
        let file = {
            let mut disk = self.disk();
            disk.files.push(Content::default());
            disk.files.len() - 1
        };
        self.change_name(NameChange::Add(name.to_owned(), file))?;
        Ok(FaultyFile { disk: self.clone(), file })
    }

    fn open(&self, name: &str) -> io::Result<FaultyFile> {
        let (disk, answer) = self.ask(&Operation::Reading);
        answer?;
        let file = *disk.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(FaultyFile { disk: self.clone(), file })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change_name(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change_name(NameChange::Remove(name.to_owned()))
    }

    fn sync_folder(&self) -> io::Result<()> {
        let (mut disk, answer) = self.ask(&Operation::Sync);
        answer?;
        disk.unsafe_names.clear();
        disk.safe_names = disk.names.clone();
        Ok(())
    }
}

impl StoredFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        let (disk, answer) = self.disk.ask(&Operation::Reading);
        answer?;
        Ok(disk.files[self.file].now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (disk, answer) = self.disk.ask(&Operation::Reading);
        answer?;
        let content = disk.files[self.file].now.get(offset as usize..).unwrap_or_default();
        let count = content.len().min(buffer.len());
        buffer[..count].copy_from_slice(&content[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (mut disk, answer) = self.disk.ask(&Operation::Writing);
        let part = bytes.len().div_ceil(2);
        match answer {
            Ok(true) => {
                disk.files[self.file].write(Change::Write(offset, bytes.to_vec()));
                Ok(bytes.len())
            }
            Ok(false) => {
                disk.files[self.file].write(Change::Write(offset, bytes[..part].to_vec()));
                Ok(part)
            }
            Err(error) => {
                disk.files[self.file].write(Change::Write(offset, bytes[..part].to_vec()));
                Err(error)
            }
        }
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let (mut disk, answer) = self.disk.ask(&Operation::Writing);
        answer?;
        disk.files[self.file].write(Change::Length(length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (mut disk, answer) = self.disk.ask(&Operation::Sync);
        let disk = &mut *disk;
        let content = &mut disk.files[self.file];
        match answer {
            Ok(_) => {
                content.unsafe_changes.clear();
                content.safe = content.now.clone();
                Ok(())
            }
            // As on Linux: what failed to be written is forgotten, and the next sync would succeed.
            Err(error) => {
                content.lose(&mut disk.random);
                Err(error)
            }
        }
    }
}
