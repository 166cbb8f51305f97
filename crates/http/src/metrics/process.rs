//! The process, by the names that Prometheus' own clients give.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::page::Page;
use super::table;

/// Linux counts processor time for programs in hundredths of a second, on all machines that this is built
/// for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the system says of the process; on a system without /proc little.
pub fn look(page: &mut Page) {
    page.count(&table::BUILD, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    let limit = getrlimit(Resource::Nofile).current;
    if let Some(limit) = limit {
        page.count(&table::MAX_FDS, &[], limit);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        page.count(&table::OPEN_FDS, &[], open.count() as u64);
    }
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else {
        return;
    };
    let Some(found) = Stat::parse(&stat) else { return };
    page.put(
        &table::CPU_SECONDS,
        &[],
        found.cpu_ticks as f64 / TICKS_PER_SECOND,
    );
    let resident = fs::read_to_string("/proc/self/status").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    if let Some(kibibytes) = resident {
        page.count(&table::RESIDENT_BYTES, &[], kibibytes * 1024);
    }
    let booted = fs::read_to_string("/proc/stat").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<f64>().ok()
    });
    if let Some(booted) = booted {
        page.put(
            &table::START_TIME,
            &[],
            booted + found.start_ticks as f64 / TICKS_PER_SECOND,
        );
    }
}

/// Fields of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
}

impl Stat {
    /// The name, which may have spaces, ends with the last parenthesis.
    fn parse(text: &str) -> Option<Stat> {
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Stat {
            cpu_ticks: number(11)? + number(12)?,
            start_ticks: number(19)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_anything() {
        let text = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 100 20 0 0 20 0 9 0 555 1000 77 18446744073709551615";
        let expected = Stat {
            cpu_ticks: 120,
            start_ticks: 555,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("7 (a"), None);
    }
}
