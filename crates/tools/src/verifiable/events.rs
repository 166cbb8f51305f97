//! Lines of JSON, with the fields in Kafka's order.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::leaders::TopicPartition;
use crate::client::records::Fetched;

/// One event: its time and name, then what it is about.
pub struct Event(String);

impl Event {
    /// An event of now.
    pub fn new(name: &str) -> Self {
        Event(format!("{{\"timestamp\":{},\"name\":{}", now_ms(), quoted(name)))
    }

    /// A field that is a text; null without one.
    pub fn text(self, name: &str, value: Option<&str>) -> Self {
        let value = value.map_or_else(|| "null".to_owned(), quoted);
        self.raw(name, &value)
    }

    /// A field that is a number.
    pub fn number(self, name: &str, value: i64) -> Self {
        self.raw(name, &value.to_string())
    }

    /// A field that is JSON already.
    pub fn raw(mut self, name: &str, json: &str) -> Self {
        self.0 += &format!(",{}:{json}", quoted(name));
        self
    }

    /// The line.
    pub fn line(self) -> String {
        self.0 + "}"
    }
}

/// Partitions as a list of JSON.
pub fn partitions<'a>(all: impl IntoIterator<Item = &'a TopicPartition>) -> String {
    list(
        all.into_iter()
            .map(|(topic, index)| format!("{{\"topic\":{},\"partition\":{index}}}", quoted(topic))),
    )
}

/// A list of JSON.
pub fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A text in JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A record, whole.
pub fn record_data(record: &Fetched) -> String {
    let text = |bytes: &Option<Vec<u8>>| {
        let bytes = bytes.as_ref()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    Event::new("record_data")
        .text("key", text(&record.key).as_deref())
        .text("value", text(&record.value).as_deref())
        .text("topic", Some(&record.topic))
        .number("partition", i64::from(record.partition))
        .number("offset", record.offset)
        .line()
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_in_their_order() {
        let event = Event::new("a\"b")
            .text("key", None)
            .text("value", Some("ö\n"))
            .number("offset", -1);
        let line = event
            .raw("partitions", &partitions(&[("t".to_owned(), 3)]))
            .line();
        let (time, rest) = line.split_once(',').unwrap();
        assert!(
            time.strip_prefix("{\"timestamp\":")
                .unwrap()
                .parse::<i64>()
                .unwrap()
                > 0
        );
        assert_eq!(
            rest,
            "\"name\":\"a\\\"b\",\"key\":null,\"value\":\"ö\\n\",\"offset\":-1,\"partitions\":[{\"topic\":\"t\",\"partition\":3}]}"
        );
    }
}
