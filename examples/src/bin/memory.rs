//! Ten thousand waiting tasks beside ten thousand waiting threads: the memory that both really take.
//!
//! Linux only, where /proc tells it.
//!
//! ```text
//! 10000 waiting tasks: 1110 bytes each in memory
//! 10000 waiting threads: 9617 bytes each in memory, 2211806 bytes of address space
//! ```

use std::rc::Rc;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io, thread};

use headcount_tasks::{BoxError, Runner, scope, yield_now};
use tokio::sync::Notify;

const COUNT: usize = 10_000;

/// Bytes of address space and bytes in memory of this process.
struct Memory {
    address_space: usize,
    resident: usize,
}

impl Memory {
    fn now() -> io::Result<Memory> {
        let text = fs::read_to_string("/proc/self/status")?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim_end_matches("kB").trim().parse::<usize>().ok())
                .map(|kibibytes| kibibytes * 1024)
                .ok_or(io::ErrorKind::Unsupported)
        };
        Ok(Memory { address_space: field("VmSize:")?, resident: field("VmRSS:")? })
    }
}

async fn tasks() -> Result<(), BoxError> {
    let before = Memory::now()?;
    let go = Rc::new(Notify::new());
    scope(async |s| {
        for number in 0..COUNT {
            let go = Rc::clone(&go);
            s.spawn(("task", number), async move { go.notified().await });
        }
        yield_now().await; // now each has begun to wait
        let each = (Memory::now()?.resident - before.resident) / COUNT;
        println!("{COUNT} waiting tasks: {each} bytes each in memory");
        go.notify_waiters();
        Ok::<_, BoxError>(())
    })
    .await?;
    Ok(())
}

fn threads() -> io::Result<()> {
    let before = Memory::now()?;
    let (door, inside) = (RwLock::new(()), AtomicUsize::new(0));
    thread::scope(|s| {
        let closed = door.write();
        let wait = || {
            inside.fetch_add(1, Ordering::SeqCst);
            drop(door.read()); // waits until the door is opened
        };
        let begin = |_: &usize| thread::Builder::new().spawn_scoped(s, wait).is_ok();
        let count = (0..COUNT).take_while(begin).count(); // a system may allow fewer
        while inside.load(Ordering::SeqCst) < count {
            thread::yield_now();
        }
        let after = Memory::now()?;
        let each = |before: usize, after: usize| after.saturating_sub(before) / count.max(1);
        println!(
            "{count} waiting threads: {} bytes each in memory, {} bytes of address space",
            each(before.resident, after.resident),
            each(before.address_space, after.address_space)
        );
        drop(closed);
        Ok(())
    })
}

fn main() -> Result<(), BoxError> {
    Runner::new().run(tasks())?;
    Ok(threads()?)
}
