//! A ticker beside some work: it shows whether the loop can turn meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use headcount_tasks::{BoxError, Error, scope, sleep, yield_now};

/// Does the work beside a task that ticks once a period; gives the work's value and the number of ticks.
///
/// # Errors
/// The work's.
pub async fn beside_a_ticker<T: 'static>(
    period: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<(T, u32), Error> {
    let ticks = Rc::new(Cell::new(0));
    let ticking = Rc::clone(&ticks);
    scope(async |s| {
        let ticker = s.spawn("ticker", async move {
            loop {
                sleep(period).await;
                ticking.set(ticking.get() + 1);
            }
        });
        yield_now().await; // now the ticker has begun to wait
        let value = work.await?;
        ticker.cancel();
        Ok::<_, BoxError>((value, ticks.get()))
    })
    .await
}
