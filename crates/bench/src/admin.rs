//! What has to be there before a measurement: topics, producer ids, connections. Blocking; nothing here is
//! measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse, Decodable,
    DeleteTopicsRequest, DeleteTopicsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse, Request, StrBytes, TopicName, TransactionalId,
    create_partitions_request::CreatePartitionsTopic, create_topics_request, delete_topics_request,
    list_offsets_request, metadata_request::MetadataRequestTopic,
};
use bytes::{Buf, Bytes};
use uuid::Uuid;

use crate::error::Failure;
use crate::frames::{self, SIZE_PREFIX};

const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a server may take to have thousands of new partitions.
const READY_TIMEOUT: Duration = Duration::from_secs(180);
/// Error codes that say "not yet": partition unknown or leaderless, coordinator loading, unavailable or
/// elsewhere, a transaction that ends.
const NOT_YET: [i16; 8] = [3, 5, 6, 14, 15, 16, 51, 100];
/// Partitions a request makes: below what Apache Kafka takes as one change of its metadata.
const PARTITIONS_AT_ONCE: i32 = 5000;
const TOPIC_ALREADY_EXISTS: i16 = 36;
/// Connections that may be under way before the server is asked whether it has accepted them: below any
/// listen backlog.
const CONNECTING_MAX: usize = 20;

/// A connection that asks and waits.
#[derive(Debug)]
pub struct Admin {
    stream: TcpStream,
}

impl Admin {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Admin, Failure> {
        let stream = TcpStream::connect(address).map_err(Failure::io("connect"))?;
        stream
            .set_read_timeout(Some(TIMEOUT))
            .map_err(Failure::io("connect"))?;
        stream.set_nodelay(true).map_err(Failure::io("connect"))?;
        Ok(Admin { stream })
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(frame).map_err(Failure::io("send"))
    }

    /// The next answer, without its size.
    pub fn receive(&mut self) -> Result<Bytes, Failure> {
        let mut prefix = [0; SIZE_PREFIX];
        self.stream
            .read_exact(&mut prefix)
            .map_err(Failure::io("receive"))?;
        let mut answer = Vec::new();
        let size = u64::from(u32::from_be_bytes(prefix));
        let received = (&self.stream).take(size).read_to_end(&mut answer);
        if received.map_err(Failure::io("receive"))? as u64 == size {
            Ok(Bytes::from(answer))
        } else {
            Err(Failure::Unexpected("the server closed the connection".to_owned()))
        }
    }

    /// Sends a frame and returns its answer.
    pub fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, Failure> {
        self.send(frame)?;
        self.receive()
    }

    /// Asks and decodes the answer.
    pub fn call<Q: Request, A: Decodable>(&mut self, version: i16, request: &Q) -> Result<A, Failure> {
        let api =
            ApiKey::from_key(Q::KEY).ok_or_else(|| Failure::Unexpected(format!("no API {}", Q::KEY)))?;
        let mut answer = self.exchange(&frames::request(api, version, request)?)?;
        let header = 4 + api.response_header_version(version) as usize;
        if answer.len() < header {
            return Err(Failure::Unexpected(format!("{api}: a short answer")));
        }
        answer.advance(header);
        A::decode(&mut answer, version).map_err(|error| Failure::Unexpected(format!("{api}: {error}")))
    }

