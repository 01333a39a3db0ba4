//! What may have been sent and is not safe to repeat is not sent again, though the line that said so is damaged or gone.
#![cfg(unix)]

use small_web::{SmallWeb, Temperament};

use crate::harness::{Desk, Running, end_of, wait_until};
use crate::resume::{RESUME, report};

#[test]
fn a_damaged_line_does_not_have_a_request_sent_twice() {
    let web = SmallWeb::start().unwrap();
    let segment = "out.json.headcount/segment-000000";
    for (words, may_repeat) in [("", false), ("--resend-in-doubt", true)] {
        let silent = web.host(Temperament::Silent);
        let desk = Desk::new();
        let list: String = (0..10).map(|number| silent.url(&format!("/page/{number}\n"))).collect();
        desk.write("urls.txt", &list);
        let running = Running::start(&desk, "urls.txt -o out.json -X POST --timeout 60s");
        wait_until("the requests", || silent.requests() == 4);
        running.signal("KILL");
        running.end();
        assert!(desk.read(segment).contains(" i 1\n"), "{}", desk.read(segment));
        desk.write(segment, desk.read(segment).replacen(" i 1\n", " i 7\n", 1));
        for round in 0..2 {
            let ended = desk.check(&format!("urls.txt -o out.json -X POST {RESUME} {words}"));
            assert_eq!(ended.code, Some(2), "{}", ended.stderr);
            assert_eq!(ended.stderr.contains("what is not safe to repeat"), round == 0 && !may_repeat);
        }
        let ends: Vec<String> = report(&desk, "out.json").iter().map(end_of).collect();
        let in_doubt = ends.iter().filter(|end| *end == "policy/in_doubt").count();
        assert_eq!((in_doubt, silent.requests()), if may_repeat { (0, 14) } else { (10, 4) }, "{ends:?}");
    }
}
