//! The charts of a report, as SVG that is as wide as its place: lengths across are percentages, so that text keeps its
//! size on a phone.

use std::fmt::Write as _;

use crate::aggregates::{Distribution, Moment, PHASES, Timeline};
use crate::visible::{thousands, time};

/// Pixels from the top of a chart to its base line, and to its end with the labels below.
const BASE: f64 = 150.0;
const HEIGHT: f64 = 172.0;

/// Room at the top, for the labels of marks.
const TOP: f64 = 22.0;

/// The start of a bar whose legend says all that it does.
const BAR: &str = "<svg class=\"bar\" aria-hidden=\"true\" height=\"14\">";

/// One bar in one piece and its legend: the colours of the parts, their names, and how many there are of each. The legend
/// says all that the bar does.
pub(crate) fn shares(parts: &[(&str, &str, u64)]) -> String {
    let total: u64 = parts.iter().map(|(.., count)| count).sum();
    if total == 0 {
        return String::new();
    }
    let mut svg = BAR.to_owned();
    let mut legend = "<ul class=\"legend\">".to_owned();
    let mut left = 0.0;
    for (class, name, count) in parts.iter().filter(|(.., count)| *count > 0) {
        let width = percent(*count as f64, total as f64);
        let (count, share) = (thousands(*count), share_text(width));
        let _ = write!(
            svg,
            "<rect class=\"f-{class}\" x=\"{left:.3}%\" width=\"{width:.3}%\" height=\"14\"><title>{count} {name}</title></rect>"
        );
        let _ = write!(
            legend,
            "<li><span class=\"key k-{class}\"></span><span><b>{count}</b> {name}, {share}</span></li>"
        );
        left += width;
    }
    svg + "</svg>" + &legend + "</ul>"
}

/// How many answers took how long, on a logarithmic scale; none if there are no two of them.
pub(crate) fn distribution(distribution: &Distribution, marks: &[(&str, f64)]) -> Option<String> {
    if distribution.total() < 2 {
        return None;
    }
    let buckets = distribution.buckets();
    let (first, last) = (buckets.first()?, buckets.last()?);
    // A single bucket would fill the chart: some room at both sides.
    let (shortest, longest) = (first.0 / 1.26, last.1 * 1.26);
    let across = |seconds: f64| 100.0 * (seconds / shortest).ln() / (longest / shortest).ln();
    let most = buckets.iter().map(|(.., count)| *count).max().unwrap_or(1).max(1);
    let told = marks.iter().map(|(name, seconds)| format!(", {name} {}", time(*seconds))).collect::<String>();
    let most_frequent = buckets.iter().max_by_key(|(.., count)| *count).unwrap_or(first);
    let mut svg = open(&format!(
        "Response times of {} answers, from {} to {}{told}. Most frequent are {} to {}, with {} answers.",
        thousands(distribution.total()),
        time(first.0),
        time(last.1),
        time(most_frequent.0),
        time(most_frequent.1),
        thousands(most),
    ));
    let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{TOP}\" y2=\"{TOP}\"/>");
    for (lower, upper, count) in &buckets {
        let height = (BASE - TOP) * *count as f64 / most as f64;
        let height = if *count > 0 { height.max(1.5) } else { 0.0 };
        let (left, right) = (across(*lower), across(*upper));
        let _ = write!(
            svg,
            "<rect class=\"f-accent\" x=\"{:.3}%\" y=\"{:.1}\" width=\"{:.3}%\" height=\"{height:.1}\">\
             <title>{} to {}: {}</title></rect>",
            left + (right - left) * 0.06,
            BASE - height,
            (right - left) * 0.88,
            time(*lower),
            time(*upper),
            thousands(*count)
        );
    }
    base_line(&mut svg);
    for tick in ticks(shortest, longest) {
        label_below(&mut svg, across(tick), &short_time(tick));
    }
    for (row, (name, seconds)) in marks.iter().enumerate() {
        mark(&mut svg, across(*seconds).clamp(0.0, 100.0), row, &format!("{name} {}", time(*seconds)));
    }
    Some(beside_axis(&[(TOP, thousands(most)), (BASE, "0".to_owned())], &svg))
}

