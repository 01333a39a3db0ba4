//! The small web as a server for benchmarks: prints where it listens, and ends with its standard input.

use std::io::{self, Read, Write};
use std::time::Duration;

use small_web::{Answer, Certificate, Reply, Request, SmallWeb, Temperament};

/// How many hosts of its own the workload "tail" has.
const TAIL_HOSTS: usize = 100;

fn main() -> io::Result<()> {
    let web = SmallWeb::start()?;
    let mut out = io::stdout().lock();
    writeln!(out, "one {}", web.quiet_host(Temperament::Fast).url(""))?;
    if cfg!(target_os = "linux") {
        let many = web.many_hosts(Temperament::Fast);
        writeln!(out, "many {}", many.address(0).port())?;
        let secure = web.many_tls_hosts(Temperament::Fast, Certificate::Good);
        writeln!(out, "many-tls {}", secure.address(0).port())?;
    }
    for _ in 0..TAIL_HOSTS {
        writeln!(out, "tail {}", web.quiet_host(Temperament::scripted(tail)).url(""))?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
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
