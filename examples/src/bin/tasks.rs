//! Three dishes of 3, 2 and 1 seconds, eaten as they are asked for.
//!
//! A task is queued when it is spawned, and takes its first step when the one who spawned it next awaits.
//!
//! ```text
//! Everything is ordered; no pan is on the stove.
//!   rice: cooking
//!   soup: cooking
//!   egg: cooking
//!   egg: ready
//! First the egg, after 1.0 s.
//!   soup: ready
//! Then the soup, after 2.0 s.
//!   rice: ready
//! Then the rice, after 3.0 s.
//! ```

use examples::{SECOND, since};
use headcount_tasks::{BoxError, scope, sleep};
use tokio::time::Instant;

async fn cook(dish: &'static str, seconds: u32) -> &'static str {
    println!("  {dish}: cooking");
    sleep(seconds * SECOND).await;
    println!("  {dish}: ready");
    dish
}

async fn program() -> Result<(), BoxError> {
    let start = Instant::now();
    scope(async |kitchen| {
        let rice = kitchen.spawn("rice", cook("rice", 3));
        let soup = kitchen.spawn("soup", cook("soup", 2));
        let egg = kitchen.spawn("egg", cook("egg", 1));
        println!("Everything is ordered; no pan is on the stove.");

        println!("First the {}, after {}.", egg.await?, since(start));
        println!("Then the {}, after {}.", soup.await?, since(start));
        println!("Then the {}, after {}.", rice.await?, since(start));
        Ok::<_, BoxError>(())
    })
    .await?;
    Ok(())
}

fn main() -> Result<(), headcount_tasks::Error> {
    examples::run(program())
}
