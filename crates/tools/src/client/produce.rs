//! Writing records: collected into batches, one of each partition on its way at a time, sent again where
//! that may help, and by an idempotent producer so that none is written twice.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use barnabas_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use barnabas_protocol::records::{BatchBuilder, RecordFields};
use bytes::Bytes;
use tokio::time::Instant;

use super::leaders::{TopicPartition, by_topic};
use super::new_record::{NewRecord, ProduceSettings};
use super::{Cluster, KafkaError, To, partitioner, topic_name};

/// The newest Produce that names topics by their names.
const PRODUCE_BY_NAME: i16 = 12;
const BATCH_OVERHEAD: usize = 61;

/// What became of a batch: the records it had, and where the first of them is.
pub type Written = (Vec<NewRecord>, Result<i64, KafkaError>);

/// Records of one partition that are sent together.
pub(super) struct Batch {
    pub records: Vec<NewRecord>,
    pub bytes: Bytes,
    pub sequence: i32,
}

/// What the leader says to each partition's batch: where its first record is.
pub(super) type Answers = Vec<(TopicPartition, Result<i64, KafkaError>)>;

/// Writes records.
pub struct Producer<'a> {
    pub(super) cluster: &'a Cluster,
    settings: ProduceSettings,
    /// Its id and epoch, once it has one.
    producer: (i64, i16),
    pub(super) sequences: BTreeMap<TopicPartition, i32>,
    partitions: BTreeMap<String, i32>,
    pub(super) leaders: BTreeMap<TopicPartition, i32>,
    pub(super) waiting: BTreeMap<TopicPartition, Vec<NewRecord>>,
    waiting_bytes: BTreeMap<TopicPartition, usize>,
    /// Where records without a key go, until a batch is full.
    sticky: BTreeMap<String, i32>,
    turn: u32,
}

impl<'a> Producer<'a> {
    /// Writes nothing yet. `seed` chooses where records without a key begin.
    pub fn new(cluster: &'a Cluster, settings: ProduceSettings, seed: u32) -> Self {
        Producer {
            cluster,
            settings,
            producer: (-1, -1),
            sequences: BTreeMap::new(),
            partitions: BTreeMap::new(),
            leaders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            waiting_bytes: BTreeMap::new(),
            sticky: BTreeMap::new(),
            turn: seed,
        }
    }

    /// Puts a record among those that wait, and answers whether its batch is full.
    ///
    /// # Errors
    /// It is too large, or its topic is not there in time.
    pub fn add(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        record: NewRecord,
    ) -> Result<bool, KafkaError> {
        let size = record.size();
        if size + BATCH_OVERHEAD > self.settings.max_request_size {
            return Err(KafkaError::new(
                ErrorCode::MessageTooLarge,
                format!(
                    "The message is {} bytes when serialized which is larger than {}, which is the value of the \
                     max.request.size configuration.",
                    size + BATCH_OVERHEAD,
                    self.settings.max_request_size
                ),
            ));
        }
        let count = self.partition_count(topic)?;
        let index = match (partition, &record.key) {
            (Some(index), _) => index,
            (None, Some(key)) => partitioner::of_key(key, count),
            (None, None) => self.sticky_partition(topic, count),
        };
        let at = (topic.to_owned(), index);
        let bytes = self.waiting_bytes.entry(at.clone()).or_insert(BATCH_OVERHEAD);
        *bytes += size;
        let is_full = *bytes >= self.settings.batch_size;
        self.waiting.entry(at).or_default().push(record);
        if is_full {
            self.sticky.remove(topic);
        }
        Ok(is_full)
    }

    fn sticky_partition(&mut self, topic: &str, count: i32) -> i32 {
        if let Some(index) = self.sticky.get(topic) {
            return *index;
        }
        let index = (self.turn % count.max(1) as u32) as i32;
        self.turn = self.turn.wrapping_add(1);
        self.sticky.insert(topic.to_owned(), index);
        index
    }

