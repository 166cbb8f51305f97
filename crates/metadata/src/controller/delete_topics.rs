//! DeleteTopics (key 20): by name and by id. Kafka's `ControllerApis.deleteTopics`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::delete_topics_request::DeleteTopicState;
use barnabas_protocol::messages::delete_topics_response::DeletableTopicResult;
use barnabas_protocol::messages::{DeleteTopicsRequest, TopicName};
use uuid::Uuid;

use serde::{Deserialize, Serialize, Serializer};

use super::{ApiError, Decide, DecideContext, Decision, RECORDS_MAX, check_deadline, too_many_records, wire};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// Deletes topics. An error is about the whole request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteTopics(
    #[serde(serialize_with = "in_newest", deserialize_with = "wire::request::deserialize")]
    pub  DeleteTopicsRequest,
);

/// Older versions have names apart from ids, the newest has not.
fn in_newest<S: Serializer>(request: &DeleteTopicsRequest, serializer: S) -> Result<S::Ok, S::Error> {
    let mut request = request.clone();
    let names = std::mem::take(&mut request.topic_names).into_iter();
    let named = names.map(|name| DeleteTopicState::default().with_name(Some(name)));
    request.topics.extend(named);
    wire::request::serialize(&request, serializer)
}

impl Decide for DeleteTopics {
    type Reply = Result<Vec<DeletableTopicResult>, ApiError>;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let mut plan = Plan::default();
        plan.read(&self.0);
        let single = plan
            .names
            .values()
            .chain(plan.ids.values())
            .any(|count| *count == 1);
        if let (true, Err(error)) = (single, check_deadline(self.0.timeout_ms)) {
            return Decision {
                records: Vec::new(),
                reply: Err(error),
            };
        }
        plan.resolve(image);
        let records: Vec<_> = plan
            .doomed
            .keys()
            .map(|&topic_id| MetadataRecord::RemoveTopic { topic_id })
            .collect();
        if records.len() > RECORDS_MAX {
            return Decision {
                records: Vec::new(),
                reply: Err(too_many_records()),
            };
        }
        for (id, name) in std::mem::take(&mut plan.doomed) {
            let deleted = DeletableTopicResult::default()
                .with_name(Some(name))
                .with_topic_id(id);
            plan.results.push(deleted.with_error_message(None));
        }
        Decision {
            records,
            reply: Ok(plan.results),
        }
    }
}

#[derive(Default)]
struct Plan {
    /// What was asked for by name and by id, with how often.
    names: BTreeMap<TopicName, usize>,
    ids: BTreeMap<Uuid, usize>,
    /// Which topics will be deleted.
    doomed: BTreeMap<Uuid, TopicName>,
    results: Vec<DeletableTopicResult>,
}

impl Plan {
    fn read(&mut self, request: &DeleteTopicsRequest) {
        for name in &request.topic_names {
            *self.names.entry(name.clone()).or_default() += 1;
        }
        for topic in &request.topics {
            match (&topic.name, topic.topic_id.is_nil()) {
                (Some(name), true) => *self.names.entry(name.clone()).or_default() += 1,
                (None, false) => *self.ids.entry(topic.topic_id).or_default() += 1,
                (None, true) => {
                    self.refuse(
                        None,
                        Uuid::nil(),
                        invalid("Neither topic name nor id were specified."),
                    );
                }
                (Some(name), false) => {
                    let error = invalid("You may not specify both topic name and topic id.");
                    self.refuse(Some(name.clone()), topic.topic_id, error);
                }
            }
        }
    }

    fn resolve(&mut self, image: &MetadataImage) {
        let (names, ids) = (std::mem::take(&mut self.names), std::mem::take(&mut self.ids));
        for (name, _) in names.iter().filter(|(_, count)| **count > 1) {
            self.refuse(Some(name.clone()), Uuid::nil(), invalid("Duplicate topic name."));
        }
        for (id, _) in ids.iter().filter(|(_, count)| **count > 1) {
            self.refuse(None, *id, invalid("Duplicate topic id."));
        }
        for (id, _) in ids.iter().filter(|(_, count)| **count == 1) {
            match image.topics.by_id(id) {
                Some(topic) => drop(self.doomed.insert(*id, name_of(&topic.name))),
                None => {
                    let message = "This server does not host this topic ID.";
                    self.refuse(None, *id, ApiError::new(ErrorCode::UnknownTopicId, message));
                }
            }
        }
        for (name, _) in names.into_iter().filter(|(_, count)| *count == 1) {
            let Some(id) = image.topics.by_name(&name.0).map(|topic| topic.id) else {
                self.refuse(
                    Some(name),
                    Uuid::nil(),
                    ApiError::new(
                        ErrorCode::UnknownTopicOrPartition,
                        "This server does not host this topic-partition.",
                    ),
                );
                continue;
            };
            if ids.contains_key(&id) {
                self.doomed.remove(&id);
                let message = "The provided topic name maps to an ID that was already supplied.";
                self.refuse(Some(name), id, invalid(message));
            } else {
                self.doomed.insert(id, name);
            }
        }
    }

    fn refuse(&mut self, name: Option<TopicName>, id: Uuid, error: ApiError) {
        let result = DeletableTopicResult::default()
            .with_name(name)
            .with_topic_id(id)
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message());
        self.results.push(result);
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn name_of(name: &str) -> TopicName {
    TopicName(barnabas_protocol::messages::StrBytes::from_string(
        name.to_owned(),
    ))
}
