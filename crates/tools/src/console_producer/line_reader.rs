//! From a line to a record: Kafka's `LineMessageReader`.

use regex::Regex;

use crate::client::Properties;
use crate::client::new_record::NewRecord;
use crate::failure::{Failure, Outcome, said};

/// How lines are read.
#[derive(Debug)]
pub struct LineReader {
    /// The topic that all lines go to.
    pub topic: String,
    parse_key: bool,
    parse_headers: bool,
    ignore_error: bool,
    key_separator: String,
    headers_delimiter: String,
    headers_separator: String,
    headers_pattern: Regex,
    headers_key_separator: String,
    null_marker: Option<String>,
}

impl LineReader {
    /// A reader with these properties.
    ///
    /// # Errors
    /// Two separators are the same.
    pub fn of(topic: String, properties: &Properties) -> Outcome<LineReader> {
        let is = |name: &str| {
            properties
                .get(name)
                .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        };
        let text =
            |name: &str, default: &str| properties.get(name).map_or(default, String::as_str).to_owned();
        let headers_separator = text("headers.separator", ",");
        let pattern = Regex::new(&headers_separator).map_err(|error| Failure::Said(error.to_string()))?;
        let reader = LineReader {
            topic,
            parse_key: is("parse.key"),
            parse_headers: is("parse.headers"),
            ignore_error: is("ignore.error"),
            key_separator: text("key.separator", "\t"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator,
            headers_pattern: pattern,
            headers_key_separator: text("headers.key.separator", ":"),
            null_marker: properties.get("null.marker").cloned(),
        };
        reader.check()?;
        Ok(reader)
    }

    fn check(&self) -> Outcome {
        let delimiter = ("headers.delimiter", Some(&self.headers_delimiter));
        let separator = ("headers.separator", Some(&self.headers_separator));
        let of_key = ("headers.key.separator", Some(&self.headers_key_separator));
        let marker = ("null.marker", self.null_marker.as_ref());
        let key = ("key.separator", Some(&self.key_separator));
        let pairs = [
            (delimiter, separator),
            (delimiter, of_key),
            (separator, of_key),
            (marker, key),
            (marker, separator),
            (marker, delimiter),
            (marker, of_key),
        ];
        match pairs.iter().find(|(a, b)| a.1.is_some() && a.1 == b.1) {
            Some((a, b)) => said(format!(
                "org.apache.kafka.common.KafkaException: {} and {} may not be equal",
                a.0, b.0
            )),
            None => Ok(()),
        }
    }

    /// The record of the line with this number, without its timestamp.
    ///
    /// # Errors
    /// The line lacks a separator.
    pub fn read(&self, line: &str, number: usize) -> Outcome<NewRecord> {
        let (headers, rest) = self.cut(
            self.parse_headers,
            line,
            line,
            &self.headers_delimiter,
            "headers delimiter",
            number,
        )?;
        let (key, value) = self.cut(
            self.parse_key,
            line,
            rest,
            &self.key_separator,
            "key separator",
            number,
        )?;
        let bytes = |text: &str| (!self.is_null(text)).then(|| text.as_bytes().to_vec());
        Ok(NewRecord {
            key: key.and_then(bytes),
            value: bytes(value),
            headers: match headers.filter(|headers| !self.is_null(headers)) {
                Some(headers) => self.headers(headers, number)?,
                None => Vec::new(),
            },
            timestamp: 0,
        })
    }

    fn is_null(&self, text: &str) -> bool {
        self.null_marker.as_deref() == Some(text)
    }

    fn cut<'l>(
        &self,
        is_wanted: bool,
        line: &str,
        rest: &'l str,
        separator: &str,
        name: &str,
        number: usize,
    ) -> Outcome<(Option<&'l str>, &'l str)> {
        if !is_wanted {
            return Ok((None, rest));
        }
        match rest.split_once(separator) {
            Some((before, after)) => Ok((Some(before), after)),
            None if self.ignore_error => Ok((None, rest)),
            None => said(format!(
                "org.apache.kafka.common.KafkaException: No {name} found on line number {number}: '{line}'"
            )),
        }
    }

    fn headers(&self, headers: &str, number: usize) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
        let mut pairs: Vec<&str> = self.headers_pattern.split(headers).collect();
        // As Java splits: nothing behind the last that is something.
        while pairs.len() > 1 && pairs.last().is_some_and(|last| last.is_empty()) {
            pairs.pop();
        }
        let header = |pair: &str| match pair.split_once(&self.headers_key_separator) {
            None if self.ignore_error => Ok((pair.to_owned(), None)),
            None => said(format!(
                "org.apache.kafka.common.KafkaException: No header key separator found in pair '{pair}' on line \
                 number {number}"
            )),
            Some((key, _)) if self.is_null(key) => said(format!(
                "org.apache.kafka.common.KafkaException: Header keys should not be equal to the null marker '{key}' \
                 as they can't be null"
            )),
            Some((key, value)) => {
                let value = (!self.is_null(value)).then(|| value.as_bytes().to_vec());
                Ok((key.to_owned(), value))
            }
        };
        pairs.into_iter().map(header).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::key_values;

    fn shown(properties: &[&str], line: &str) -> String {
        let reader = match LineReader::of("t".to_owned(), &key_values(properties)) {
            Ok(reader) => reader,
            Err(failure) => return failure.message(),
        };
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map_or("-".to_owned(), |bytes| {
                String::from_utf8_lossy(bytes).into_owned()
            })
        };
        match reader.read(line, 1) {
            Ok(record) => {
                let headers: Vec<String> = record
                    .headers
                    .iter()
                    .map(|(key, value)| format!("{key}={}", text(value)))
                    .collect();
                format!(
                    "{}|{}|{}",
                    headers.join(" "),
                    text(&record.key),
                    text(&record.value)
                )
            }
            Err(failure) => failure.message(),
        }
    }

    #[test]
    fn lines_are_cut_as_kafkas_reader_does() {
        for (properties, line, expected) in [
            (&[][..], "a\tb", "|-|a\tb"),
            (&["parse.key=true"], "a\tb\tc", "|a|b\tc"),
            (&["parse.key=TRUE", "key.separator=:"], "a:", "|a|"),
            (&["parse.key=true", "ignore.error=true"], "a", "|-|a"),
            (&["parse.key=true", "null.marker=N"], "N\tN", "|-|-"),
            (&["parse.headers=true"], "h:1,i:\tv", "h=1 i=|-|v"),
            (&["parse.headers=true", "parse.key=true"], "h:1\tk\tv", "h=1|k|v"),
            (&["parse.headers=true", "null.marker=N"], "N\tv", "|-|v"),
            (&["parse.headers=true", "null.marker=N"], "h:N\tv", "h=-|-|v"),
        ] {
            assert_eq!(shown(properties, line), expected, "{properties:?} {line}");
        }
        for (properties, line, expected) in [
            (
                &["parse.key=true"][..],
                "a",
                "No key separator found on line number 1: 'a'",
            ),
            (
                &["parse.headers=true"],
                "a",
                "No headers delimiter found on line number 1: 'a'",
            ),
            (
                &["parse.headers=true"],
                "h\tv",
                "No header key separator found in pair 'h' on line number 1",
            ),
            (
                &["headers.separator=:"],
                "",
                "headers.separator and headers.key.separator may not be equal",
            ),
            (
                &["null.marker=,"],
                "",
                "null.marker and headers.separator may not be equal",
            ),
        ] {
            assert_eq!(
                shown(properties, line),
                format!("org.apache.kafka.common.KafkaException: {expected}")
            );
        }
    }
}