/// Records over time, accepted below and the others on top; none if all came at once.
pub(crate) fn records_over_time(timeline: &Timeline) -> Option<String> {
    let moments = timeline.moments();
    let shown = Shown::of(&moments)?;
    let all = |moment: &Moment| moment.accepted + moment.rest;
    let busiest = shown.moments.iter().max_by_key(|moment| all(moment))?;
    let most = all(busiest);
    let most_a_second = format!("{}/s", short_number(most as f64 / timeline.width()));
    let mut svg = open(&format!(
        "{} records over {}, at most {most_a_second}, at {}. {} of them were not accepted.{}",
        thousands(moments.iter().map(all).sum()),
        clock(shown.last),
        clock(busiest.start),
        thousands(moments.iter().map(|moment| moment.rest).sum()),
        shown.later_text(timeline),
    ));
    let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{TOP}\" y2=\"{TOP}\"/>");
    for (left, width, moment) in columns(shown.moments) {
        let tall = |count: u64| (BASE - TOP) * count as f64 / most as f64;
        let (good, bad) = (tall(moment.accepted), tall(moment.rest));
        let _ = write!(
            svg,
            "<g><title>at {}: {} accepted, {} not</title>\
             <rect class=\"f-good\" x=\"{left:.3}%\" y=\"{:.1}\" width=\"{width:.3}%\" height=\"{good:.1}\"/>\
             <rect class=\"f-bad\" x=\"{left:.3}%\" y=\"{:.1}\" width=\"{width:.3}%\" height=\"{bad:.1}\"/></g>",
            clock(moment.start),
            thousands(moment.accepted),
            thousands(moment.rest),
            BASE - good,
            // Of equal brightness, the two need a gap between them.
            BASE - good - bad - f64::from(u8::from(good > 0.0)),
        );
    }
    base_line(&mut svg);
    time_labels(&mut svg, timeline, &shown);
    Some(beside_axis(&[(TOP, most_a_second), (BASE, "0".to_owned())], &svg))
}

/// Response times over time: from the median to the 95th percentile, on a logarithmic scale; none if all came at once.
pub(crate) fn times_over_time(timeline: &Timeline) -> Option<String> {
    let moments = timeline.moments();
    let shown = Shown::of(&moments)?;
    let medians = || shown.moments.iter().filter_map(|moment| Some((moment.start, moment.median?)));
    let p95s = || shown.moments.iter().filter_map(|moment| Some((moment.start, moment.p95?)));
    medians().nth(1)?;
    let by_time = |(_, one): &(f64, f64), (_, other): &(f64, f64)| one.total_cmp(other);
    let (shortest, slowest) = (medians().min_by(by_time)?, medians().max_by(by_time)?);
    let longest = p95s().max_by(by_time)?;
    let mut svg = open(&format!(
        "Response times over time: the median is {} at its shortest, at {}, and {} at its longest, at {}; 95 % took at \
         most {}, at {}.{}",
        time(shortest.1),
        clock(shortest.0),
        time(slowest.1),
        clock(slowest.0),
        time(longest.1),
        clock(longest.0),
        shown.later_text(timeline),
    ));
    let (shortest, longest) = (shortest.1 / 1.3, longest.1 * 1.3);
    let down = |seconds: f64| {
        TOP + (BASE - TOP) * (1.0 - (seconds / shortest).ln() / (longest / shortest).ln()).clamp(0.0, 1.0)
    };
    let labels: Vec<_> =
        ticks(shortest, longest).into_iter().map(|tick| (down(tick), short_time(tick))).collect();
    for (y, _) in &labels {
        let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    }
    for (left, width, moment) in columns(shown.moments) {
        let (Some(median), Some(p95)) = (moment.median, moment.p95) else { continue };
        let (low, high) = (down(median), down(p95));
        let _ = write!(
            svg,
            "<g><title>at {}: median {}, p95 {}</title>\
             <rect class=\"f-pale\" x=\"{left:.3}%\" y=\"{high:.1}\" width=\"{width:.3}%\" height=\"{:.1}\"/>\
             <rect class=\"f-accent\" x=\"{left:.3}%\" y=\"{:.1}\" width=\"{width:.3}%\" height=\"3\"/></g>",
            clock(moment.start),
            time(median),
            time(p95),
            low - high,
            low - 1.5,
        );
    }
    base_line(&mut svg);
    time_labels(&mut svg, timeline, &shown);
    Some(beside_axis(&labels, &svg))
}

