//! What a journal has on the disk while its run goes on: every record at once, and the lists that can be read once only.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, wait_until};

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
    let (good, silent) = (web.host(Temperament::Fast), web.host(Temperament::Silent));
    let desk = Desk::new();
    let list = format!("{}\n{}\n", good.url("/page/1"), silent.url("/")).replace("//", "//me:hunter2@");
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
    // It has to be asked again with the passwords, so they are there; nobody else may read them.
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let has_secret = fs::read_to_string(&path).unwrap().contains("hunter2");
        assert_eq!(has_secret, path.ends_with("spool-0"), "{}", path.display());
    }
    let ended = desk.check_stdin("- -o out.json --timeout 300ms --retries 0 --resume", &list);
    assert_eq!((ended.code, good.requests()), (Some(2), 1), "{}", ended.stderr);
    assert_eq!(desk.names(), ["out.json"]);
}
