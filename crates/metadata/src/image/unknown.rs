//! What of the metadata log this version doesn't understand, kept so that a snapshot doesn't lose it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::records::encoding::add_missing;
use crate::records::{ConfigResource, ExtendedRecord, MetadataRecord, ScramMechanism, UnknownRecord};

/// Records and fields that were passed over. Both lists are empty unless a newer version has written to the
/// log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnknownImage {
    records: Arc<Vec<UnknownRecord>>,
    fields: Arc<BTreeMap<RecordKey, Value>>,
}

/// What a record is about: a later record about the same takes its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RecordKey {
    ClusterId,
    Broker(i32),
    Controller(i32),
    Topic(Uuid),
    Partition(Uuid, i32),
    Config(ConfigResource, String),
    ProducerIds,
    Feature(String),
    ClientQuota(Vec<(String, Option<String>)>, String),
    UserScramCredential(String, ScramMechanism),
    AccessControlEntry(Uuid),
    DelegationToken(String),
}

impl RecordKey {
    /// The key of a record, and whether it tells all about it. `None` for removals: what is gone has no
    /// fields.
    fn of(record: &MetadataRecord) -> Option<(Self, bool)> {
        Some(match record {
            MetadataRecord::BrokerRegistrationChange(change) => (Self::Broker(change.broker_id), false),
            MetadataRecord::PartitionChange(change) => {
                (Self::Partition(change.topic_id, change.partition_id), false)
            }
            MetadataRecord::ClusterId { .. } => (Self::ClusterId, true),
            MetadataRecord::RegisterBroker(broker) => (Self::Broker(broker.broker_id), true),
            MetadataRecord::RegisterController(controller) => {
                (Self::Controller(controller.controller_id), true)
            }
            MetadataRecord::Topic { topic_id, .. } => (Self::Topic(*topic_id), true),
            MetadataRecord::Partition(partition) => {
                (Self::Partition(partition.topic_id, partition.partition_id), true)
            }
            MetadataRecord::Config { resource, name, .. } => {
                (Self::Config(resource.clone(), name.clone()), true)
            }
            MetadataRecord::ProducerIds { .. } => (Self::ProducerIds, true),
            MetadataRecord::FeatureLevel { name, .. } => (Self::Feature(name.clone()), true),
            MetadataRecord::ClientQuota { entity, key, .. } => {
                let mut entity = entity.clone();
                entity.sort();
                (Self::ClientQuota(entity, key.clone()), true)
            }
            MetadataRecord::UserScramCredential(credential) => (
                Self::UserScramCredential(credential.name.clone(), credential.mechanism),
                true,
            ),
            MetadataRecord::AccessControlEntry(entry) => (Self::AccessControlEntry(entry.id), true),
            MetadataRecord::DelegationToken(token) => (Self::DelegationToken(token.token_id.clone()), true),
            MetadataRecord::UnregisterBroker { .. }
            | MetadataRecord::UnregisterController { .. }
            | MetadataRecord::RemoveTopic { .. }
            | MetadataRecord::RemoveUserScramCredential { .. }
            | MetadataRecord::RemoveAccessControlEntry { .. }
            | MetadataRecord::RemoveDelegationToken { .. }
            | MetadataRecord::ClearElr { .. }
            | MetadataRecord::NoOp {}
            | MetadataRecord::Extended(_)
            | MetadataRecord::Unknown(_) => return None,
        })
    }
}

