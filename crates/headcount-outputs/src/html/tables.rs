//! The small tables of a report: the hosts that did worst, and the certificates that run out soon.

use std::io::{self, Write};

use super::RECORDS_FOR_A_PACE;
use super::ends::breakable;
use super::page::link_to_rows;
use crate::aggregates::{Certificates, HostRow, Hosts, SOON};
use crate::visible::{cut, escaped, thousands, time};

const HOSTS_NAMED: usize = 10;

pub(super) fn write_hosts(page: impl Write, hosts: &Hosts) -> io::Result<()> {
    let rows = hosts.worst_and_slowest(HOSTS_NAMED);
    let (heading, note) = match rows.first() {
        None => return Ok(()),
        Some(host) if host.not_accepted > 0 => {
            ("Worst hosts", "Those with the most records not accepted, then the slowest.")
        }
        Some(_) => ("Slowest hosts", "All that they were asked for was accepted."),
    };
    let approximate = match hosts.is_approximate() {
        true => {
            " There were too many hosts to count them all; one that failed or was slow late may be counted in part."
        }
        false => "",
    };
    let heads = [
        ("Host", "text"),
        ("Not accepted", "share"),
        ("Records", "num"),
        ("Mostly", ""),
        ("Median", "num"),
        ("Records a second", "num"),
    ];
    // "3 of 13" says how many there were.
    let have_shares = rows.iter().any(|host| host.not_accepted > 0);
    let rows = rows.iter().map(|host| host_cells(host, have_shares)).collect();
    Table { heading, note: &format!("{note}{approximate}"), heads, rows }.write(page)
}

fn host_cells(host: &HostRow, has_share: bool) -> [String; 6] {
    let HostRow { name, records, not_accepted, reason, median, pace } = host;
    let group = if *not_accepted > 0 { "not accepted" } else { "" };
    let pace = pace.filter(|_| *records >= RECORDS_FOR_A_PACE);
    [
        format!("<a href=\"{}\">{}</a>", link_to_rows(group, &format!("//{name}/")), escaped(name)),
        if has_share { share(*not_accepted, *records) } else { String::new() },
        if has_share { String::new() } else { thousands(*records) },
        breakable(&escaped(reason)),
        median.map_or_else(String::new, time),
        pace.map_or_else(String::new, |pace| format!("{pace:.1}")),
    ]
}

/// How many of how many, in figures and as a bar.
fn share(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    format!(
        "<svg aria-hidden=\"true\" height=\"10\"><rect class=\"f-empty\" width=\"100%\" height=\"10\" rx=\"2\"/>\
         <rect class=\"f-bad\" width=\"{percent:.3}%\" height=\"10\" rx=\"2\"/></svg> <b>{}</b> of {}",
        thousands(part),
        thousands(whole)
    )
}

pub(super) fn write_certificates(page: impl Write, certificates: &Certificates) -> io::Result<()> {
    let soonest = certificates.soonest();
    if soonest.len() == 0 {
        return Ok(());
    }
    let rows = soonest.map(|(until, host, days, issuer)| {
        let days = if days < SOON / 2 { format!("<b class=\"bad\">{days}</b>") } else { days.to_string() };
        let until = until.strftime("%Y-%m-%d").to_string();
        [escaped(host), until, days, escaped(&cut(issuer, 100))]
    });
    let note = format!("Those that run out first, and in less than {SOON} days.");
    let heads = [("Host", "text"), ("Valid until", "num"), ("Days left", "num"), ("Signed by", "text")];
    Table { heading: "Certificates that run out soon", note: &note, heads, rows: rows.collect() }.write(page)
}

/// A small table of the page: its heads with the classes of their columns, and cells that are markup already.
struct Table<'a, const WIDTH: usize> {
    heading: &'a str,
    note: &'a str,
    heads: [(&'a str, &'a str); WIDTH],
    rows: Vec<[String; WIDTH]>,
}

impl<const WIDTH: usize> Table<'_, WIDTH> {
    /// Writes it without the columns in which there is nothing.
    fn write(&self, mut page: impl Write) -> io::Result<()> {
        let Table { heading, note, heads, rows } = self;
        let filled: Vec<_> =
            (0..WIDTH).filter(|place| rows.iter().any(|row| !row[*place].is_empty())).collect();
        write!(
            page,
            "<section class=\"panel\"><h2>{heading}</h2><p class=\"note\">{note}</p>\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{heading}\"><table class=\"facts\"><thead><tr>"
        )?;
        for place in &filled {
            let (head, class) = heads[*place];
            write!(page, "<th scope=\"col\" class=\"{class}\">{head}</th>")?;
        }
        writeln!(page, "</tr></thead><tbody>")?;
        for row in rows {
            write!(page, "<tr>")?;
            for place in &filled {
                let (head, class) = heads[*place];
                write!(page, "<td class=\"{class}\" data-label=\"{head}\">{}</td>", row[*place])?;
            }
            writeln!(page, "</tr>")?;
        }
        writeln!(page, "</tbody></table></div></section>")
    }
}
