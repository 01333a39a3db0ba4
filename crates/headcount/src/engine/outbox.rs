//! Finished records on their way to whoever takes them, gathered so that a busy run does not wake its taker for
//! each.

use std::cell::RefCell;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::parcels::Sender;
use crate::Record;

/// A record is held back for this long at the most.
const LONGEST_HOLD: Duration = Duration::from_millis(5);

/// So many go at once, however young they are.
const RECORDS_IN_A_PARCEL: usize = 64;

pub(super) struct Outbox {
    taker: Sender,
    gathered: RefCell<Gathered>,
    has_some: Notify,
}

struct Gathered {
    records: Vec<Record>,
    sent_at: Option<Instant>,
}

impl Outbox {
    pub(super) fn new(taker: Sender) -> Outbox {
        let gathered = Gathered { records: Vec::new(), sent_at: None };
        Outbox { taker, gathered: RefCell::new(gathered), has_some: Notify::new() }
    }

    /// Hands over a record. The future waits while the taker is behind; the record is not lost when it is dropped, nor
    /// does it carry the record about. One that waited alone for long enough goes at once.
    pub(super) fn put(&self, record: Record, now: Instant) -> impl Future<Output = ()> {
        let is_due = {
            let mut gathered = self.gathered.borrow_mut();
            gathered.records.push(record);
            let is_first = gathered.records.len() == 1;
            let is_due = gathered.records.len() >= RECORDS_IN_A_PARCEL
                || gathered.sent_at.is_none_or(|at| now.saturating_duration_since(at) >= LONGEST_HOLD);
            if is_first && !is_due {
                self.has_some.notify_one();
            }
            is_due
        };
        async move {
            if is_due {
                self.flush().await;
            }
        }
    }

    /// Sends what was gathered. Dropping the future keeps it for the next time.
    pub(super) async fn flush(&self) {
        while !self.gathered.borrow().records.is_empty() {
            // Room first: what is taken out of the gathered ones can then be sent without another wait.
            let Some(room) = self.taker.room().await else { return };
            let mut gathered = self.gathered.borrow_mut();
            // While the taker is behind, more are gathered than go at once; and another may have sent them meanwhile.
            let count = gathered.records.len().min(RECORDS_IN_A_PARCEL);
            if count > 0 {
                gathered.sent_at = Some(Instant::now());
                // The next parcel is about as large.
                let mut rest = Vec::with_capacity(count);
                rest.extend(gathered.records.drain(count..));
                room.send(Ok(std::mem::replace(&mut gathered.records, rest)));
            }
        }
    }

    /// Flushes for ever, no later than it must.
    pub(super) async fn flush_in_time(&self) {
        loop {
            self.has_some.notified().await;
            sleep_until(Instant::now() + LONGEST_HOLD).await;
            self.flush().await;
        }
    }

    /// Ends when nobody takes records any more.
    pub(super) async fn abandoned(&self) {
        self.taker.abandoned().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join, join_all};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::engine::job::skipped;
    use crate::engine::parcels;
    use crate::record::{Failure, Kind, Phase};
    use crate::{Config, Request};

    fn record(index: u64) -> Record {
        let failure = Failure::new(Phase::Input, Kind::InvalidUrl, "it is a test");
        skipped(index, &Request::new("-"), failure, &Config::default())
    }

    #[tokio::test(start_paused = true)]
    async fn no_record_is_held_back_for_long() {
        let (taker, mut taken) = parcels::channel();
        let outbox = Outbox::new(taker);
        let mut random = fastrand::Rng::with_seed(1);
        let (mut put_at, mut taken_at) = (Vec::new(), Vec::new());
        let putting = async {
            for index in 0..2_000 {
                // Now one by one, now in crowds.
                if random.u8(..100) < random.u8(..100) {
                    sleep(Duration::from_micros(random.u64(..12_000))).await;
                }
                put_at.push(Instant::now());
                outbox.put(record(index), Instant::now()).await;
            }
        };
        let taking = async {
            while taken_at.len() < 2_000 {
                let parcel = taken.recv().await.unwrap().unwrap();
                assert!(parcel.len() <= RECORDS_IN_A_PARCEL);
                for record in parcel {
                    assert_eq!(record.index, taken_at.len() as u64);
                    taken_at.push(Instant::now());
                }
            }
        };
        tokio::select! {
            () = outbox.flush_in_time() => unreachable!("it flushes for ever"),
            _ = join(putting, taking) => {}
        }
        for (put, taken) in put_at.iter().zip(&taken_at) {
            // The clock's timers are a millisecond apart.
            assert!(*taken - *put <= LONGEST_HOLD + Duration::from_millis(1), "{:?}", *taken - *put);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_several_loops_have_done_is_written_in_time() {
        /// The command writes it to the journal then.
        const TIME_FOR_A_PARCEL: Duration = Duration::from_millis(2);
        /// What docs/journal.md promises.
        const PROMISED: Duration = Duration::from_millis(50);
        const JOBS: u64 = 100;
        const RECORDS: u64 = 20_000;
        let (taker, mut taken) = parcels::channel();
        let outboxes: Vec<Outbox> = (0..4).map(|_| Outbox::new(taker.clone())).collect();
        let put_at = RefCell::new(vec![None; RECORDS as usize]);
        // Now less than the taker can take, now more.
        let job = async |job: u64| {
            let mut random = fastrand::Rng::with_seed(job);
            for index in (job..RECORDS).step_by(JOBS as usize) {
                let longest = if index < RECORDS / 2 { 4_000 } else { 40_000 };
                sleep(Duration::from_micros(random.u64(..longest))).await;
                put_at.borrow_mut()[index as usize] = Some(Instant::now());
                outboxes[(job % 4) as usize].put(record(index), Instant::now()).await;
            }
        };
        let taking = async {
            let (mut count, mut longest) = (0, Duration::ZERO);
            while count < RECORDS {
                let parcel = taken.recv().await.unwrap().unwrap();
                sleep(TIME_FOR_A_PARCEL).await;
                count += parcel.len() as u64;
                let ages =
                    parcel.iter().map(|record| put_at.borrow()[record.index as usize].unwrap().elapsed());
                longest = longest.max(ages.max().unwrap());
            }
            longest
        };
        let all = join(join_all((0..JOBS).map(job)), taking);
        let longest = tokio::select! {
            _ = join_all(outboxes.iter().map(Outbox::flush_in_time)) => unreachable!("they flush for ever"),
            (_, longest) = all => longest,
        };
        assert!(longest <= PROMISED, "one took {longest:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn little_is_on_its_way_to_a_taker_that_is_behind_and_none_of_it_is_lost() {
        let (taker, mut taken) = parcels::channel();
        let outbox = Outbox::new(taker);
        join_all((0..128).map(|index| outbox.put(record(index), Instant::now()))).await;
        sleep(LONGEST_HOLD).await;
        let puts = join_all((128..300).map(|index| outbox.put(record(index), Instant::now())));
        assert!(timeout(Duration::from_secs(60), puts).await.is_err(), "nobody took what was put");
        assert_eq!(taken.len(), 2);
        let mut indices = Vec::new();
        let taking = async {
            while indices.len() < 300 {
                let parcel = taken.recv().await.unwrap().unwrap();
                assert!(parcel.len() <= RECORDS_IN_A_PARCEL);
                indices.extend(parcel.iter().map(|record| record.index));
            }
        };
        join(outbox.flush(), taking).await;
        assert_eq!(indices, (0..300).collect::<Vec<u64>>());
    }
}
