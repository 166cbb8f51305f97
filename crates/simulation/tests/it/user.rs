//! A user of one node: it creates a topic, produces idempotently, fetches and commits offsets, and knows what it must find.

use std::io;
use std::time::Duration;

use barnabas_environment::Random;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::{
    CreateTopicsRequest, FetchRequest, FindCoordinatorRequest, GroupId, InitProducerIdRequest,
    OffsetCommitRequest, OffsetFetchRequest, ProduceRequest, Request, StrBytes, TopicName,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields, batches};
use barnabas_simulation::{Client, World};
use tokio::time::sleep;

const CREATE_TOPICS: i16 = 7;
const INIT_PRODUCER_ID: i16 = 4;
/// Versions without topic ids.
const PRODUCE: i16 = 9;
const FETCH: i16 = 12;
const FIND_COORDINATOR: i16 = 4;
const OFFSET_COMMIT: i16 = 9;
const OFFSET_FETCH: i16 = 9;

const ROUNDS: usize = 40;
const PARTITIONS: i32 = 2;
const PAUSE: Duration = Duration::from_millis(100);

/// What a client asks again after, on a node that is starting or gone for a moment.
const AGAIN: [ErrorCode; 3] = [
    ErrorCode::CoordinatorLoadInProgress,
    ErrorCode::CoordinatorNotAvailable,
    ErrorCode::NotCoordinator,
];

/// How often something was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// A request was sent again.
    pub retries: usize,
    /// Offsets were committed.
    pub commits: usize,
    /// Records were fetched.
    pub fetched: usize,
}

impl Seen {
    /// Adds another user's.
    pub fn add(&mut self, other: Seen) {
        self.retries += other.retries;
        self.commits += other.commits;
        self.fetched += other.fetched;
    }
}

/// A partition, as its only producer knows it.
#[derive(Default)]
struct Known {
    /// All acknowledged values.
    values: Vec<Vec<u8>>,
    /// What the group has committed.
    committed: Option<i64>,
    next_sequence: i32,
}

/// See the module.
pub struct User {
    /// What it saw.
    pub seen: Seen,
    who: String,
    client: Client,
    random: Random,
    producer: (i64, i16),
    producer_ids: Vec<i64>,
    partitions: Vec<Known>,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl User {
    /// The user of a node.
    pub fn new(world: &World, node: i32) -> User {
        let to = (World::address_of(node), 9092).into();
        User {
            seen: Seen::default(),
            who: format!("seed {} user {node}", world.seed),
            client: Client::new(world, World::address_of_client(node), to),
            random: Random::seeded(world.random.u64()),
            producer: (-1, -1),
            producer_ids: Vec::new(),
            partitions: (0..PARTITIONS).map(|_| Known::default()).collect(),
        }
    }

    fn topic() -> TopicName {
        TopicName(text("t"))
    }

    fn group() -> GroupId {
        GroupId(text("g"))
    }

    /// Asks until there is an answer that `code` doesn't say to ask again after.
    async fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> (R::Response, i16) {
        let mut is_repeated = false;
        loop {
            let answered: io::Result<R::Response> = self.client.call(version, request).await;
            if let Ok(response) = answered {
                let code = code(&response);
                if !AGAIN.iter().any(|again| again.code() == code) {
                    if is_repeated {
                        // What a cut link held back of the earlier attempts arrives before anything else is asked.
                        sleep(PAUSE).await;
                    }
                    return (response, code);
                }
            }
            is_repeated = true;
            self.seen.retries += 1;
            sleep(PAUSE).await;
        }
    }

    /// Does its work, whatever happens to the node.
    pub async fn work(&mut self) {
        self.create_topic().await;
        self.init_producer_id().await;
        for _ in 0..ROUNDS {
            let partition = self.random.below(PARTITIONS as u64) as i32;
            match self.random.below(10) {
                0 => self.init_producer_id().await,
                1 | 2 => self.commit(partition).await,
                3 => self.check_committed(partition).await,
                4 | 5 => {
                    let end = self.known(partition).values.len() as u64;
                    let from = self.random.below(end + 1);
                    self.check_from(partition, from as usize).await;
                }
                _ => self.produce(partition).await,
            }
            sleep(Duration::from_millis(self.random.below(500))).await;
        }
        self.commit(0).await;
    }

    /// Looks whether all is there that was acknowledged, and nothing else.
    pub async fn check_all(&mut self) {
        for partition in 0..PARTITIONS {
            self.check_from(partition, 0).await;
            self.check_committed(partition).await;
        }
    }

    fn known(&mut self, partition: i32) -> &mut Known {
        &mut self.partitions[partition as usize]
    }

    async fn create_topic(&mut self) {
        let topic = CreatableTopic::default()
            .with_name(Self::topic())
            .with_num_partitions(PARTITIONS)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let asked_before = self.seen.retries;
        let (_, code) = self
            .ask(CREATE_TOPICS, &request, |response| response.topics[0].error_code)
            .await;
        let exists = ErrorCode::TopicAlreadyExists.code();
        let was_repeated = self.seen.retries > asked_before;
        assert!(
            code == 0 || code == exists && was_repeated,
            "{}: {code}",
            self.who
        );
    }

    async fn init_producer_id(&mut self) {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000);
        let (response, code) = self
            .ask(INIT_PRODUCER_ID, &request, |response| response.error_code)
            .await;
        assert_eq!(code, 0, "{}", self.who);
        let id = response.producer_id.0;
        assert!(
            !self.producer_ids.contains(&id),
            "{}: {id} was given twice",
            self.who
        );
        self.producer_ids.push(id);
        self.producer = (id, response.producer_epoch);
        self.partitions
            .iter_mut()
            .for_each(|known| known.next_sequence = 0);
    }

