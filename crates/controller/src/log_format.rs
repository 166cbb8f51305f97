//! How a line of the log looks: for people, for programs (JSON), or as Apache Kafka's, for whoever has
//! patterns for those.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The format of the log's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object on each line: `timestamp`, `level`, `target`, `message` and the fields.
    Json,
    /// `[2026-11-30 06:16:48,123] INFO message (class)`, as Apache Kafka's default.
    Kafka,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "kafka" => Ok(Self::Kafka),
            other => Err(format!("{other} is not valid: give text, json or kafka")),
        }
    }
}

impl LogFormat {
    /// One line of the log, with its end, beside those that are logged: level INFO, now. `Text` is the bare
    /// message.
    pub fn line(self, target: &str, message: &str) -> String {
        match self {
            Self::Text => format!("{message}\n"),
            Self::Json => {
                let mut fields = Map::new();
                fields.insert("message".to_owned(), message.into());
                json_line(Level::INFO, target, fields)
            }
            Self::Kafka => format!("[{}] INFO {message} ({target})\n", kafka_time(&now())),
        }
    }
}

/// Formats what is logged.
pub struct Lines {
    format: LogFormat,
    text: Format,
}

impl Lines {
    /// In this format.
    pub fn new(format: LogFormat) -> Self {
        let text = Format::default();
        Self { format, text }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        match self.format {
            LogFormat::Text => self.text.format_event(context, writer, event),
            LogFormat::Kafka => {
                write!(
                    writer,
                    "[{}] {} ",
                    kafka_time(&now()),
                    kafka_level(*metadata.level())
                )?;
                context.format_fields(writer.by_ref(), event)?;
                for span in context.event_scope().into_iter().flatten() {
                    let extensions = span.extensions();
                    if let Some(fields) = extensions.get::<FormattedFields<N>>().filter(|f| !f.is_empty()) {
                        write!(writer, " {fields}")?;
                    }
                }
                writeln!(writer, " ({})", metadata.target().replace("::", "."))
            }
            LogFormat::Json => {
                let mut fields = Fields(Map::new());
                event.record(&mut fields);
                write!(
                    writer,
                    "{}",
                    json_line(*metadata.level(), metadata.target(), fields.0)
                )
            }
        }
    }
}

fn json_line(level: Level, target: &str, mut fields: Map<String, Value>) -> String {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), now().into());
    object.insert("level".to_owned(), level.as_str().into());
    object.insert("target".to_owned(), target.into());
    object.append(&mut fields);
    format!("{}\n", Value::Object(object))
}

fn kafka_level(level: Level) -> &'static str {
    level.as_str()
}

/// UTC, `2026-11-30T06:16:48.123456Z`.
fn now() -> String {
    let mut text = String::new();
    // A string takes everything.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// `2026-11-30 06:16:48,123`, of [`now`]'s form.
fn kafka_time(time: &str) -> String {
    match (time.get(..10), time.get(11..19), time.get(20..23)) {
        (Some(day), Some(time), Some(ms)) => format!("{day} {time},{ms}"),
        _ => time.to_owned(),
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names() {
        for (word, format) in [
            ("text", LogFormat::Text),
            ("json", LogFormat::Json),
            ("kafka", LogFormat::Kafka),
        ] {
            assert_eq!(word.parse(), Ok(format));
        }
        assert_eq!(
            "JSON".parse::<LogFormat>().unwrap_err(),
            "JSON is not valid: give text, json or kafka"
        );
    }

    #[test]
    fn times_are_kafkas() {
        assert_eq!(
            kafka_time("2026-11-30T06:16:48.123456Z"),
            "2026-11-30 06:16:48,123"
        );
        assert_eq!(kafka_time("?"), "?");
        assert_eq!(now().len(), "2026-11-30T06:16:48.123456Z".len());
    }

    #[test]
    fn a_line_is_one_line_in_every_format() {
        assert_eq!(LogFormat::Text.line("a.B", "is \"up\""), "is \"up\"\n");
        let kafka = LogFormat::Kafka.line("a.B", "is \"up\"");
        assert!(
            kafka.starts_with('[') && kafka.ends_with("] INFO is \"up\" (a.B)\n"),
            "{kafka}"
        );
        let json = LogFormat::Json.line("a.B", "is \"up\"\n");
        let object: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&object["level"], &object["message"]),
            (&"INFO".into(), &"is \"up\"\n".into())
        );
        assert_eq!(json.lines().count(), 1);
    }
}
