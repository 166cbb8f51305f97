//! Which records of a topic are shown: those that have a text, a header or a field, or meet a condition.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use barnabas_config::selector::{SelectedRecord, Selector};
use barnabas_tools::client::records::Fetched;
use serde_json::Value;

use super::asked::Asked;
use super::failure::Failure;

/// Fields of a value that conditions see.
const FIELDS_MAX: usize = 10_000;
/// How a condition names a field of the value.
const VALUE: &str = "value.";

/// What a record has to have in it.
#[derive(Debug)]
pub struct Filter {
    key: Option<String>,
    value: Option<String>,
    header: Option<(String, Option<String>)>,
    field: Option<(Vec<String>, String)>,
    condition: Option<Selector>,
}

impl Filter {
    /// `key` and `value`: texts in them. `header`: `name` or `name=text`. `field`: `path.to.it=value`.
    /// `where`: a condition of [`Selector`], in which `value.path.to.it` is a field of the JSON in the value.
    ///
    /// # Errors
    /// `field` has no `=`, or `where` is no condition.
    pub fn of(asked: &Asked) -> Result<Filter, Failure> {
        let owned = |name: &str| asked.text(name).map(str::to_owned);
        let header = asked.text("header").map(|text| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.to_owned(), None),
        });
        let field = match asked.text("field") {
            None => None,
            Some(text) => {
                let (path, value) = text
                    .split_once('=')
                    .ok_or_else(|| Failure::bad(format!("field={text}: path.to.field=value is expected")))?;
                let path = path.trim().trim_start_matches("$.").split('.');
                Some((path.map(str::to_owned).collect(), value.trim().to_owned()))
            }
        };
        let condition = match asked.text("where").map(Selector::parse) {
            None => None,
            Some(Ok(condition)) => Some(condition),
            Some(Err(error)) => return Err(Failure::bad(format!("where: {error}"))),
        };
        Ok(Filter {
            key: owned("key"),
            value: owned("value"),
            header,
            field,
            condition,
        })
    }

    /// Whether a record has it.
    pub fn takes(&self, record: &Fetched) -> bool {
        let has = |wanted: &Option<String>, bytes: Option<&Vec<u8>>| {
            wanted
                .as_ref()
                .is_none_or(|text| contains(bytes.map_or(&[], Vec::as_slice), text))
        };
        let header = self.header.as_ref().is_none_or(|(name, text)| {
            record.headers.iter().any(|(own, value)| {
                own == name.as_bytes()
                    && text
                        .as_ref()
                        .is_none_or(|text| contains(value.as_deref().unwrap_or_default(), text))
            })
        });
        has(&self.key, record.key.as_ref())
            && has(&self.value, record.value.as_ref())
            && header
            && self.field.as_ref().is_none_or(|(path, wanted)| {
                let json = record
                    .value
                    .as_deref()
                    .and_then(|value| serde_json::from_slice::<Value>(value).ok());
                json.is_some_and(|json| field(&json, path).is_some_and(|found| is(found, wanted)))
            })
            && self
                .condition
                .as_ref()
                .is_none_or(|condition| condition.selects(&Seen::of(record)))
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// What stands at a path; a number is a place in a list.
fn field<'v>(json: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(json, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

fn is(found: &Value, wanted: &str) -> bool {
    found.as_str() == Some(wanted)
        || serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| *found == wanted)
}

/// A record, as conditions see it.
struct Seen<'r> {
    record: &'r Fetched,
    /// Texts, numbers and truths in the value by their paths, once somebody asks for one.
    fields: OnceCell<BTreeMap<String, String>>,
}

impl<'r> Seen<'r> {
    fn of(record: &'r Fetched) -> Self {
        let fields = OnceCell::new();
        Seen { record, fields }
    }

    fn fields(&self) -> &BTreeMap<String, String> {
        self.fields.get_or_init(|| {
            let mut fields = BTreeMap::new();
            let value = self.record.value.as_deref().unwrap_or_default();
            if let Ok(json) = serde_json::from_slice::<Value>(value) {
                gather(&json, VALUE.trim_end_matches('.').to_owned(), &mut fields);
            }
            fields
        })
    }
}

fn gather(json: &Value, path: String, fields: &mut BTreeMap<String, String>) {
    if fields.len() >= FIELDS_MAX {
        return;
    }
    match json {
        Value::Null => {}
        Value::String(text) => drop(fields.insert(path, text.clone())),
        Value::Bool(_) | Value::Number(_) => drop(fields.insert(path, json.to_string())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, format!("{path}.{index}"), fields);
            }
        }
        Value::Object(items) => {
            for (name, item) in items {
                gather(item, format!("{path}.{name}"), fields);
            }
        }
    }
}

impl SelectedRecord for Seen<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.record.key.as_deref()
    }

    fn topic(&self) -> &str {
        &self.record.topic
    }

    fn timestamp(&self) -> i64 {
        self.record.timestamp
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        if name.starts_with(VALUE) {
            return self.fields().get(name).map(String::as_bytes);
        }
        let mut last_first = self.record.headers.iter().rev();
        let (_, value) = last_first.find(|(own, _)| own == name.as_bytes())?;
        value.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::records::TimestampType;

    use super::*;

    #[test]
    fn records_are_found_by_what_is_in_them() {
        let record = Fetched {
            topic: "t".to_owned(),
            partition: 0,
            offset: 0,
            timestamp: 0,
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: 0,
            key: Some(b"key-1".to_vec()),
            value: Some(br#"{"a":{"b":[1,"x"]},"c":null,"d":true}"#.to_vec()),
            headers: vec![(b"trace".to_vec(), Some(b"abc".to_vec()))],
            deliveries: None,
        };
        for (query, taken) in [
            ("", true),
            ("key=ey-", true),
            ("key=nope", false),
            ("value=%22x%22", true),
            ("header=trace", true),
            ("header=trace=b", true),
            ("header=trace=z", false),
            ("header=other", false),
            ("field=a.b.0=1", true),
            ("field=$.a.b.1=x", true),
            ("field=c=null", true),
            ("field=a.b.9=1", false),
            ("key=key&field=a=1", false),
            ("where=value.a.b.0 = 1 AND trace LIKE 'a%25'", true),
            ("where=value.a.b.1 = 'x' AND key <> 'key-2'", true),
            ("where=value.a.b.0 > 1", false),
            ("where=value.d = TRUE", true),
            ("where=value.c IS NULL AND value.missing IS NULL", true),
            ("where=NOT value.missing = 'x'", false),
            ("where=\"value.a\" IS NULL AND \"trace\" = 'abc'", true),
        ] {
            let filter = Filter::of(&Asked::of_query(query)).unwrap();
            assert_eq!(filter.takes(&record), taken, "{query}");
        }
        for query in ["field=a", "where=value.a ="] {
            assert!(Filter::of(&Asked::of_query(query)).is_err(), "{query}");
        }
    }
}
