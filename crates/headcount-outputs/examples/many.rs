//! Writes many made-up records to a file, and says how long it took and how much memory: `many 10000000 run.parquet`.

use std::error::Error;
use std::path::PathBuf;

use headcount::Record;
use headcount::record::Outcome;
use headcount_outputs::{Format, Options, OutputFile, RecordReader, write_all};

const TEMPLATE: &str = r#"{
    "index": 0, "source": "urls.txt", "line": 1, "input": "", "url": null, "final_url": null, "method": "GET",
    "outcome": "answered", "accepted": true, "failed": false, "error": null, "status_code": 200,
    "title": "Articles about something", "content_type": "text/html; charset=utf-8", "content_length": 5120,
    "body_bytes": 5120, "truncated": false, "webserver": "nginx", "host_ip": "192.0.2.7",
    "http_version": "HTTP/1.1", "num_redirects": 0, "num_retries": 0, "chain_status_codes": [200],
    "insecure": false, "timestamp": "2026-11-20T08:00:00Z", "time_queued": 0.01, "time_namelookup": 0.001,
    "time_connect": 0.01, "time_appconnect": 0.02, "time_starttransfer": 0.1, "time_total": 0.12
}"#;

#[expect(clippy::disallowed_macros, reason = "an example's output is its own")]
#[expect(clippy::disallowed_methods, reason = "an example's clock is the wall's")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, count, path] = arguments.as_slice() else { return Err("many COUNT FILE".into()) };
    let (count, path): (u64, PathBuf) = (count.parse()?, path.into());
    let format = Format::of_path(&path).ok_or("the ending says no format")?;
    let template: Record = serde_json::from_str(TEMPLATE)?;
    let started = std::time::Instant::now();
    let output = OutputFile { path: path.clone(), format, options: Options::default() };
    write_all((0..count).map(|index| Ok(record(&template, index))), &[output])?;
    let wrote = started.elapsed();
    let bytes = path.metadata()?.len();
    println!("{}: {count} records, {} MB, {wrote:.1?}, peak {}", path.display(), bytes >> 20, peak()?);
    if !matches!(format, Format::Junit | Format::Markdown | Format::Html) {
        let started = std::time::Instant::now();
        let read = RecordReader::open(&path)?.try_fold(0, |sum, record| record.map(|_| sum + 1u64))?;
        assert_eq!(read, count);
        println!("{}: read in {:.1?}, peak {}", path.display(), started.elapsed(), peak()?);
    }
    Ok(())
}

fn record(template: &Record, index: u64) -> Record {
    let mut record = template.clone();
    // Spread, but the same each time.
    let spread = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let mut url = format!("https://host-{}.example/articles/{index}", spread % 100_000);
    if index % 1_000 == 11 {
        url += &"/unbroken".repeat(1_000).replace('/', "");
    }
    record.index = index;
    record.line = Some(index + 1);
    record.title = Some(match index % 1_000 {
        7 => "</script><script>hacked=1</script><img src=x onerror=hacked=1>\u{202e}".to_owned(),
        8 => "endless".repeat(1_500),
        9 => "\u{202e}backwards, שלום עולם, مرحبا بالعالم".repeat(20),
        10 => format!("piled {}\u{1b}[2J\u{0}\u{9b}31m", "Z\u{300}\u{301}\u{302}".repeat(100)),
        _ => format!("Article {spread} about something"),
    });
    record.input = url.clone();
    record.final_url = Some(url.clone());
    record.url = Some(url);
    record.time_total = Some((spread % 1_000) as f64 / 1e3 + 0.1);
    record.timestamp += std::time::Duration::from_micros(index * 500);
    if spread.is_multiple_of(20) {
        record.status_code = Some(404);
        record.accepted = false;
    } else if spread.is_multiple_of(33) {
        record.outcome = Outcome::Interrupted;
        record.accepted = false;
        record.status_code = None;
    }
    record
}

/// The most memory that this process has held, on Linux.
fn peak() -> std::io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}