    /// Creates a topic and waits until all its partitions have a leader that answers; returns its id, and
    /// whether it was there.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(Uuid, bool), Failure> {
        let configs = configs
            .iter()
            .map(|(name, value)| {
                create_topics_request::CreatableTopicConfig::default()
                    .with_name(StrBytes::from_string((*name).to_owned()))
                    .with_value(Some(StrBytes::from_string((*value).to_owned())))
            })
            .collect();
        let topic = create_topics_request::CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions.min(PARTITIONS_AT_ONCE))
            .with_replication_factor(1)
            .with_configs(configs);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(60_000);
        let answer: CreateTopicsResponse = self.call(7, &request)?;
        let Some(topic) = answer.topics.first() else {
            return Err(Failure::Unexpected("CreateTopics: an empty answer".to_owned()));
        };
        if topic.error_code == TOPIC_ALREADY_EXISTS {
            return Ok((self.topic_id(name)?, true));
        }
        refused("CreateTopics", topic.error_code)?;
        let mut count = partitions.min(PARTITIONS_AT_ONCE);
        while count < partitions {
            count = partitions.min(count + PARTITIONS_AT_ONCE);
            self.grow_topic(name, count)?;
        }
        self.latest_offsets(name, partitions)?;
        Ok((topic.topic_id, false))
    }

    fn grow_topic(&mut self, name: &str, partitions: i32) -> Result<(), Failure> {
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(partitions)
            .with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(60_000);
        let answer: CreatePartitionsResponse = self.call(3, &request)?;
        refused(
            "CreatePartitions",
            answer.results.first().map_or(-1, |topic| topic.error_code),
        )
    }

    fn topic_id(&mut self, name: &str) -> Result<Uuid, Failure> {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        let answer: MetadataResponse = self.call(12, &request)?;
        answer
            .topics
            .first()
            .map(|topic| topic.topic_id)
            .ok_or_else(|| Failure::Unexpected("Metadata: an empty answer".to_owned()))
    }

    /// The end of each partition, as soon as all have a leader that answers.
    pub fn latest_offsets(&mut self, name: &str, partitions: i32) -> Result<Vec<i64>, Failure> {
        let asked = (0..partitions).map(|partition| {
            list_offsets_request::ListOffsetsPartition::default()
                .with_partition_index(partition)
                .with_timestamp(-1)
        });
        let topic = list_offsets_request::ListOffsetsTopic::default()
            .with_name(topic_name(name))
            .with_partitions(asked.collect());
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        until_ready("ListOffsets", || {
            let answer: ListOffsetsResponse = self.call(7, &request)?;
            let answered = || answer.topics.iter().flat_map(|topic| &topic.partitions);
            let code = answered()
                .map(|partition| partition.error_code)
                .find(|code| *code != 0);
            let mut offsets = vec![0; partitions as usize];
            for partition in answered() {
                if let Some(offset) = offsets.get_mut(partition.partition_index as usize) {
                    *offset = partition.offset;
                }
            }
            Ok((code.unwrap_or(0), offsets))
        })
    }

    /// Deletes a topic.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), Failure> {
        let topic = delete_topics_request::DeleteTopicState::default().with_name(Some(topic_name(name)));
        let request = DeleteTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(60_000);
        let answer: DeleteTopicsResponse = self.call(6, &request)?;
        refused(
            "DeleteTopics",
            answer.responses.first().map_or(-1, |topic| topic.error_code),
        )
    }

    /// A producer id and epoch, for a transactional producer if there is an id.
    pub fn init_producer_id(&mut self, transactional_id: Option<&str>) -> Result<(i64, i16), Failure> {
        let id = transactional_id.map(|id| TransactionalId(StrBytes::from_string(id.to_owned())));
        let request = InitProducerIdRequest::default()
            .with_transactional_id(id)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        until_ready("InitProducerId", || {
            let answer: InitProducerIdResponse = self.call(4, &request)?;
            Ok((answer.error_code, (answer.producer_id.0, answer.producer_epoch)))
        })
    }

    /// Waits until the coordinator of a group (0) or a transactional id (1) is known.
    pub fn find_coordinator(&mut self, kind: i8, key: &str) -> Result<(), Failure> {
        let request = FindCoordinatorRequest::default()
            .with_key_type(kind)
            .with_coordinator_keys(vec![StrBytes::from_string(key.to_owned())]);
        until_ready("FindCoordinator", || {
            let answer: FindCoordinatorResponse = self.call(4, &request)?;
            Ok((
                answer.coordinators.first().map_or(-1, |found| found.error_code),
                (),
            ))
        })
    }
}

/// Asks until the error code is 0, as long as it says "not yet".
pub fn until_ready<T>(
    what: &'static str,
    mut ask: impl FnMut() -> Result<(i16, T), Failure>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let (code, answer) = ask()?;
        if code == 0 {
            return Ok(answer);
        }
        if !NOT_YET.contains(&code) || Instant::now() > deadline {
            return Err(Failure::Refused { what, code });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn refused(what: &'static str, code: i16) -> Result<(), Failure> {
    if code == 0 {
        Ok(())
    } else {
        Err(Failure::Refused { what, code })
    }
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// Opens connections that the server has accepted: every so many, one asks for ApiVersions.
pub fn connections(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>, Failure> {
    let ping = frames::api_versions()?;
    let mut open = Vec::with_capacity(count);
    for number in 1..=count {
        let mut admin = Admin::connect(address)?;
        if number % CONNECTING_MAX == 0 || number == count {
            admin.exchange(&ping)?;
        }
        open.push(admin.stream);
    }
    Ok(open)
}

/// Thousands of connections need as many descriptors: as many as the system gives without asking.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, the connections that are too many say so.
    let _ = setrlimit(Resource::Nofile, limit);
}