    /// How many partitions a topic has; waits for it, `max.block.ms` at most.
    ///
    /// # Errors
    /// It is not there in time, or this client may not know it.
    pub fn partition_count(&mut self, topic: &str) -> Result<i32, KafkaError> {
        if let Some(count) = self.partitions.get(topic) {
            return Ok(*count);
        }
        let until = Instant::now() + self.settings.max_block;
        loop {
            let found = self.cluster.leaders(&[topic.to_owned()], true)?;
            let count = found.len() as i32;
            let led = found.into_iter().filter_map(|(at, leader)| Some((at, leader?)));
            self.leaders.extend(led);
            if count > 0 {
                self.partitions.insert(topic.to_owned(), count);
                return Ok(count);
            }
            if Instant::now() >= until {
                let ms = self.settings.max_block.as_millis();
                let said = format!("Topic {topic} not present in metadata after {ms} ms.");
                return Err(KafkaError::new(ErrorCode::RequestTimedOut, said));
            }
            self.cluster.pause(Duration::from_millis(100));
        }
    }

    /// Gives the connections a turn while nothing is to be written.
    pub fn idle(&self) {
        self.cluster.pause(Duration::from_millis(1));
    }

    /// Sends all that wait, and says what became of each batch.
    ///
    /// # Errors
    /// The producer gets no id.
    pub fn flush(&mut self) -> Result<Vec<Written>, KafkaError> {
        let mut written = Vec::new();
        self.begin()?;
        while !self.waiting.is_empty() {
            let batches = self.next_batches()?;
            written.extend(self.deliver(batches));
        }
        Ok(written)
    }

    /// What comes before batches are made of what waits.
    pub(super) fn begin(&mut self) -> Result<(), KafkaError> {
        if self.settings.is_idempotent && self.producer.0 < 0 && !self.waiting.is_empty() {
            self.producer = self.init_producer_id()?;
        }
        self.waiting_bytes.clear();
        Ok(())
    }

    /// Asks for the producer's id; a transactional one is fenced off from earlier ones by it.
    ///
    /// # Errors
    /// There is none.
    pub fn init_producer_id(&self) -> Result<(i64, i16), KafkaError> {
        let id = self.settings.transactional_id.as_deref();
        self.cluster.retry("initProducerId", || {
            let to = match id {
                Some(id) => self
                    .cluster
                    .coordinator(super::coordinators::Coordinated::Transaction, id)?,
                None => To::Any,
            };
            let request = InitProducerIdRequest::default()
                .with_transactional_id(id.map(|id| super::wire(id).into()))
                .with_transaction_timeout_ms(if id.is_some() { 60_000 } else { i32::MAX })
                .with_producer_id((-1).into())
                .with_producer_epoch(-1);
            let answer = self.cluster.ask(to, "initProducerId", &request)?;
            KafkaError::check(answer.error_code, None)?;
            Ok((answer.producer_id.0, answer.producer_epoch))
        })
    }

    /// The first batch of each partition.
    pub(super) fn next_batches(&mut self) -> Result<BTreeMap<TopicPartition, Batch>, KafkaError> {
        let mut batches = BTreeMap::new();
        let mut rest = BTreeMap::new();
        for (at, mut records) in std::mem::take(&mut self.waiting) {
            let mut size = BATCH_OVERHEAD;
            let fits = records.iter().take_while(|record| {
                size += record.size();
                size <= self.settings.batch_size
            });
            // A record that alone is larger than a batch has one for itself.
            let count = fits.count().max(1);
            let later = records.split_off(count);
            if !later.is_empty() {
                rest.insert(at.clone(), later);
            }
            let batch = self.batch(&at, records)?;
            batches.insert(at, batch);
        }
        self.waiting = rest;
        Ok(batches)
    }

    /// The next batch of a partition.
    pub(super) fn batch(
        &mut self,
        at: &TopicPartition,
        records: Vec<NewRecord>,
    ) -> Result<Batch, KafkaError> {
        let sequence = self.sequences.entry(at.clone()).or_insert(0);
        let base = *sequence;
        *sequence = (i64::from(base) + records.len() as i64).rem_euclid(1 << 31) as i32;
        let bytes = self.encode(&records, base)?;
        Ok(Batch {
            records,
            bytes,
            sequence: base,
        })
    }