/// What an answer's time is made of. The legend says all that the bar does.
pub(crate) fn phases(seconds: &[f64; 5]) -> Option<String> {
    let total: f64 = seconds.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut svg = BAR.to_owned();
    let mut legend = "<ul class=\"legend\">".to_owned();
    let mut left = 0.0;
    for (number, (name, seconds)) in PHASES.iter().zip(seconds).enumerate() {
        let width = percent(*seconds, total);
        let _ = write!(
            svg,
            "<rect class=\"f-p{number}\" x=\"{left:.3}%\" width=\"{width:.3}%\" height=\"14\"><title>{name}</title></rect>"
        );
        let _ = write!(
            legend,
            "<li><span class=\"key k-p{number}\"></span>{name} <b>{}</b></li>",
            percent_text(width)
        );
        left += width;
    }
    Some(svg + "</svg>" + &legend + "</ul>")
}

/// The moments that a chart shows. A few stragglers would press all others against its left side: then it ends when nearly
/// all records had come, and says how many came later.
struct Shown<'a> {
    moments: &'a [Moment],
    later: u64,
    /// Seconds from the start to the last moment, shown or not.
    last: f64,
}

impl Shown<'_> {
    /// The share of the records that nearly all are.
    const NEARLY_ALL: f64 = 0.99;

    /// How much of the time stragglers have to take before they are left out.
    const LONG: f64 = 1.0 / 3.0;

    /// None if there is but one moment.
    fn of(moments: &[Moment]) -> Option<Shown<'_>> {
        if moments.len() < 2 {
            return None;
        }
        let counts = || moments.iter().map(|moment| moment.accepted + moment.rest);
        let total: u64 = counts().sum();
        let wanted = total as f64 * Shown::NEARLY_ALL;
        let mut so_far = 0;
        let nearly_all = counts().position(|count| {
            so_far += count;
            so_far as f64 >= wanted
        })? + 1;
        // Some room, in which stragglers that follow at once are seen.
        let end = (nearly_all + nearly_all.div_ceil(8)).max(2);
        let end = if (end as f64) < moments.len() as f64 * (1.0 - Shown::LONG) { end } else { moments.len() };
        let last = moments.last()?.start;
        let (moments, rest) = moments.split_at(end);
        Some(Shown { moments, last, later: rest.iter().map(|moment| moment.accepted + moment.rest).sum() })
    }

    fn later_text(&self, timeline: &Timeline) -> String {
        let end = clock(timeline.width() * self.moments.len() as f64);
        match self.later {
            0 => String::new(),
            1 => format!(" The chart ends at {end}, before the last record."),
            later => format!(" The chart ends at {end}, before the last {} records.", thousands(later)),
        }
    }
}

fn open(label: &str) -> String {
    format!("<svg role=\"img\" aria-label=\"{label}\" height=\"{HEIGHT}\">")
}

/// A chart, still without its end tag, with labels at its left: how far down each, and its text.
fn beside_axis(labels: &[(f64, String)], chart: &str) -> String {
    let mut axis = format!("<svg class=\"axis\" aria-hidden=\"true\" height=\"{HEIGHT}\">");
    for (y, label) in labels {
        let _ = write!(axis, "<text x=\"0\" y=\"{:.1}\">{label}</text>", y + 4.0);
    }
    format!("<div class=\"plot\">{axis}</svg>{chart}</svg></div>")
}

fn base_line(svg: &mut String) {
    let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{BASE}\" y2=\"{BASE}\"/>");
}

/// Each moment with its column: from where, how wide.
fn columns(moments: &[Moment]) -> impl Iterator<Item = (f64, f64, &Moment)> {
    let width = 100.0 / moments.len().max(12) as f64;
    moments
        .iter()
        .enumerate()
        .map(move |(place, moment)| (place as f64 * width + width * 0.08, width * 0.84, moment))
}

