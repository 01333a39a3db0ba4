//! What is there of a host at a time: outages, steps and drift, which depend on the time alone.

use std::time::Duration;

use crate::model::{Model, OutageKind};

/// Drift is stepwise, so that what is left of a capacity can be summed up.
const DRIFT_STEPS: f64 = 32.0;

/// The outage that a host is in at `seconds`. `late` is the host's own share of the spread, from 0 to 1.
pub(crate) fn outage(model: &Model, late: f64, seconds: f64) -> Option<OutageKind> {
    let outage = model.outages.iter().find(|outage| {
        let since = seconds - outage.from_s - late * outage.spread_s;
        let within = outage.every_s.map_or(since, |every| since % every);
        since >= 0.0 && within < outage.lasts_s
    });
    outage.map(|outage| outage.kind)
}

/// The share of its slots that a host has at `seconds`, outages aside.
pub(crate) fn share(model: &Model, seconds: f64) -> f64 {
    let step = model.capacity.iter().rfind(|step| step.at_s <= seconds).map_or(1.0, |step| step.factor);
    let drift = model.drift_to.map_or(1.0, |lowest| {
        let part = (seconds / model.drift_s * DRIFT_STEPS).floor() / DRIFT_STEPS;
        lowest + (1.0 - lowest) * (1.0 + (std::f64::consts::TAU * part).cos()) / 2.0
    });
    step * drift
}

/// The slots that a host has at a time. A host that is there has one at least.
pub(crate) fn slots(model: &Model, now: Duration) -> usize {
    let share = share(model, now.as_secs_f64());
    ((model.slots as f64 * share).round() as usize).clamp(1, model.slots)
}

/// When `work` seconds of undisturbed work are done: what `at` gives is the speed at a time.
pub(crate) fn time_for(model: &Model, late: f64, work: f64, counts_slots: bool) -> f64 {
    let speed = |seconds| {
        if outage(model, late, seconds).is_some() {
            0.0
        } else if counts_slots {
            slots(model, Duration::from_secs_f64(seconds)) as f64 / model.slots as f64
        } else {
            1.0
        }
    };
    if model.outages.is_empty() && model.capacity.is_empty() && model.drift_to.is_none() {
        return work;
    }
    let step = (work / 10_000.0).clamp(0.001, 1.0);
    let (mut left, mut now) = (work, 0.0);
    // An outage without end is met by a limit: nothing takes a thousand times as long.
    let limit = work * 1_000.0 + 1e6;
    while left > 0.0 && now < limit {
        left -= speed(now) * step;
        now += step;
    }
    now
}