    async fn produce(&mut self, partition: i32) {
        let count = 1 + self.random.below(5) as usize;
        let (first, sequence) = {
            let known = self.known(partition);
            (known.values.len(), known.next_sequence)
        };
        let random = self.random.clone();
        let value = |index: usize| {
            let padding = "x".repeat(random.below(2_000) as usize);
            format!("{partition} {} {padding}", first + index).into_bytes()
        };
        let values: Vec<Vec<u8>> = (0..count).map(value).collect();
        let (id, epoch) = self.producer;
        let mut batch = BatchBuilder::new(Compression::None).producer(id, epoch, sequence);
        for value in &values {
            batch.append(&RecordFields {
                timestamp: 1_700_000_000_000,
                value: Some(value),
                ..RecordFields::default()
            });
        }
        let records = batch.build().expect("the batch is small").into();
        let data = PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(records));
        let topic = TopicProduceData::default()
            .with_name(Self::topic())
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_topic_data(vec![topic]);
        let (response, code) = self
            .ask(PRODUCE, &request, |response| {
                response.responses[0].partition_responses[0].error_code
            })
            .await;
        assert_eq!(code, 0, "{}: {request:?}", self.who);
        let offset = response.responses[0].partition_responses[0].base_offset;
        assert_eq!(offset, first as i64, "{}: partition {partition}", self.who);
        let known = self.known(partition);
        known.values.extend(values);
        known.next_sequence += count as i32;
    }

    /// Fetches all from an offset on, and compares it.
    async fn check_from(&mut self, partition: i32, from: usize) {
        let end = self.known(partition).values.len();
        let mut next = from;
        while next < end {
            let wanted = FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(next as i64)
                .with_partition_max_bytes(10_000);
            let topic = FetchTopic::default()
                .with_topic(Self::topic())
                .with_partitions(vec![wanted]);
            let request = FetchRequest::default()
                .with_max_bytes(10_000)
                .with_min_bytes(1)
                .with_max_wait_ms(500)
                .with_session_epoch(-1)
                .with_topics(vec![topic]);
            let (response, code) = self
                .ask(FETCH, &request, |response| {
                    let partition = response
                        .responses
                        .first()
                        .and_then(|topic| topic.partitions.first());
                    partition.map_or(response.error_code, |partition| partition.error_code)
                })
                .await;
            assert_eq!(code, 0, "{}: offset {next} of partition {partition}", self.who);
            let found = &response.responses[0].partitions[0];
            assert_eq!(
                found.high_watermark, end as i64,
                "{}: partition {partition}",
                self.who
            );
            let records = found.records.clone().unwrap_or_default();
            let before = next;
            for batch in batches(&records) {
                let batch = batch.expect("batches are well-formed");
                batch.verify_crc().expect("batches are whole");
                for record in batch.records_in(batch.payload()) {
                    let record = record.expect("records are well-formed");
                    let offset = batch.header.base_offset + i64::from(record.offset_delta);
                    if offset < next as i64 {
                        continue;
                    }
                    assert_eq!(offset, next as i64, "{}: partition {partition}", self.who);
                    let value = record.value.expect("all records have values");
                    let expected = &self.partitions[partition as usize].values[next];
                    assert_eq!(
                        value,
                        &expected[..],
                        "{}: offset {offset} of {partition}",
                        self.who
                    );
                    next += 1;
                }
            }
            assert!(next > before, "{}: nothing at {next} of {partition}", self.who);
            self.seen.fetched += next - before;
        }
    }

    async fn find_coordinator(&mut self) {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
        let (_, code) = self
            .ask(FIND_COORDINATOR, &request, |response| {
                response.coordinators[0].error_code
            })
            .await;
        assert_eq!(code, 0, "{}", self.who);
    }

    async fn commit(&mut self, partition: i32) {
        self.find_coordinator().await;
        let offset = self.known(partition).values.len() as i64;
        let committed = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(Self::topic())
            .with_partitions(vec![committed]);
        let request = OffsetCommitRequest::default()
            .with_group_id(Self::group())
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let (_, code) = self
            .ask(OFFSET_COMMIT, &request, |response| {
                response.topics[0].partitions[0].error_code
            })
            .await;
        assert_eq!(code, 0, "{}", self.who);
        self.known(partition).committed = Some(offset);
        self.seen.commits += 1;
    }

    async fn check_committed(&mut self, partition: i32) {
        self.find_coordinator().await;
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(Self::group())
            .with_topics(None);
        let request = OffsetFetchRequest::default().with_groups(vec![group]);
        let (response, code) = self
            .ask(OFFSET_FETCH, &request, |response| response.groups[0].error_code)
            .await;
        assert_eq!(code, 0, "{}", self.who);
        let topics = &response.groups[0].topics;
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let found = partitions
            .filter(|found| found.partition_index == partition)
            .map(|found| found.committed_offset)
            .find(|offset| *offset >= 0);
        let expected = self.known(partition).committed;
        assert_eq!(found, expected, "{}: partition {partition}", self.who);
    }
}
