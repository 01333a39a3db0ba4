//! A folder in memory, for journals that nobody has to wait for.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use headcount_journal::{Storage, StoredFile};

/// Clones are the same folder.
#[derive(Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<BTreeMap<String, MemoryFile>>>);

/// Clones are the same file.
#[derive(Clone, Default)]
pub(crate) struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryDisk {
    /// Another folder with the same content.
    pub(crate) fn copy(&self) -> MemoryDisk {
        let copy = |(name, file): (&String, &MemoryFile)| {
            (name.clone(), MemoryFile(Arc::new(Mutex::new(file.with(|content| content.clone())))))
        };
        MemoryDisk(Arc::new(Mutex::new(self.with(|files| files.iter().map(copy).collect()))))
    }

    /// Changes a file behind everybody's back.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.with(|files| files.entry(name.to_owned()).or_default().clone()).with(change);
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, MemoryFile>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl MemoryFile {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for MemoryDisk {
    type File = MemoryFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.with(|files| files.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        let file = MemoryFile::default();
        self.with(|files| files.insert(name.to_owned(), file.clone()));
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        self.with(|files| files.get(name).cloned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.with(|files| {
            let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
            files.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|files| files.remove(name)).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }
}

impl StoredFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.with(|content| content.len() as u64))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|content| {
            let rest = content.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|content| {
            let end = offset as usize + bytes.len();
            content.resize(content.len().max(end), 0);
            content[offset as usize..end].copy_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.with(|content| content.resize(length as usize, 0));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
