//! What a journal has on the disk while its run goes on: every record at once, the lists that can be read once only, and no more
//! than its page says.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::Value;
use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, wait_until};
use crate::resume::{Hosts, RESUME, broken_off_late};

#[test]
fn every_record_is_on_the_disk_before_anything_else_happens() {
    let web = SmallWeb::start().unwrap();
    let host = web.host(Temperament::Fast);
    for name in ["out.json", "out.jsonl", "out.parquet"] {
        let desk = Desk::new();
        let mut running = Running::start(&desk, &format!("- -o {name}"));
        for number in 0..10 {
            running.write(&host.url(&format!("/page/{number}\n")));
            // The run has nothing to do but wait for more of the list.
            wait_until("the record", || {
                let segment = desk.path(&format!("{name}.headcount/segment-000000"));
                let Ok(text) = fs::read_to_string(segment) else { return false };
                text.ends_with('\n') && text.matches("\"title\":\"Page ").count() == number + 1
            });
        }
        running.close_stdin();
        assert_eq!(running.end().code, Some(0));
        assert_eq!(desk.names(), [name]);
    }
}

#[test]
fn a_list_with_passwords_is_kept_for_its_owner_and_no_longer_than_needed() {
    let web = SmallWeb::start().unwrap();
    let good = Hosts::start(&web);
    let desk = Desk::new();
    let list = format!("{}\n{}\n", good.url("/page/1"), good.mute.url("/")).replace("//", "//me:hunter2@");
    good.is_silent.store(true, Relaxed);
    let mut running = Running::start(&desk, "- -o out.json --timeout 60s");
    running.write(&list);
    running.close_stdin();
    let folder = desk.path("out.json.headcount");
    wait_until("the record and the end of the list", || {
        fs::read_to_string(folder.join("segment-000000")).is_ok_and(|text| text.contains("Page 1"))
            && fs::read_to_string(folder.join("spool-0")).is_ok_and(|text| text == list)
    });
    running.signal("KILL");
    running.end();
    good.is_silent.store(false, Relaxed);
    // It has to be asked again with the passwords, so they are there; nobody else may read them.
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let has_secret = fs::read_to_string(&path).unwrap().contains("hunter2");
        assert_eq!(has_secret, path.ends_with("spool-0"), "{}", path.display());
    }
    let ended = desk.check_stdin(&format!("- -o out.json {RESUME}"), &list);
    assert_eq!((ended.code, good.requests()), (Some(2), 1), "{}", ended.stderr);
    assert_eq!(desk.names(), ["out.json"]);
}

/// What a program finds in the journal of out.json that knows docs/journal.md and nothing else.
#[expect(clippy::disallowed_macros, reason = "whoever skips a test says so")]
fn as_documented(desk: &Desk) -> Option<Value> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/journal.py");
    let Ok(ended) = Command::new("python3").arg(program).arg(desk.path("out.json.headcount")).output() else {
        eprintln!("skipped: there is no Python");
        return None;
    };
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Some(serde_json::from_slice(&ended.stdout).unwrap())
}

#[test]
fn its_page_is_enough_to_read_it() {
    let web = SmallWeb::start().unwrap();
    let hosts = Hosts::start(&web);
    let desk = Desk::new();
    desk.write("urls.txt", hosts.list(20));
    let segment = "out.json.headcount/segment-000000";
    hosts.signalled(&desk, "urls.txt -o out.json -X POST", "KILL", "the answers", || {
        hosts.mute.requests() == 4
            && fs::read_to_string(desk.path(segment))
                .is_ok_and(|text| text.matches("\"title\"").count() == 10)
    });
    desk.write(segment, desk.read(segment).replacen("Page 8", "Page 9", 1) + "0123abcd r 17 {\"index");
    let Some(found) = as_documented(&desk) else { return };
    assert_eq!((&found["damaged"], &found["torn"]), (&1.into(), &1.into()));
    assert_eq!((&found["done"], &found["in_doubt"]), (&9.into(), &5.into()));
    let exported = desk.run(&["journal", "out.json.headcount", "--export", "-"]).records();
    assert_eq!(found["records"].as_array().unwrap(), &exported);
    let shown = desk.run(&["journal", "out.json.headcount"]).stdout;
    assert!(shown.contains("done         9\n") && shown.contains("in doubt     5\n"), "{shown}");
    assert_eq!(found["manifest"]["options"]["--method"], "POST");
    assert_eq!(found["lists"]["0"]["bytes"], desk.read("urls.txt").len());
}

#[test]
fn its_page_is_enough_to_read_a_checkpoint() {
    let web = SmallWeb::start().unwrap();
    let desk = Desk::new();
    broken_off_late(&desk, &web, "out.json");
    let Some(found) = as_documented(&desk) else { return };
    let exported = desk.run(&["journal", "out.json.headcount", "--export", "-"]).records();
    assert!(found["records"].as_array().unwrap() == &exported);
    assert_eq!((&found["damaged"], found["done"].as_u64()), (&0.into(), Some(exported.len() as u64)));
    assert!(found["covered"].as_u64().unwrap() > 1_000, "{}", found["covered"]);
}
