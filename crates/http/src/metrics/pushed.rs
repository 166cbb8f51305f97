//! What clients have pushed, beside the node's own: a family for each of their metrics.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::page::{Format, Page, escape};
use super::table;
use crate::telemetry::PushedMetrics;

/// How many clients push, and how often.
pub fn look(page: &mut Page, pushed: &PushedMetrics) {
    let (known, taken, unreadable) = pushed.counts();
    page.count(&table::TELEMETRY_INSTANCES, &[], known as u64);
    page.count(&table::TELEMETRY_PUSHES, &[], taken);
    page.count(&table::TELEMETRY_ERRORS, &[], unreadable);
}

/// Their metrics, written. A name is of the kind that the first client says.
pub fn write(text: &mut String, pushed: &PushedMetrics, format: Format) {
    let mut families: BTreeMap<String, (bool, String)> = BTreeMap::new();
    pushed.each(|pushed| {
        let client = &pushed.client;
        let of_client = [
            ("client_id", &client.client_id),
            ("client_instance_id", &client.instance_id),
            ("client_software_name", &client.software_name),
            ("client_software_version", &client.software_version),
        ];
        for (key, value) in &pushed.values {
            let (_, lines) = families
                .entry(key.name.clone())
                .or_insert((key.is_counter, String::new()));
            lines.push_str(&key.name);
            let attributes = key.labels.iter().map(|(name, value)| (name.as_str(), value));
            for (place, (name, value)) in of_client.into_iter().chain(attributes).enumerate() {
                let _ = write!(lines, "{}{name}=\"", if place == 0 { '{' } else { ',' });
                escape(lines, value);
                lines.push('"');
            }
            let _ = writeln!(lines, "}} {value}");
        }
    });
    for (name, (is_counter, lines)) in families {
        let (family, kind) = match (format, is_counter) {
            (Format::OpenMetrics, true) => (name.trim_end_matches("_total"), "counter"),
            (_, true) => (name.as_str(), "counter"),
            (_, false) => (name.as_str(), "gauge"),
        };
        let _ = writeln!(text, "# HELP {family} Pushed by clients (KIP-714).");
        let _ = writeln!(text, "# TYPE {family} {kind}\n{}", lines.trim_end());
    }
}
