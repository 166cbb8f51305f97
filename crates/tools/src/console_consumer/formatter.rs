//! How records are shown.

use barnabas_protocol::records::TimestampType;
use uuid::Uuid;

use crate::arguments::Options;
use crate::client::Properties;
use crate::client::records::Fetched;
use crate::failure::{Outcome, usage};
use crate::java;

const DEFAULT: &str = "org.apache.kafka.tools.consumer.DefaultMessageFormatter";
const NO_OP: &str = "org.apache.kafka.tools.consumer.NoOpMessageFormatter";
const SERIALIZATION: &str = "org.apache.kafka.common.serialization.";

/// How records are shown: Kafka's `DefaultMessageFormatter`, or not at all.
pub struct Formatter {
    is_silent: bool,
    timestamp: bool,
    partition: bool,
    offset: bool,
    delivery: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    key_separator: String,
    line_separator: String,
    headers_separator: String,
    null_literal: String,
    key_deserializer: Option<Deserializer>,
    value_deserializer: Option<Deserializer>,
    headers_deserializer: Option<Deserializer>,
}

/// How bytes are read before they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deserializer {
    Text,
    Short,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Uuid,
}

impl Deserializer {
    fn named(class: &str) -> Option<Self> {
        Some(match class.strip_prefix(SERIALIZATION)? {
            "StringDeserializer" => Deserializer::Text,
            "ShortDeserializer" => Deserializer::Short,
            "IntegerDeserializer" => Deserializer::Integer,
            "LongDeserializer" => Deserializer::Long,
            "FloatDeserializer" => Deserializer::Float,
            "DoubleDeserializer" => Deserializer::Double,
            "BooleanDeserializer" => Deserializer::Boolean,
            "UUIDDeserializer" => Deserializer::Uuid,
            _ => return None,
        })
    }

    /// The text that the bytes stand for.
    fn read(self, bytes: &[u8]) -> Result<String, String> {
        fn fixed<const N: usize>(kind: &str, bytes: &[u8]) -> Result<[u8; N], String> {
            bytes
                .try_into()
                .map_err(|_| format!("Size of data received by {kind} is not {N}"))
        }
        Ok(match self {
            Deserializer::Text => String::from_utf8_lossy(bytes).into_owned(),
            Deserializer::Short => i16::from_be_bytes(fixed("ShortDeserializer", bytes)?).to_string(),
            Deserializer::Integer => i32::from_be_bytes(fixed("IntegerDeserializer", bytes)?).to_string(),
            Deserializer::Long => i64::from_be_bytes(fixed("LongDeserializer", bytes)?).to_string(),
            Deserializer::Float => java::float(f32::from_be_bytes(fixed("Deserializer", bytes)?)),
            Deserializer::Double => java::double(f64::from_be_bytes(fixed("Deserializer", bytes)?)),
            Deserializer::Boolean => match fixed::<1>("BooleanDeserializer", bytes)? {
                [0] => "false".to_owned(),
                [1] => "true".to_owned(),
                [other] => {
                    return Err(format!(
                        "Unexpected byte received by BooleanDeserializer: {other}"
                    ));
                }
            },
            Deserializer::Uuid => {
                let text = String::from_utf8_lossy(bytes);
                let id = Uuid::parse_str(&text).map_err(|_| "Error parsing data into UUID".to_owned())?;
                id.to_string()
            }
        })
    }
}