fn mark(svg: &mut String, x: f64, row: usize, text: &str) {
    let y = 12.0 + 15.0 * row as f64;
    let (anchor, shift) = if x > 60.0 { ("end", -5) } else { ("start", 5) };
    let _ = write!(
        svg,
        "<line class=\"mark\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{:.0}\" y2=\"{BASE}\"/>\
         <text class=\"strong\" x=\"{x:.3}%\" dx=\"{shift}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{text}</text>",
        y - 9.0
    );
}

fn label_below(svg: &mut String, x: f64, text: &str) {
    let anchor = match x {
        ..4.0 => "start",
        ..96.0 => "middle",
        _ => "end",
    };
    let _ =
        write!(svg, "<text x=\"{x:.3}%\" y=\"{:.0}\" text-anchor=\"{anchor}\">{text}</text>", BASE + 17.0);
}

fn time_labels(svg: &mut String, timeline: &Timeline, shown: &Shown<'_>) {
    let length = timeline.width() * shown.moments.len().max(12) as f64;
    let step = round_step(length);
    let labels = (0..).map(|number| f64::from(number) * step).take_while(|seconds| *seconds <= length);
    for seconds in labels {
        label_below(svg, 100.0 * seconds / length, &clock(seconds));
    }
    if shown.later > 0 {
        let _ = write!(
            svg,
            "<text class=\"strong\" x=\"100%\" y=\"12\" text-anchor=\"end\">{} more until {} →</text>",
            thousands(shown.later),
            clock(shown.last)
        );
    }
}

/// A round time that goes into a longer one about four times.
fn round_step(length: f64) -> f64 {
    const SECONDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0];
    const LONGER: &[f64] = &[60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0];
    let parts = (-4..0).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power)));
    let steps = parts.chain(SECONDS.iter().chain(LONGER).copied());
    let days = (1..).map(|days| f64::from(days) * 86_400.0);
    steps.chain(days).find(|step| length / step <= 5.0).unwrap_or(length)
}

/// Round times between two others, at most six.
fn ticks(shortest: f64, longest: f64) -> Vec<f64> {
    let steps: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let of = |steps: &[f64]| -> Vec<f64> {
        (-5..4)
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|tick| (shortest..=longest).contains(tick))
            .collect()
    };
    steps.iter().map(|steps| of(steps)).find(|ticks| ticks.len() <= 6).unwrap_or_default()
}

/// `7.5`, `412`, `5.9k`, `1.2M`: a number for an axis.
fn short_number(number: f64) -> String {
    match number {
        ..10.0 => format!("{number:.1}"),
        ..1e3 => format!("{number:.0}"),
        ..1e6 => format!("{:.1}k", number / 1e3),
        _ => format!("{:.1}M", number / 1e6),
    }
}

/// `50 ms`, `2 s`: a round time.
fn short_time(seconds: f64) -> String {
    match seconds {
        ..0.9999 => format!("{} ms", (seconds * 1e4).round() / 10.0),
        _ => format!("{} s", (seconds * 10.0).round() / 10.0),
    }
}

/// `0 s`, `20 ms`, `1.5 s`, `2:05`, `1:02:05`: a time from the start.
pub(crate) fn clock(seconds: f64) -> String {
    if seconds > 0.0 && seconds < 0.0995 {
        return short_time(seconds);
    }
    if seconds < 60.0 {
        return format!("{} s", (seconds * 100.0).round() / 100.0);
    }
    let whole = seconds.round() as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02} min"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02} h"),
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

/// A share of all, which is all only if nothing is missing.
fn share_text(percent: f64) -> String {
    match percent {
        99.0..100.0 => format!("{:.1} %", (percent * 10.0).floor() / 10.0),
        _ => percent_text(percent),
    }
}

fn percent_text(percent: f64) -> String {
    match percent {
        0.0 => "0 %".to_owned(),
        ..0.1 => "< 0.1 %".to_owned(),
        ..10.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}
