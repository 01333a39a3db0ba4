//! Jobs put aside: read ahead, but too many to keep in memory. They lie in nameless temporary files, in pieces that are
//! written and read as a whole.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use super::waiting::{Packed, Waiting};

/// A file takes pieces up to this many bytes; when the last of them was read, it goes.
const LONGEST_FILE: u64 = 64 << 20;

/// What was put aside, by its key.
pub(super) struct Aside {
    pieces: HashMap<u64, Piece>,
    writing: Option<Rc<Spill>>,
    /// Bytes in all files, and the most that they may be.
    on_disk: Rc<Cell<u64>>,
    most_on_disk: u64,
    buffer: Vec<u8>,
}

/// One file.
struct Spill {
    file: File,
    length: Cell<u64>,
    on_disk: Rc<Cell<u64>>,
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.on_disk.set(self.on_disk.get() - self.length.get());
    }
}

struct Piece {
    file: Rc<Spill>,
    start: u64,
    length: usize,
}

impl Aside {
    pub(super) fn new(most_on_disk: u64) -> Aside {
        Aside {
            pieces: HashMap::new(),
            writing: None,
            on_disk: Rc::default(),
            most_on_disk,
            buffer: Vec::new(),
        }
    }

    /// Writes the jobs that have not begun, and gives the others back. An error leaves nothing behind, and gives all back.
    pub(super) fn put(
        &mut self,
        key: u64,
        jobs: Vec<Waiting>,
    ) -> Result<Vec<Waiting>, (Vec<Waiting>, io::Error)> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for job in &jobs {
            if let Waiting::Fresh(packed) = job {
                buffer.extend_from_slice(&(packed.bytes().len() as u64).to_le_bytes());
                buffer.extend_from_slice(packed.bytes());
            }
        }
        let written = self.append(&buffer);
        let length = buffer.len();
        self.buffer = buffer;
        match written {
            Ok((file, start)) => {
                self.pieces.insert(key, Piece { file, start, length });
                Ok(jobs.into_iter().filter(|job| matches!(job, Waiting::Begun(_))).collect())
            }
            Err(error) => Err((jobs, error)),
        }
    }

    /// Reads back what was put aside under a key, in order.
    pub(super) fn take(&mut self, key: u64) -> io::Result<Vec<Waiting>> {
        let Some(piece) = self.pieces.remove(&key) else {
            return Err(io::Error::other("nothing was put aside under that key"));
        };
        let mut bytes = vec![0; piece.length];
        let mut file = &piece.file.file;
        file.seek(SeekFrom::Start(piece.start))?;
        file.read_exact(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut jobs = Vec::new();
        while let Some((length, behind)) = rest.split_first_chunk() {
            let (packed, behind) = behind.split_at(u64::from_le_bytes(*length) as usize);
            jobs.push(Waiting::Fresh(Packed::from_bytes(packed)));
            rest = behind;
        }
        Ok(jobs)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<(Rc<Spill>, u64)> {
        let length = bytes.len() as u64;
        if self.on_disk.get() + length > self.most_on_disk {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let spill = match &self.writing {
            Some(spill) if spill.length.get() < LONGEST_FILE => Rc::clone(spill),
            _ => {
                let file = tempfile::tempfile()?;
                let spill = Spill { file, length: Cell::new(0), on_disk: Rc::clone(&self.on_disk) };
                Rc::clone(self.writing.insert(Rc::new(spill)))
            }
        };
        let start = spill.length.get();
        let mut file = &spill.file;
        file.seek(SeekFrom::Start(start))?;
        file.write_all(bytes)?;
        spill.length.set(start + length);
        self.on_disk.set(self.on_disk.get() + length);
        Ok((spill, start))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::engine::waiting::Packer;
    use crate::{Config, Request};

    fn jobs(packer: &mut Packer, count: u64) -> Vec<Waiting> {
        let request = Request::new("a.example/1");
        let url = request.url().unwrap();
        (0..count).map(|index| Waiting::Fresh(packer.pack(index, &request, url, Instant::now()))).collect()
    }

    #[tokio::test]
    async fn what_is_put_aside_comes_back_in_order_and_what_has_begun_stays() {
        let config = Config::default();
        let mut packer = Packer::new(Instant::now());
        let mut waiting = jobs(&mut packer, 10);
        let Waiting::Fresh(packed) = &waiting[4] else { unreachable!() };
        waiting[4] = Waiting::Begun(packer.unpack(packed, &config));
        let mut aside = Aside::new(u64::MAX);
        let indices = |jobs: Vec<Waiting>| -> Vec<u64> {
            let index = |job| match job {
                Waiting::Fresh(packed) => packer.unpack(&packed, &config).index,
                Waiting::Begun(job) => job.index,
            };
            jobs.into_iter().map(index).collect()
        };
        let Ok(begun) = aside.put(1, waiting) else { panic!("it was not put aside") };
        assert_eq!(indices(begun), [4]);
        assert_eq!(indices(aside.take(1).unwrap()), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    }

    #[tokio::test]
    async fn no_more_than_the_limit_is_on_the_disk() {
        let mut packer = Packer::new(Instant::now());
        let mut aside = Aside::new(30_000);
        let mut taken = 0;
        let given_back = loop {
            match aside.put(taken, jobs(&mut packer, 100)) {
                Ok(_) => taken += 1,
                Err((jobs, _)) => break jobs.len(),
            }
        };
        assert!(taken > 3 && given_back == 100, "{taken} pieces, {given_back} jobs back");
        aside.writing = None;
        for key in 0..taken {
            assert_eq!(aside.take(key).unwrap().len(), 100);
        }
        assert!(aside.put(taken, jobs(&mut packer, 100)).is_ok(), "what was read again has made room");
    }
}
