//! The small web as a server for benchmarks: prints where it listens, and ends with its standard input.

use std::error::Error;
use std::io::{self, Read, Write};
use std::time::Duration;

use reference::encrypted::EncryptedHosts;
use small_web::{Answer, Reply, Request, SmallWeb, Temperament};

/// How many hosts of its own the workload "tail" has.
const TAIL_HOSTS: usize = 100;

/// How large a file is.
const FILE_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let web = SmallWeb::start()?;
    let encrypted = EncryptedHosts::new()?;
    let authority = std::env::args().nth(1).ok_or("usage: reference-server AUTHORITY")?;
    std::fs::write(authority, encrypted.authority())?;
    let mut out = io::stdout().lock();
    writeln!(out, "one {}", web.quiet_host(Temperament::Fast).url(""))?;
    if cfg!(target_os = "linux") {
        let many = web.many_hosts(Temperament::Fast);
        writeln!(out, "many {}", many.address(0).port())?;
        writeln!(out, "encrypted {}", encrypted.port()?)?;
    }
    for _ in 0..TAIL_HOSTS {
        writeln!(out, "tail {}", web.quiet_host(Temperament::scripted(tail)).url(""))?;
    }
    writeln!(out, "files {}", web.quiet_host(Temperament::scripted(file)).url(""))?;
    writeln!(out, "ready")?;
    out.flush()?;
    std::thread::spawn(|| {
        if let Err(error) = encrypted.serve() {
            let _ = writeln!(io::stderr(), "the encrypted hosts ended: {error}");
        }
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// `/silent` never answers, `/slow` after a second, all else at once.
fn tail(request: &Request) -> Reply {
    match request.path() {
        "/silent" => Reply::new().hang(),
        "/slow" => Answer::page(200, "Slow").after(Duration::from_secs(1)).reply(request),
        _ => Answer::page(200, "Quick").reply(request),
    }
}

/// The same zeros under every path.
fn file(request: &Request) -> Reply {
    let answer = Answer::status(200).field("Content-Type", "application/octet-stream");
    answer.body(vec![0; FILE_BYTES]).reply(request)
}