    fn encode(&self, records: &[NewRecord], sequence: i32) -> Result<Bytes, KafkaError> {
        let mut builder = BatchBuilder::new(self.settings.compression);
        if self.producer.0 >= 0 {
            builder = builder.producer(self.producer.0, self.producer.1, sequence);
        }
        if self.settings.transactional_id.is_some() {
            builder = builder.transactional();
        }
        for record in records {
            let headers: Vec<(&str, Option<&[u8]>)> = record
                .headers
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_deref()))
                .collect();
            builder.append(&RecordFields {
                timestamp: record.timestamp,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
            });
        }
        let bytes = builder
            .build()
            .map_err(|error| KafkaError::plain(error.to_string()))?;
        Ok(bytes.into())
    }

    /// Sends batches until each is written or given up.
    pub(super) fn deliver(&mut self, mut batches: BTreeMap<TopicPartition, Batch>) -> Vec<Written> {
        let until = Instant::now() + self.settings.delivery_timeout;
        let mut written = Vec::new();
        let mut attempts = 0;
        while !batches.is_empty() {
            let answers = self.send(&batches);
            for (at, answer) in answers {
                let may_retry = attempts < self.settings.retries && Instant::now() < until;
                match answer {
                    Err(error) if error.is_retriable() && may_retry => {
                        self.leaders.remove(&at);
                    }
                    Err(error) if error.is(ErrorCode::DuplicateSequenceNumber) => {
                        if let Some(batch) = batches.remove(&at) {
                            written.push((batch.records, Ok(-1)));
                        }
                    }
                    answer => {
                        if let Some(batch) = batches.remove(&at) {
                            if answer.is_err() && self.sequences.contains_key(&at) {
                                // Nothing was written by this number: the next batch has it.
                                self.sequences.insert(at, batch.sequence);
                            }
                            written.push((batch.records, answer));
                        }
                    }
                }
            }
            if !batches.is_empty() {
                attempts += 1;
                self.cluster.pause(Duration::from_millis(100));
                let topics = super::leaders::topics_of(batches.keys());
                // Without an answer the leaders stay unknown, and the next attempt finds them.
                if let Ok(leaders) = self.cluster.leaders(&topics, false) {
                    self.leaders
                        .extend(leaders.into_iter().filter_map(|(at, leader)| Some((at, leader?))));
                }
            }
        }
        written
    }

    /// Sends each batch once.
    fn send(&self, batches: &BTreeMap<TopicPartition, Batch>) -> Answers {
        let mut answers = Answers::new();
        let mut of_leader: BTreeMap<i32, Vec<(TopicPartition, Bytes)>> = BTreeMap::new();
        for (at, batch) in batches {
            match self.leaders.get(at) {
                Some(leader) => of_leader
                    .entry(*leader)
                    .or_default()
                    .push((at.clone(), batch.bytes.clone())),
                None => answers.push((at.clone(), Err(KafkaError::of_code(5, None)))),
            }
        }
        let calls = of_leader
            .into_iter()
            .map(|(leader, batches)| self.send_to(leader, batches));
        for answered in self.cluster.wait(super::all(calls.collect())) {
            answers.extend(answered);
        }
        answers
    }

    /// Sends batches to the leader of all of them, once.
    pub(super) fn send_to(
        &self,
        leader: i32,
        batches: Vec<(TopicPartition, Bytes)>,
    ) -> impl Future<Output = Answers> + use<'a> {
        let sent: Vec<TopicPartition> = batches.iter().map(|(at, _)| at.clone()).collect();
        let topics = by_topic(batches).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, bytes)| {
                PartitionProduceData::default()
                    .with_index(index)
                    .with_records(Some(bytes))
            });
            TopicProduceData::default()
                .with_name(topic_name(&topic))
                .with_partition_data(partitions.collect())
        });
        let request = ProduceRequest::default()
            .with_transactional_id(
                self.settings
                    .transactional_id
                    .as_deref()
                    .map(|id| super::wire(id).into()),
            )
            // To 0 there would be no answer, and it couldn't be said that the record is gone.
            .with_acks(if self.settings.acks == 0 {
                1
            } else {
                self.settings.acks
            })
            .with_timeout_ms(self.settings.request_timeout.as_millis() as i32)
            .with_topic_data(topics.collect());
        let cluster = self.cluster;
        async move {
            let to = To::Broker(leader);
            match cluster.call_once(to, PRODUCE_BY_NAME, &request).await {
                Err(error) => sent.into_iter().map(|at| (at, Err(error.clone()))).collect(),
                Ok(response) => answers_of(response),
            }
        }
    }
}

fn answers_of(response: ProduceResponse) -> Answers {
    let mut answers = Answers::new();
    for topic in response.responses {
        for partition in topic.partition_responses {
            let said = partition.error_message.as_deref();
            let answer = KafkaError::check(partition.error_code, said).map(|()| partition.base_offset);
            answers.push(((topic.name.to_string(), partition.index), answer));
        }
    }
    answers
}
