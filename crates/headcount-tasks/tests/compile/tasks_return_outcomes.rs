//! What a task returns must be an outcome; the compiler says how.

use headcount_tasks::scope;

struct Page;

fn main() {
    drop(scope(async |s| {
        s.spawn("page", async { Page });
    }));
}
