//! What librdkafka 0.11.6 can do. Usage: compat-ages BOOTSTRAP TOPIC before|after
//!
//! before: produces with every codec it knows, with keys and without, and reads it from the beginning. after: reads again from the
//! middle, produces and reads what came. It reads as no group: what it commits offsets and finds beginnings with (OffsetCommit 1,
//! ListOffsets 0) went with Apache Kafka 4.0 (KIP-896), and it must say so. The topic is there already, since it takes one that
//! is just being made for missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaError};
use rdkafka::message::{Message, Timestamp};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const CODECS: [&str; 4] = ["none", "gzip", "snappy", "lz4"];
const PARTITIONS: i32 = 2;
const BATCH: i32 = 6;
const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;
const DEADLINE: Duration = Duration::from_secs(30);
/// Less than the suite waits for the program.
const PROGRAM_LIMIT: Duration = Duration::from_secs(110);

type Failure = Box<dyn std::error::Error>;

/// Timestamp, key and value.
type Line = (i64, Option<String>, String);

/// By partition, then by offset.
type Seen = BTreeMap<i32, BTreeMap<i64, Line>>;

/// Ends the program when a record is not delivered.
struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            fail(&format!("not delivered: {error}"));
        }
    }
}

fn fail(what: &str) -> ! {
    eprintln!("WRONG {what}");
    std::process::exit(1);
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) {
    if got != want {
        fail(&format!("{what}:\n  got  {got:?}\n  want {want:?}"));
    }
    println!("ok {what}");
}

/// Every third record has no key.
fn batch(name: &str) -> Vec<(i32, Line)> {
    let line = |n: i32| {
        let key = (n % 3 != 0).then(|| format!("key-{n}"));
        (
            n % PARTITIONS,
            (FIRST_TIMESTAMP + i64::from(n), key, format!("{name}-{n}")),
        )
    };
    (0..BATCH).map(line).collect()
}

/// What a reader must see of these batches, from this offset of each partition on.
fn expected<'a>(names: impl IntoIterator<Item = &'a str>, from: i64) -> Seen {
    let mut seen = Seen::new();
    for (partition, line) in names.into_iter().flat_map(batch) {
        let records = seen.entry(partition).or_default();
        records.insert(records.len() as i64, line);
    }
    for records in seen.values_mut() {
        *records = records.split_off(&from);
    }
    seen
}

fn half() -> i64 {
    expected(CODECS, 0)[&0].len() as i64 / 2
}

fn produce(bootstrap: &str, topic: &str, codec: &str, name: &str) -> Result<(), Failure> {
    let producer: BaseProducer<Reports> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("compression.codec", codec)
        .set("queue.buffering.max.ms", "50")
        .create_with_context(Reports)?;
    for (partition, (timestamp, key, value)) in &batch(name) {
        let record = BaseRecord::<str, str>::to(topic)
            .partition(*partition)
            .timestamp(*timestamp)
            .payload(value);
        let record = match key {
            Some(key) => record.key(key),
            None => record,
        };
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(DEADLINE);
    check(
        "records still to be delivered",
        &producer.in_flight_count(),
        &0,
    );
    println!("ok produced {name}");
    Ok(())
}

fn consumer(bootstrap: &str, topic: &str) -> Result<BaseConsumer, Failure> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", &format!("{topic}-group"))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .set("session.timeout.ms", "6000")
        .create()?)
}

/// Reads until there are as many records as are wanted, and checks each.
fn read(what: &str, consumer: &BaseConsumer, want: &Seen) -> Result<(), Failure> {
    let (mut seen, until) = (Seen::new(), Instant::now() + DEADLINE);
    for _ in 0..want.values().map(BTreeMap::len).sum() {
        let message = loop {
            if Instant::now() > until {
                fail(&format!("{what}: only {seen:?}"));
            }
            if let Some(message) = consumer.poll(Duration::from_millis(200)) {
                break message?;
            }
        };
        let Timestamp::CreateTime(timestamp) = message.timestamp() else {
            fail(&format!("timestamp {:?}", message.timestamp()));
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let line = (
            timestamp,
            message.key().map(text),
            message.payload().map(text).unwrap_or_default(),
        );
        seen.entry(message.partition())
            .or_default()
            .insert(message.offset(), line);
    }
    check(what, &seen, want);
    Ok(())
}

fn each_partition(topic: &str, offset: i64) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Offset(offset));
    }
    list
}

fn before(bootstrap: &str, topic: &str) -> Result<(), Failure> {
    for codec in CODECS {
        produce(bootstrap, topic, codec, codec)?;
    }
    let consumer = consumer(bootstrap, topic)?;
    consumer.assign(&each_partition(topic, 0))?;
    read("read from the beginning", &consumer, &expected(CODECS, 0))
}

fn after(bootstrap: &str, topic: &str) -> Result<(), Failure> {
    let consumer = consumer(bootstrap, topic)?;
    consumer.assign(&each_partition(topic, half()))?;
    read("read from the middle", &consumer, &expected(CODECS, half()))?;
    produce(bootstrap, topic, "lz4", "late")?;
    let (all, end) = (CODECS.into_iter().chain(["late"]), half() * 2);
    read(
        "what came after the restart",
        &consumer,
        &expected(all, end),
    )?;
    let refused = consumer.commit(&each_partition(topic, 1), CommitMode::Sync);
    let unsupported = KafkaError::ConsumerCommit(RDKafkaError::UnsupportedFeature);
    check("a commit", &refused, &Err(unsupported));
    Ok(())
}

fn main() -> Result<(), Failure> {
    std::thread::spawn(|| {
        std::thread::sleep(PROGRAM_LIMIT);
        fail(&format!("not done after {PROGRAM_LIMIT:?}"));
    });
    println!("librdkafka {}", rdkafka::util::get_rdkafka_version().1);
    let arguments: Vec<String> = std::env::args().collect();
    match arguments[3].as_str() {
        "before" => before(&arguments[1], &arguments[2]),
        _ => after(&arguments[1], &arguments[2]),
    }
}