impl Formatter {
    /// The formatter that the arguments ask for.
    ///
    /// # Errors
    /// There is no such formatter here.
    pub fn of(options: &Options, properties: Properties) -> Outcome<Formatter> {
        let class = options.value("formatter")?.unwrap_or(DEFAULT);
        if class != DEFAULT && class != NO_OP {
            return usage(format!(
                "{class}: there is no such formatter here, only {DEFAULT} and {NO_OP}"
            ));
        }
        let is = |name: &str| {
            properties
                .get(name)
                .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        };
        let text =
            |name: &str, default: &str| properties.get(name).map_or(default, String::as_str).to_owned();
        let deserializer = |name: &str| {
            let class = properties.get(name)?;
            let found = Deserializer::named(class);
            let is_bytes = class
                .strip_prefix(SERIALIZATION)
                .is_some_and(|name| name.starts_with("Byte"));
            if found.is_none() && !is_bytes {
                // As Kafka's tool, which goes on without.
                eprintln!("{class}: there is no such deserializer here");
            }
            found
        };
        Ok(Formatter {
            is_silent: class == NO_OP,
            timestamp: is("print.timestamp"),
            partition: is("print.partition"),
            offset: is("print.offset"),
            delivery: is("print.delivery"),
            epoch: is("print.epoch"),
            headers: is("print.headers"),
            key: is("print.key"),
            value: !properties.contains_key("print.value") || is("print.value"),
            key_separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
            key_deserializer: deserializer("key.deserializer"),
            value_deserializer: deserializer("value.deserializer"),
            headers_deserializer: deserializer("headers.deserializer"),
        })
    }

    /// Adds a record to `out`.
    ///
    /// # Errors
    /// Its bytes are not what they should be.
    pub fn write(&self, record: &Fetched, out: &mut Vec<u8>) -> Result<(), String> {
        if self.is_silent {
            return Ok(());
        }
        let columns = [
            self.timestamp,
            self.partition,
            self.offset,
            self.delivery,
            self.epoch,
            self.headers,
            self.key,
            self.value,
        ];
        for (index, _) in columns.iter().enumerate().filter(|(_, is_shown)| **is_shown) {
            self.write_column(index, record, out)?;
            let has_next = columns[index + 1..].contains(&true);
            // A record's last column, were it not the value, ends the line, too.
            let separator = if has_next {
                &self.key_separator
            } else {
                &self.line_separator
            };
            out.extend_from_slice(separator.as_bytes());
        }
        Ok(())
    }

    fn write_column(&self, index: usize, record: &Fetched, out: &mut Vec<u8>) -> Result<(), String> {
        match index {
            0 => {
                let kind = match record.timestamp_type {
                    TimestampType::CreateTime => "CreateTime",
                    TimestampType::LogAppendTime => "LogAppendTime",
                };
                out.extend_from_slice(format!("{kind}:{}", record.timestamp).as_bytes());
            }
            1 => out.extend_from_slice(format!("Partition:{}", record.partition).as_bytes()),
            2 => out.extend_from_slice(format!("Offset:{}", record.offset).as_bytes()),
            3 => match record.deliveries {
                Some(count) => out.extend_from_slice(format!("Delivery:{count}").as_bytes()),
                None => out.extend_from_slice(b"Delivery:NOT_PRESENT"),
            },
            4 => out.extend_from_slice(b"Epoch:NOT_PRESENT"),
            5 => self.write_headers(record, out)?,
            6 => self.write_bytes(self.key_deserializer, record.key.as_deref(), out)?,
            _ => self.write_bytes(self.value_deserializer, record.value.as_deref(), out)?,
        }
        Ok(())
    }

    fn write_headers(&self, record: &Fetched, out: &mut Vec<u8>) -> Result<(), String> {
        if record.headers.is_empty() {
            out.extend_from_slice(b"NO_HEADERS");
        }
        for (index, (key, value)) in record.headers.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(self.headers_separator.as_bytes());
            }
            out.extend_from_slice(key);
            out.push(b':');
            self.write_bytes(self.headers_deserializer, value.as_deref(), out)?;
        }
        Ok(())
    }

    fn write_bytes(
        &self,
        deserializer: Option<Deserializer>,
        bytes: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let bytes = bytes.unwrap_or(self.null_literal.as_bytes());
        match deserializer {
            Some(deserializer) => out.extend_from_slice(deserializer.read(bytes)?.as_bytes()),
            None => out.extend_from_slice(bytes),
        }
        Ok(())
    }
}
