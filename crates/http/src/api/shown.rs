//! Keys, values and headers as JSON: text where they are text, hexadecimal digits where they are not, and cut
//! where they are long. `decoding` adds what they say by a schema of the registry.

use std::fmt::Write as _;

use barnabas_protocol::records::TimestampType;
use barnabas_tools::client::records::Fetched;
use serde_json::{Value, json};

/// So much of a key, a value or a header's value is shown among others.
pub const CUT_BYTES: usize = 4 * 1024;
/// Headers of a record that are shown.
const HEADERS_MAX: usize = 100;
/// What Confluent's serializers write before the id of a schema.
const MAGIC: u8 = 0;

/// Bytes, at most `most` of them.
pub fn bytes(bytes: Option<&[u8]>, most: usize) -> Value {
    let Some(bytes) = bytes else {
        return Value::Null;
    };
    let mut shown = json!({ "bytes": bytes.len() });
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text(text) => {
            let part = cut(text, most);
            shown["text"] = part.into();
            if part.len() < text.len() {
                shown["cut"] = true.into();
            }
        }
        _ => {
            let part = &bytes[..bytes.len().min(most / 2)];
            shown["hex"] = hex(part).into();
            if part.len() < bytes.len() {
                shown["cut"] = true.into();
            }
        }
    }
    if let Some(id) = schema_id(bytes) {
        shown["schema"] = id.into();
    }
    shown
}

/// As much of a text as has at most so many bytes.
pub fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// A record.
pub fn record(record: &Fetched, most: usize) -> Value {
    let headers = record.headers.iter().take(HEADERS_MAX);
    let headers =
        headers.map(|(name, value)| json!([String::from_utf8_lossy(name), bytes(value.as_deref(), most)]));
    json!({
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": match record.timestamp_type {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        },
        "key": bytes(record.key.as_deref(), most),
        "value": bytes(record.value.as_deref(), most),
        "headers": headers.collect::<Vec<_>>(),
    })
}

/// The id of the schema that a value names in Confluent's form, if it looks like one.
pub fn schema_id(bytes: &[u8]) -> Option<i32> {
    let (magic, rest) = bytes.split_first()?;
    let id = rest.first_chunk::<4>().filter(|_| *magic == MAGIC)?;
    Some(i32::from_be_bytes(*id)).filter(|id| (1..1 << 24).contains(id))
}

fn is_text(text: &str) -> bool {
    text.chars()
        .all(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t'))
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_what_they_are() {
        for (given, most, expected) in [
            (None, 8, Value::Null),
            (Some(&b"abc"[..]), 8, json!({ "bytes": 3, "text": "abc" })),
            (
                Some("aäb".as_bytes()),
                2,
                json!({ "bytes": 4, "text": "a", "cut": true }),
            ),
            (Some(&b"\xff\x00"[..]), 8, json!({ "bytes": 2, "hex": "ff00" })),
            (Some(&b"\x1b[2J"[..]), 8, json!({ "bytes": 4, "hex": "1b5b324a" })),
            (
                Some(&b"\xff\xfe\xfd"[..]),
                4,
                json!({ "bytes": 3, "hex": "fffe", "cut": true }),
            ),
            (
                Some(&b"\0\0\0\0\x07\x02x"[..]),
                64,
                json!({ "bytes": 7, "hex": "00000000070278", "schema": 7 }),
            ),
        ] {
            assert_eq!(bytes(given, most), expected, "{given:?}");
        }
    }
}
