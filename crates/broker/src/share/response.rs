//! From what a ShareFetch has found to its response frame: encoded parts in memory, the records in their
//! files.

use std::collections::HashMap;

use barnabas_network::response::{Chunk, FileRange, Reply, frame_buffer};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::fetch::FetchChunk;
use barnabas_protocol::header::encode_response_header;
use barnabas_protocol::share_fetch::{AcquiredRecords, ShareFetchPartitionResponse, ShareFetchResponse};
use uuid::Uuid;

use super::acknowledge::Outcome;
use super::acquire::Found;
use super::sessions::PartitionKey;
use crate::broker::Broker;
use crate::leader_hints;
use crate::request::RequestContext;

/// First capacity of a response's head: that of a few partitions.
const HEAD_BYTES: usize = 256;

/// The reply with what was found and what came of acknowledgements, each partition once.
pub fn answer(
    broker: &Broker,
    context: &RequestContext,
    (throttle_time_ms, acquisition_lock_timeout_ms): (i32, i32),
    found: Vec<(PartitionKey, Found)>,
    outcomes: Vec<(PartitionKey, Outcome)>,
) -> Reply {
    let mut partitions = Partitions::default();
    for (key, found) in found {
        let (partition, records) = partitions.at(key);
        partition.error = found.error;
        partition.records_bytes = found.bytes();
        partition.acquired = found.acquired.iter().map(acquired).collect();
        *records = found.records;
    }
    for (key, outcome) in outcomes {
        let (partition, _) = partitions.at(key);
        partition.acknowledge_error = outcome.error;
        partition.acknowledge_error_message = outcome.message;
    }
    let elsewhere = partitions.elsewhere();
    let (leaders, node_endpoints) = leader_hints::of_ids(broker, context, &elsewhere);
    for (key, leader) in leaders {
        partitions.at(key).0.current_leader = Some(leader);
    }
    let (topics, records): (Vec<_>, Vec<_>) = partitions
        .topics
        .into_iter()
        .map(|(topic_id, partitions)| {
            let (partitions, records): (Vec<_>, Vec<_>) = partitions.into_iter().unzip();
            ((topic_id, partitions), records)
        })
        .unzip();
    let response = ShareFetchResponse {
        throttle_time_ms,
        error: ErrorCode::None,
        error_message: None,
        acquisition_lock_timeout_ms,
        topics,
        node_endpoints,
    };
    let records: Vec<Option<FileRange>> = records.into_iter().flatten().collect();
    write(context, &response, &records)
}

/// The partitions of an answer, by topic, in the order in which they came.
#[derive(Default)]
struct Partitions {
    topics: Vec<(Uuid, Vec<Partition>)>,
    places: HashMap<PartitionKey, (usize, usize)>,
    topic_places: HashMap<Uuid, usize>,
}

type Partition = (ShareFetchPartitionResponse, Option<FileRange>);

impl Partitions {
    fn at(&mut self, key: PartitionKey) -> &mut Partition {
        let (topic_id, index) = key;
        let topics = &mut self.topics;
        let topic = *self.topic_places.entry(topic_id).or_insert_with(|| {
            topics.push((topic_id, Vec::new()));
            topics.len() - 1
        });
        let partitions = &mut self.topics[topic].1;
        let (_, place) = *self.places.entry(key).or_insert_with(|| {
            let partition = ShareFetchPartitionResponse {
                index,
                ..ShareFetchPartitionResponse::default()
            };
            partitions.push((partition, None));
            (topic, partitions.len() - 1)
        });
        &mut self.topics[topic].1[place]
    }

    /// Those that another broker leads.
    fn elsewhere(&self) -> Vec<PartitionKey> {
        let all = self.topics.iter().flat_map(|(topic_id, partitions)| {
            let here = partitions
                .iter()
                .filter(|(partition, _)| leader_hints::is_elsewhere(partition.error));
            here.map(|(partition, _)| (*topic_id, partition.index))
        });
        all.collect()
    }
}

fn acquired(records: &barnabas_share::AcquiredRecords) -> AcquiredRecords {
    AcquiredRecords {
        first_offset: records.first_offset,
        last_offset: records.last_offset,
        delivery_count: records.delivery_count,
    }
}

/// The frame of a response whose partitions have these records.
pub fn write(
    context: &RequestContext,
    response: &ShareFetchResponse,
    records: &[Option<FileRange>],
) -> Reply {
    let mut head = frame_buffer(HEAD_BYTES);
    encode_response_header(
        context.api_key,
        context.api_version,
        context.correlation_id,
        &mut head,
    );
    let chunks = response.encode(context.api_version, &mut head).map(|chunks| {
        let chunks = chunks.into_iter().map(|chunk| match chunk {
            FetchChunk::Bytes(bytes) => Some(Chunk::Bytes(bytes)),
            FetchChunk::Records { index, .. } => records.get(index)?.clone().map(Chunk::File),
        });
        chunks.collect::<Option<Vec<_>>>()
    });
    match chunks {
        Ok(Some(chunks)) => Reply::chunked(head, chunks),
        Ok(None) => Reply::Close,
        Err(error) => {
            tracing::error!(%error, "could not encode a ShareFetch response");
            Reply::Close
        }
    }
}
