//! The charts of a report, as SVG that is as wide as its place: lengths across are percentages, so that text keeps its
//! size on a phone.

use std::fmt::Write as _;

use crate::aggregates::{Distribution, Moment, PHASES, Timeline, Tone};
use crate::visible::{thousands, time};

/// Pixels from the top of a chart to its base line, and to its end with the labels below.
const BASE: f64 = 150.0;
const HEIGHT: f64 = 172.0;

/// Room at the top, for the labels of marks.
const TOP: f64 = 22.0;

/// One bar in one piece and its legend: the colours of the parts, their names, and how many there are of each.
pub(crate) fn shares(parts: &[(&str, &str, u64)], label: &str) -> String {
    let total: u64 = parts.iter().map(|(.., count)| count).sum();
    if total == 0 {
        return String::new();
    }
    let mut svg = format!("<svg class=\"bar\" role=\"img\" aria-label=\"{label}\" height=\"14\">");
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

/// How many answers took how long, on a logarithmic scale.
pub(crate) fn distribution(distribution: &Distribution, marks: &[(&str, f64)]) -> String {
    let buckets = distribution.buckets();
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else {
        return note("There was no answer.");
    };
    // A single bucket would fill the chart: some room at both sides.
    let (shortest, longest) = (first.0 / 1.26, last.1 * 1.26);
    let across = |seconds: f64| 100.0 * (seconds / shortest).ln() / (longest / shortest).ln();
    let most = buckets.iter().map(|(.., count)| *count).max().unwrap_or(1).max(1);
    let mut svg = open("Distribution of response times");
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
    beside_axis(&[(TOP, thousands(most)), (BASE, "0".to_owned())], &svg)
}

/// Records over time, accepted below and the others on top.
pub(crate) fn records_over_time(timeline: &Timeline) -> String {
    let moments = timeline.moments();
    let most = moments.iter().map(|moment| moment.accepted + moment.rest).max().unwrap_or(0);
    if moments.len() < 2 {
        return note("All of them came at once.");
    }
    let mut svg = open("Records over time, accepted and not");
    let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{TOP}\" y2=\"{TOP}\"/>");
    for (left, width, moment) in columns(&moments) {
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
            BASE - good - bad,
        );
    }
    base_line(&mut svg);
    time_labels(&mut svg, timeline, moments.len());
    let most_a_second = short_number(most as f64 / timeline.width());
    beside_axis(&[(TOP, format!("{most_a_second}/s")), (BASE, "0".to_owned())], &svg)
}

/// Response times over time: from the median to the 95th percentile, on a logarithmic scale.
pub(crate) fn times_over_time(timeline: &Timeline) -> String {
    let moments = timeline.moments();
    let medians = moments.iter().filter_map(|moment| moment.median);
    let p95s = moments.iter().filter_map(|moment| moment.p95);
    let shortest = medians.fold(f64::INFINITY, f64::min) / 1.3;
    let longest = p95s.fold(0.0, f64::max) * 1.3;
    if longest <= 0.0 {
        return note("There was no answer.");
    }
    if moments.len() < 2 {
        return note("All of them came at once.");
    }
    let down = |seconds: f64| {
        TOP + (BASE - TOP) * (1.0 - (seconds / shortest).ln() / (longest / shortest).ln()).clamp(0.0, 1.0)
    };
    let mut svg = open("Response times over time, median and 95th percentile");
    let labels: Vec<_> =
        ticks(shortest, longest).into_iter().map(|tick| (down(tick), short_time(tick))).collect();
    for (y, _) in &labels {
        let _ = write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    }
    for (left, width, moment) in columns(&moments) {
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
    time_labels(&mut svg, timeline, moments.len());
    beside_axis(&labels, &svg)
}

/// What an answer's time is made of.
pub(crate) fn phases(seconds: &[f64; 5]) -> String {
    let total: f64 = seconds.iter().sum();
    if total <= 0.0 {
        return note("There was no such answer.");
    }
    let mut svg =
        "<svg class=\"bar\" role=\"img\" aria-label=\"Shares of the phases\" height=\"14\">".to_owned();
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
    svg + "</svg>" + &legend + "</ul>"
}

/// What the records ended in, a bar for each.
pub(crate) fn ends(ends: &[(String, Tone, u64)]) -> String {
    /// Kinds that have a bar of their own.
    const SHOWN: usize = 12;
    const ROW: f64 = 25.0;
    let most = ends.iter().map(|(.., count)| *count).max().unwrap_or(0);
    let rows = ends.len().min(SHOWN);
    let height = rows as f64 * ROW;
    let mut svg = format!("<svg role=\"img\" aria-label=\"Records by how they ended\" height=\"{height}\">");
    for (row, (end, tone, count)) in ends.iter().take(SHOWN).enumerate() {
        let middle = (row as f64 + 0.5) * ROW;
        let width = percent(*count as f64, most as f64).max(0.5) * 0.42;
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{:.1}\">{end}</text>\
             <rect class=\"f-{}\" x=\"43%\" y=\"{:.1}\" width=\"{width:.3}%\" height=\"10\" rx=\"2\"/>\
             <text class=\"strong\" x=\"100%\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            middle + 4.0,
            tone.class(),
            middle - 5.0,
            middle + 4.0,
            thousands(*count),
        );
    }
    let rest: u64 = ends.iter().skip(SHOWN).map(|(.., count)| count).sum();
    let rest = match rest {
        0 => String::new(),
        _ => format!("<p class=\"note\">and {} in {} further kinds</p>", thousands(rest), ends.len() - SHOWN),
    };
    svg + "</svg>" + &rest
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

/// What stands where there is nothing to draw.
fn note(text: &str) -> String {
    format!("<p class=\"note\">{text}</p>")
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

fn time_labels(svg: &mut String, timeline: &Timeline, moments: usize) {
    let length = timeline.width() * moments.max(12) as f64;
    let step = round_step(length);
    let labels = (0..).map(|number| f64::from(number) * step).take_while(|seconds| *seconds <= length);
    for seconds in labels {
        label_below(svg, 100.0 * seconds / length, &clock(seconds));
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
