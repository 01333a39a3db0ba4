//! Very many connections at once.

#![cfg(target_os = "linux")]

use std::time::Duration;

use small_web::{SmallWeb, Temperament};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_crowd_is_served_at_once() {
    // Both ends of each connection count, and the other tests of this process need some descriptors too.
    const CROWD: u32 = 2_000;
    let crowd = CROWD.min(open_file_limit().saturating_sub(500) / 2);
    let web = SmallWeb::start().unwrap();
    let hosts = web.many_hosts(Temperament::Slow(Duration::from_millis(500)));
    let mut streams = Vec::new();
    for n in 0..crowd {
        let mut stream = TcpStream::connect(hosts.address(n * 7919)).await.unwrap();
        stream.write_all(b"GET /page/1 HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        streams.push(stream);
    }
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("Page 1"));
    }
    assert_eq!((hosts.requests(), hosts.connections()), (u64::from(crowd), u64::from(crowd)));
}

/// The soft limit on open files, as Linux shows it.
fn open_file_limit() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(u32::MAX)
}
