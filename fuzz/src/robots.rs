//! robots.txt: no file is wrong, and none closes itself or makes a host wait for ever.

use std::time::Duration;

use headcount::policy::robots::Robots;

use crate::head_and_body;

/// A path, a line end, and the file.
pub fn robots(data: &[u8]) {
    let (path, file) = head_and_body(data);
    let robots = Robots::parse(file, "headcount");
    // Whether it may be asked is for the file to say; that there is an answer is not.
    let _ = robots.allows(path);
    assert!(robots.allows("/robots.txt"));
    assert!(robots.crawl_delay().is_none_or(|delay| delay <= Duration::from_secs(60)));
    assert_eq!(Robots::parse(file, "headcount"), robots);
}