impl UnknownImage {
    /// Whether this version understands everything.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.fields.is_empty()
    }

    pub(super) fn add_record(&mut self, record: &UnknownRecord) {
        Arc::make_mut(&mut self.records).push(record.clone());
    }

    /// Adds the unknown fields of a record to those of what it is about.
    pub(super) fn add_fields(&mut self, extended: &ExtendedRecord) {
        if let Some((key, _)) = RecordKey::of(&extended.record)
            && let Some(unknown) = body(&extended.unknown)
        {
            let fields = Arc::make_mut(&mut self.fields);
            let mut fields_now = unknown.clone();
            if let Some(before) = fields.get(&key) {
                add_missing(&mut fields_now, before);
            }
            fields.insert(key, fields_now);
        }
    }

    /// Forgets the fields of what a record tells all about.
    pub(super) fn replaced_by(&mut self, record: &MetadataRecord) {
        if !self.fields.is_empty()
            && let Some((key, true)) = RecordKey::of(record)
        {
            Arc::make_mut(&mut self.fields).remove(&key);
        }
    }

    /// Adds to the records of a snapshot what belongs to them, and at the end the records that are unknown.
    pub(super) fn complete(&self, records: &mut Vec<MetadataRecord>) {
        if !self.fields.is_empty() {
            for record in records.iter_mut() {
                let fields = RecordKey::of(record).and_then(|(key, _)| self.fields.get(&key));
                let Some(fields) = fields else { continue };
                let Some(unknown) = under_kind(record, fields) else {
                    continue;
                };
                let record_now = std::mem::replace(record, MetadataRecord::NoOp {});
                *record = MetadataRecord::Extended(Box::new(ExtendedRecord {
                    record: record_now,
                    unknown,
                }));
            }
        }
        records.extend(self.records.iter().cloned().map(MetadataRecord::Unknown));
    }
}

/// What stands under the name of the kind.
fn body(json: &Value) -> Option<&Value> {
    json.as_object()?.values().next()
}

fn under_kind(record: &MetadataRecord, fields: &Value) -> Option<Value> {
    let json = serde_json::to_value(record).ok()?;
    let kind = json.as_object()?.keys().next()?.clone();
    Some(Value::Object([(kind, fields.clone())].into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::MetadataImage;
    use crate::quorum::RecordBatch;

    fn read(json: &str) -> Vec<MetadataRecord> {
        serde_json::from_str::<RecordBatch>(json).unwrap().records
    }

    /// What is unknown goes through a snapshot, until a record takes the place of what it belonged to.
    #[test]
    fn snapshots_keep_what_is_unknown() {
        let topic = r#"{"Topic":{"name":"orders","topic_id":"00000000-0000-0000-0000-000000000007"}}"#;
        let of = r#""topic_id":"00000000-0000-0000-0000-000000000007","partition_id":0"#;
        let partition = format!(
            r#"{{"Partition":{{{of},"replicas":[1],"isr":[1],"leader":1,"leader_epoch":0,"partition_epoch":0,"colour":"red","tier":"x"}}}}"#
        );
        let change = format!(r#"{{"PartitionChange":{{{of},"isr":[2],"tier":"y"}}}}"#);
        let config = r#"{"Config":{"resource":{"kind":"Broker","name":""},"name":"a","value":"b","by":"c"}}"#;
        let json = format!(r#"[{topic},{partition},{change},{{"Tomorrow":1}},{config}]"#);
        let (image, _) = MetadataImage::empty().apply(&read(&json), 1, 1);
        assert!(!image.unknown.is_empty());
        let batch = RecordBatch {
            epoch: None,
            records: image.to_records(),
        };
        let written = serde_json::to_string(&batch).unwrap();
        for kept in [
            r#""colour":"red""#,
            r#""tier":"y""#,
            r#"{"Tomorrow":1}"#,
            r#""by":"c""#,
        ] {
            assert!(written.contains(kept), "{kept} in {written}");
        }
        let (again, _) = MetadataImage::empty().apply(&read(&written), 1, 1);
        assert_eq!(again, image);

        let replaced = r#"[{"Config":{"resource":{"kind":"Broker","name":""},"name":"a","value":"d"}}]"#;
        let (image, _) = image.apply(&read(replaced), 2, 1);
        let records = image.to_records();
        let extended = |record: &&MetadataRecord| matches!(record, MetadataRecord::Extended(_));
        assert_eq!(
            records.iter().filter(extended).count(),
            1,
            "the partition's alone"
        );
    }
}
