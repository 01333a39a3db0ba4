//! Fills the journal of a run that was killed with made-up records, to measure how a very long run is gone on with:
//! `fill FOLDER LIST COUNT` makes the first COUNT inputs of LIST done, and the list read to its end.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use headcount_journal::{Extent, Folder, Found, Journal, look};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, list, count] = &arguments[..] else { return Err("usage: fill FOLDER LIST COUNT".into()) };
    let folder = Folder::open(Path::new(folder))?;
    let Found::Unfinished(found) = look(&folder, false)? else {
        return Err("there is no run to go on with".into());
    };
    let mut journal = Journal::resume(folder, *found)?;
    journal.input(0, extent(&mut File::open(list)?)?)?;
    for index in 0..count.parse()? {
        journal.record(index, format!("{{\"index\":{index},\"accepted\":true}}").as_bytes())?;
        if index % 1_000 == 0 {
            journal.write()?;
        }
    }
    journal.commit()?;
    Ok(())
}

fn extent(list: &mut File) -> std::io::Result<Extent> {
    let (mut hasher, mut bytes) = (crc32fast::Hasher::new(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match list.read(&mut buffer)? {
            0 => return Ok(Extent { bytes, checksum: hasher.finalize(), is_whole: true }),
            count => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}
