//! The topic that a schema registry is kept in, read and written from any broker of the cluster.
//!
//! The leader of its one partition reads its own log up to the high watermark. Others ask it for what is new,
//! with a Fetch, whenever they are asked themselves: what is answered anywhere is what is committed. `write`
//! has how any of them writes.

mod write;

pub use write::{Ground, Unwritten, append, catch_up_to_write, create};

use std::sync::Arc;

use barnabas_metadata::image::PartitionImage;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::{BrokerId, FetchRequest, StrBytes, TopicName};
use barnabas_protocol::records::compression::decompress;
use barnabas_protocol::records::{Batch, Compression, batches};
use barnabas_replica::partition::Partition;
use uuid::Uuid;

use crate::broker::Broker;
use crate::broker_peers::Purpose;

/// Its name, as Confluent's registry and Karapace have it.
pub const SCHEMAS_TOPIC: &str = "_schemas";
/// Bytes that are read at a time.
const CHUNK_BYTES: u32 = 1 << 20;
/// What one batch may expand to.
const BATCH_BYTES_MAX: usize = 64 << 20;
/// The Fetch that a consumer sends: topics have names.
const FETCH_VERSION: i16 = 12;

/// How far the topic has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    topic_id: Uuid,
    next_offset: i64,
}

impl Position {
    /// Begins again where the log has lost what was read of it (an unclean election).
    fn stay_within(&mut self, log_end: i64, replay: &mut impl Replay) {
        if self.next_offset > log_end {
            self.next_offset = 0;
            replay.reset();
        }
    }
}

/// A record's key and value.
pub type KeyValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Who takes what is read.
pub trait Replay {
    /// The topic is another one than before: nothing that was read counts.
    fn reset(&mut self);
    /// The next record.
    fn record(&mut self, record: KeyValue<'_>);
}

/// Reads on, up to what was committed when this was called.
///
/// # Errors
/// The leader can't be reached, or its log can't be read.
pub async fn catch_up(broker: &Broker, at: &mut Position, replay: &mut impl Replay) -> Result<(), ErrorCode> {
    let Some((topic_id, state)) = partition_of(broker) else {
        if *at != Position::default() {
            *at = Position::default();
            replay.reset();
        }
        return Ok(());
    };
    if at.topic_id != topic_id {
        *at = Position {
            topic_id,
            next_offset: 0,
        };
        replay.reset();
    }
    if state.leader == broker.node_id {
        let partition = broker.partitions().by_id(&topic_id, 0)?;
        return read_own(&partition, at, replay).await;
    }
    loop {
        let (records, high_watermark) = fetch(broker, &state, at, replay).await?;
        if take(&records, at, high_watermark, replay)? == 0 || at.next_offset >= high_watermark {
            return Ok(());
        }
    }
}

fn partition_of(broker: &Broker) -> Option<(Uuid, Arc<PartitionImage>)> {
    let image = broker.image();
    let topic = image.topics.by_name(SCHEMAS_TOPIC)?;
    Some((topic.id, topic.partition(0)?.clone()))
}

async fn read_own(
    partition: &Partition,
    at: &mut Position,
    replay: &mut impl Replay,
) -> Result<(), ErrorCode> {
    let failed = |_| ErrorCode::KafkaStorageError;
    loop {
        let bounds = partition.with_log(|log, high_watermark| {
            let bounds = (log.log_start_offset(), high_watermark);
            (bounds, log.log_end_offset())
        });
        let ((start, end), log_end) = bounds.ok_or(ErrorCode::KafkaStorageError)?;
        at.stay_within(log_end, replay);
        at.next_offset = at.next_offset.max(start);
        if at.next_offset >= end {
            return Ok(());
        }
        let records = partition
            .read(at.next_offset, CHUNK_BYTES)?
            .to_vec()
            .map_err(failed)?;
        if take(&records, at, end, replay)? == 0 {
            return Ok(());
        }
        // Other requests go on between the parts of a long topic.
        tokio::task::yield_now().await;
    }
}

/// What the leader has from there on, and its high watermark.
async fn fetch(
    broker: &Broker,
    state: &PartitionImage,
    at: &mut Position,
    replay: &mut impl Replay,
) -> Result<(Vec<u8>, i64), ErrorCode> {
    let image = broker.image().clone();
    loop {
        let partition = FetchPartition::default()
            .with_partition(0)
            .with_current_leader_epoch(state.leader_epoch)
            .with_fetch_offset(at.next_offset)
            .with_partition_max_bytes(i32::try_from(CHUNK_BYTES).unwrap_or(i32::MAX));
        let topic = FetchTopic::default()
            .with_topic(TopicName(StrBytes::from_static_str(SCHEMAS_TOPIC)))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(0)
            .with_min_bytes(0)
            .with_max_bytes(i32::try_from(CHUNK_BYTES).unwrap_or(i32::MAX))
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let asked = broker
            .peers()
            .ask(&image, state.leader, Purpose::Schemas, FETCH_VERSION, &request);
        let response = asked.await.map_err(|error| {
            tracing::debug!(%error, "the leader of the schema registry's topic has not answered");
            ErrorCode::NetworkException
        })?;
        let partition = response
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next();
        let partition = partition.ok_or(ErrorCode::UnknownServerError)?;
        match ErrorCode::from_code(partition.error_code) {
            Some(ErrorCode::None) => {
                let records = partition.records.unwrap_or_default();
                return Ok((records.to_vec(), partition.high_watermark));
            }
            Some(ErrorCode::OffsetOutOfRange) if at.next_offset < partition.log_start_offset => {
                at.next_offset = partition.log_start_offset;
            }
            Some(ErrorCode::OffsetOutOfRange) if at.next_offset > 0 => at.stay_within(0, replay),
            error => return Err(error.unwrap_or(ErrorCode::UnknownServerError)),
        }
    }
}

/// Has whole batches replayed, up to `end`; answers how many.
fn take(bytes: &[u8], at: &mut Position, end: i64, replay: &mut impl Replay) -> Result<usize, ErrorCode> {
    let mut count = 0;
    for batch in batches(bytes) {
        // A Fetch may end within a batch.
        let Ok(batch) = batch else { break };
        let next = batch.header.next_offset();
        if next > end {
            break;
        }
        if next > at.next_offset {
            take_batch(&batch, at, replay)?;
            at.next_offset = next;
        }
        count += 1;
    }
    Ok(count)
}

fn take_batch(batch: &Batch<'_>, at: &Position, replay: &mut impl Replay) -> Result<(), ErrorCode> {
    let corrupt = |_| ErrorCode::CorruptMessage;
    if batch.header.is_control() {
        return Ok(());
    }
    let mut expanded = Vec::new();
    let payload = match batch.header.compression().map_err(corrupt)? {
        Compression::None => batch.payload(),
        codec => {
            decompress(codec, batch.payload(), BATCH_BYTES_MAX, &mut expanded).map_err(corrupt)?;
            &expanded
        }
    };
    for record in batch.records_in(payload) {
        let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
        let offset = batch.header.base_offset + i64::from(record.offset_delta);
        if offset >= at.next_offset {
            replay.record((record.key, record.value));
        }
    }
    Ok(())
}
