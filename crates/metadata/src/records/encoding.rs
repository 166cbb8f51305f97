//! How records are written and read: JSON, each under the name of its kind.
//!
//! ```text
//! {"Topic":{"name":"orders","topic_id":"…"}}
//! ```
//! A newer version may have written kinds and fields that this one doesn't know. Neither takes away what
//! stands beside it: the record or the field is passed over with a warning, and written again when the record
//! is, so that the newer version finds it.

use serde::Serializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde_json::Value;
use serde_json::value::RawValue;

use super::MetadataRecord;

/// A record that this version can't read, as it was written.
#[derive(Clone, Debug)]
pub struct UnknownRecord(Box<RawValue>);

impl PartialEq for UnknownRecord {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// A record of a known kind with what this version doesn't know of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtendedRecord {
    /// The record as this version understands it.
    pub record: MetadataRecord,
    /// The part of its JSON that this version doesn't know.
    pub unknown: Value,
}

/// A list of records in a struct: `#[serde(with = "encoding::records")]`.
pub mod records {
    use super::*;

    /// Writes records, those that weren't understood as they were read.
    pub fn serialize<S: Serializer>(records: &[MetadataRecord], serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(records.len()))?;
        for record in records {
            match record {
                MetadataRecord::Unknown(UnknownRecord(json)) => list.serialize_element(json)?,
                MetadataRecord::Extended(extended) => list.serialize_element(&extended.to_json())?,
                known => list.serialize_element(known)?,
            }
        }
        list.end()
    }

    /// Reads records; only a list that isn't JSON is an error.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MetadataRecord>, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

/// Reads the elements of a list of records.
pub(crate) struct List;

impl<'de> Visitor<'de> for List {
    type Value = Vec<MetadataRecord>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of metadata records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::with_capacity(list.size_hint().unwrap_or(0).min(1024));
        while let Some(json) = list.next_element::<Box<RawValue>>()? {
            records.push(decode(json));
        }
        Ok(records)
    }
}

fn decode(json: Box<RawValue>) -> MetadataRecord {
    let mut ignored = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(json.get());
    let read = serde_ignored::deserialize(&mut deserializer, |path| ignored.push(path.to_string()));
    match read {
        Ok(record) if ignored.is_empty() => record,
        Ok(record) => {
            tracing::warn!(
                fields = ignored.join(", "),
                "a metadata record has fields that this version doesn't know; they are passed over and kept"
            );
            match ExtendedRecord::of(&record, &json) {
                Some(unknown) => MetadataRecord::Extended(Box::new(ExtendedRecord { record, unknown })),
                None => record,
            }
        }
        Err(error) => {
            tracing::warn!(%error, "a metadata record that this version can't read is passed over and kept");
            MetadataRecord::Unknown(UnknownRecord(json))
        }
    }
}

impl ExtendedRecord {
    /// What of `json` isn't in the record that was read from it.
    fn of(record: &MetadataRecord, json: &RawValue) -> Option<Value> {
        let raw: Value = serde_json::from_str(json.get()).ok()?;
        difference(&raw, &serde_json::to_value(record).ok()?)
    }

    fn to_json(&self) -> Option<Value> {
        let mut json = serde_json::to_value(&self.record).ok()?;
        add_missing(&mut json, &self.unknown);
        Some(json)
    }
}

/// The fields of `raw` that `known` lacks, at every depth.
fn difference(raw: &Value, known: &Value) -> Option<Value> {
    match (raw, known) {
        (Value::Object(raw), Value::Object(known)) => {
            let field = |(name, value): (&String, &Value)| {
                let missing = match known.get(name) {
                    Some(known) => difference(value, known)?,
                    None => value.clone(),
                };
                Some((name.clone(), missing))
            };
            let fields: serde_json::Map<String, Value> = raw.iter().filter_map(field).collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        (Value::Array(raw), Value::Array(known)) if raw.len() == known.len() => {
            let elements = raw.iter().zip(known).map(|(raw, known)| difference(raw, known));
            let elements: Vec<Option<Value>> = elements.collect();
            let any = elements.iter().any(Option::is_some);
            any.then(|| elements.into_iter().map(Option::unwrap_or_default).collect())
        }
        _ => None,
    }
}

/// Adds to `json` the fields of `from` that it lacks.
pub(crate) fn add_missing(json: &mut Value, from: &Value) {
    match (json, from) {
        (Value::Object(json), Value::Object(from)) => {
            for (name, value) in from {
                match json.get_mut(name) {
                    Some(known) => add_missing(known, value),
                    None => drop(json.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::Array(json), Value::Array(from)) if json.len() == from.len() => {
            json.iter_mut()
                .zip(from)
                .for_each(|(json, from)| add_missing(json, from));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::records::samples;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Records(#[serde(with = "records")] Vec<MetadataRecord>);

    fn read(json: &str) -> Vec<MetadataRecord> {
        let Records(records) = serde_json::from_str(json).unwrap();
        records
    }

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let json = serde_json::to_string(&Records(samples::records())).unwrap();
        assert_eq!(read(&json), samples::records());
    }

    #[test]
    fn what_is_not_understood_takes_nothing_else_away_and_is_written_again() {
        let topic = r#"{"Topic":{"name":"orders","topic_id":"00000000-0000-0000-0000-000000000007"}}"#;
        for odd in [
            r#"{"Tomorrow":{"a":[1,{"b":null}]}}"#,
            r#""Tomorrow""#,
            r#"{"Topic":{"name":5}}"#,
            r#"{"UserScramCredential":{"name":"alice","mechanism":"Sha3"}}"#,
            r#"{"Topic":{},"Partition":{}}"#,
            "null",
            "[]",
            "7",
        ] {
            let json = format!("[{topic},{odd},{topic}]");
            let records = read(&json);
            assert!(matches!(records[1], MetadataRecord::Unknown(_)), "{odd}");
            assert!(matches!(records[0], MetadataRecord::Topic { .. }) && records[0] == records[2]);
            assert_eq!(serde_json::to_string(&Records(records)).unwrap(), json);
        }
        assert!(serde_json::from_str::<Records>(r#"[{"Topic":]"#).is_err());
    }

    #[test]
    fn unknown_fields_are_kept_at_every_depth() {
        let json = r#"[{"RegisterBroker":{"broker_id":1,"broker_epoch":4,
            "incarnation_id":"00000000-0000-0000-0000-000000000001","colour":"red",
            "endpoints":[{"listener":"A","host":"a","port":1,"security_protocol":0},
                         {"listener":"B","host":"b","port":2,"security_protocol":0,"zone":{"x":1}}]}}]"#;
        let records = read(json);
        let [MetadataRecord::Extended(extended)] = records.as_slice() else {
            panic!("{records:?}");
        };
        assert!(
            matches!(&extended.record, MetadataRecord::RegisterBroker(broker) if broker.endpoints[1].port == 2)
        );
        let written = serde_json::to_string(&Records(records.clone())).unwrap();
        assert!(
            written.contains(r#""colour":"red""#) && written.contains(r#""zone":{"x":1}"#),
            "{written}"
        );
        assert_eq!(read(&written), records);
    }
}
