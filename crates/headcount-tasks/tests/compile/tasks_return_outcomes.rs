use headcount_tasks::scope;

struct Page;

fn main() {
    drop(scope(async |s| {
        s.spawn("page", async { Page });
    }));
}
