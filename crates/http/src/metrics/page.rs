//! Samples, and how they are written.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::table::{Kind, METRICS, Metric};

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What a client asks for by its Accept header.
    pub fn accepted(accept: Option<&str>) -> Format {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Format::OpenMetrics,
            _ => Format::Prometheus,
        }
    }

    /// The format, as a header names it.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Labels of a sample.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// All samples, by metric.
#[derive(Default)]
pub struct Page(BTreeMap<&'static str, String>);

impl Page {
    /// A value of a metric.
    pub fn put(&mut self, metric: &'static Metric, labels: Labels<'_>, value: f64) {
        self.line(metric, "", labels, value);
    }

    /// A whole number.
    pub fn count(&mut self, metric: &'static Metric, labels: Labels<'_>, value: u64) {
        self.put(metric, labels, value as f64);
    }

    /// One part of a summary: `_count`, `_sum`, or nothing for a quantile.
    pub fn line(&mut self, metric: &'static Metric, suffix: &str, labels: Labels<'_>, value: f64) {
        let lines = self.0.entry(metric.name).or_default();
        lines.push_str(metric.name);
        lines.push_str(suffix);
        for (place, (name, value)) in labels.iter().enumerate() {
            lines.push(if place == 0 { '{' } else { ',' });
            lines.push_str(name);
            lines.push_str("=\"");
            escape(lines, value);
            lines.push('"');
        }
        if !labels.is_empty() {
            lines.push('}');
        }
        // Whole numbers without an exponent, however large.
        let _ = writeln!(lines, " {value}");
    }

    /// The page: metrics in the order of the table, those without a sample left out.
    ///
    /// `more` writes families that no table has.
    pub fn write(&self, format: Format, more: impl FnOnce(&mut String)) -> String {
        let mut text = String::new();
        for metric in METRICS {
            let Some(lines) = self.0.get(metric.name) else {
                continue;
            };
            let family = match (format, metric.kind) {
                (Format::OpenMetrics, Kind::Counter) => metric.name.trim_end_matches("_total"),
                _ => metric.name,
            };
            let _ = writeln!(text, "# HELP {family} {}", metric.help);
            let _ = writeln!(text, "# TYPE {family} {}", metric.kind.name());
            text.push_str(lines);
        }
        more(&mut text);
        if format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

/// A label's value may be anything that a client has named a topic or a group.
pub fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::table;

    #[test]
    fn both_formats_are_written() {
        let mut page = Page::default();
        page.count(&table::TOPIC_BYTES_IN, &[], u64::from(u32::MAX) * 1000);
        page.count(&table::TOPIC_BYTES_IN, &[("topic", "a\"b\\c\nd")], 1);
        page.put(&table::OPEN_FDS, &[], 7.5);
        let expected = "# HELP kafka_server_brokertopicmetrics_bytesin_total Bytes of records that producers sent, in all and by topic.\n\
             # TYPE kafka_server_brokertopicmetrics_bytesin_total counter\n\
             kafka_server_brokertopicmetrics_bytesin_total 4294967295000\n\
             kafka_server_brokertopicmetrics_bytesin_total{topic=\"a\\\"b\\\\c\\nd\"} 1\n";
        let text = page.write(Format::Prometheus, |_| {});
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("process_open_fds 7.5\n"));
        let text = page.write(Format::OpenMetrics, |_| {});
        assert!(text.contains("# TYPE kafka_server_brokertopicmetrics_bytesin counter\n"));
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn who_asks_for_openmetrics_gets_it() {
        let accepted = |accept| Format::accepted(Some(accept));
        assert_eq!(
            accepted("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            Format::OpenMetrics
        );
        assert_eq!(accepted("text/plain"), Format::Prometheus);
        assert_eq!(Format::accepted(None), Format::Prometheus);
    }
}
