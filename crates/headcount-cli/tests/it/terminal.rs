//! What a person at a terminal sees: a table, a line of progress, a summary, each within the terminal's width.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use console::{measure_text_width, strip_ansi_codes};
use small_web::{SmallWeb, Temperament};

use crate::harness::skip_for_want_of;

/// What a check writes to a terminal of so many columns. A terminal is what `script` of util-linux makes; a machine without
/// it cannot be asked.
fn in_terminal(columns: usize, words: &str, variable: (&str, &str)) -> Option<String> {
    let line = format!("stty rows 40 cols {columns}; exec {} check {words}", env!("CARGO_BIN_EXE_headcount"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    script.env_remove("NO_COLOR").env("TERM", "xterm").env("LANG", "C.UTF-8").env(variable.0, variable.1);
    match script.output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip_for_want_of("`script` of util-linux");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn there_are_a_table_and_a_line_of_progress() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Slow(Duration::from_secs(3))).url("/page/1");
    let Some(plain) = in_terminal(100, &url, ("LANG", "C.UTF-8")) else { return };
    assert!(plain.contains("Page 1") && plain.contains("\x1b[32m"), "{plain:?}");
    assert!(plain.contains("0 of 1 done") && plain.contains("1 in flight"), "{plain:?}");
    let without = in_terminal(100, &format!("{url} --no-progress"), ("NO_COLOR", "1")).unwrap();
    assert!(!without.contains("in flight") && !without.contains("\x1b[32m"), "{without:?}");
}

#[test]
fn no_line_of_it_is_wider_than_the_terminal() {
    let web = SmallWeb::start().unwrap();
    let (slow, gone) =
        (web.host(Temperament::Slow(Duration::from_millis(300))), web.host(Temperament::Status(404)));
    let long = format!("http://{}.localhost:{}/", "a-long-name".repeat(3), gone.address().port());
    let other = format!("ftp://a.example{}", "/long".repeat(20));
    let words =
        format!("{} {long} {} {other}", slow.url("/page/1?").repeat(2), gone.url(&"/long".repeat(20)));
    for columns in [80, 30] {
        let Some(seen) = in_terminal(columns, &words, ("LANG", "C.UTF-8")) else { return };
        assert!(seen.contains("done") && seen.contains("worst hosts"), "{seen:?}");
        let lines: Vec<&str> = seen.split(['\r', '\n']).collect();
        let (table, summary): (Vec<&str>, Vec<&str>) = {
            let at = lines.iter().position(|line| line.contains("4 records")).unwrap();
            (lines[..at].to_vec(), lines[at..].to_vec())
        };
        let is_wide = |line: &&&str| measure_text_width(&strip_ansi_codes(line)) > columns;
        assert_eq!(table.iter().find(is_wide), None, "{columns} columns");
        // In the summary a name stands whole, on a line of its own.
        let wide = summary.iter().filter(is_wide).find(|line| line.trim().contains(' '));
        assert_eq!(wide, None, "{columns} columns");
    }
}

#[test]
fn an_interruption_leaves_nothing_of_the_line_of_progress() {
    let web = SmallWeb::start().unwrap();
    let url = web.host(Temperament::Silent).url("/page/1");
    let check = format!("{} check {url} -j --grace 0 --timeout 60s", env!("CARGO_BIN_EXE_headcount"));
    let line = format!("stty rows 40 cols 60; exec {check}");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("LANG", "C.UTF-8");
    let Ok(mut script) = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else { return };
    let (mut keys, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
    let mut is_pressed = false;
    loop {
        let count = screen.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        seen.extend_from_slice(&buffer[..count]);
        if !is_pressed && String::from_utf8_lossy(&seen).contains("1 in flight") {
            // The terminal writes ^C where the cursor stands, and sends the signal.
            keys.write_all(b"\x03").unwrap();
            is_pressed = true;
        }
    }
    script.wait().unwrap();
    let seen = String::from_utf8(seen).unwrap();
    let (before, _) = seen.split_once("^C").unwrap_or_else(|| panic!("{seen:?}"));
    let progress = before.rsplit(['\r', '\n']).next().unwrap();
    let width = measure_text_width(&strip_ansi_codes(progress));
    assert!(progress.contains("0 of 1 done") && width + 2 < 60, "{width}: {progress:?}");
}

#[test]
fn a_terminal_is_not_waited_for_as_if_it_were_a_list() {
    let Some(said) = in_terminal(80, "", ("LANG", "C.UTF-8")) else { return };
    assert!(said.starts_with("error: there is nothing to check\r\nhint: name a list"), "{said:?}");
}
