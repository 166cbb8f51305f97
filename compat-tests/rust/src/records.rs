//! Producer and consumer.

use std::time::Instant;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientContext, Offset, Timestamp};

use crate::workload::{self, CODECS, FIRST_TIMESTAMP, PARTITIONS, Record, STEP_MS, Seen, check, check_seen};
use crate::{DEADLINE, Failure, GROUP, TOPIC};

/// Collects delivery reports.
#[derive(Default)]
struct Reports {
    placed: std::sync::Mutex<Vec<Result<(i32, i64), KafkaError>>>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let placed = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        self.placed
            .lock()
            .expect("no panic while it is held")
            .push(placed);
    }
}

fn produce(
    bootstrap: &str,
    codec: &str,
    records: &[Record],
    idempotent: bool,
) -> Result<Vec<Result<(i32, i64), KafkaError>>, Failure> {
    let producer: ThreadedProducer<Reports> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("compression.type", codec)
        .set("linger.ms", "50")
        .set("enable.idempotence", idempotent.to_string())
        .create_with_context(Reports::default())?;
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_deref(),
            });
        }
        let mut wire = BaseRecord::<[u8], [u8]>::to(TOPIC)
            .partition(record.partition)
            .timestamp(record.timestamp)
            .headers(headers);
        if let Some(key) = &record.key {
            wire = wire.key(key);
        }
        if let Some(value) = &record.value {
            wire = wire.payload(value);
        }
        producer.send(wire).map_err(|(error, _)| error)?;
    }
    producer.flush(DEADLINE)?;
    println!("ok produced with {codec}");
    Ok(std::mem::take(
        &mut producer
            .context()
            .placed
            .lock()
            .expect("no panic while it is held"),
    ))
}

fn consumer(bootstrap: &str) -> Result<BaseConsumer, Failure> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", GROUP)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .create()?)
}

fn read(consumer: &BaseConsumer, count: usize) -> Result<Seen, Failure> {
    let (mut seen, mut left, until) = (Seen::new(), count, Instant::now() + DEADLINE);
    while left > 0 {
        if Instant::now() > until {
            return Err(format!("WRONG: {left} of {count} records missing, got {seen:?}").into());
        }
        let Some(message) = consumer.poll(DEADLINE / 60) else {
            continue;
        };
        let message = message?;
        let Timestamp::CreateTime(timestamp) = message.timestamp() else {
            return Err(format!("WRONG timestamp {:?}", message.timestamp()).into());
        };
        let headers = message.headers().map(|headers| {
            headers
                .iter()
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect()
        });
        let record = Record {
            partition: message.partition(),
            timestamp,
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        };
        if seen
            .entry(record.partition)
            .or_default()
            .insert(message.offset(), record)
            .is_some()
        {
            return Err(format!("WRONG: offset {} seen twice", message.offset()).into());
        }
        left -= 1;
    }
    Ok(seen)
}

fn each_partition(offset: impl Fn(i32) -> Offset) -> Result<TopicPartitionList, Failure> {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, offset(partition))?;
    }
    Ok(list)
}

fn offsets(list: &TopicPartitionList) -> Vec<Offset> {
    (0..PARTITIONS)
        .filter_map(|partition| Some(list.find_partition(TOPIC, partition)?.offset()))
        .collect()
}

/// Produces everything, reads it as a group and commits half of each partition.
pub fn before(bootstrap: &str) -> Result<(), Failure> {
    for (index, (codec, records)) in workload::batches().iter().enumerate() {
        let failed = produce(bootstrap, codec, records, index % 2 == 1)?
            .into_iter()
            .filter(Result::is_err)
            .count();
        check("failed deliveries", failed, 0);
    }
    let consumer = consumer(bootstrap)?;
    consumer.subscribe(&[TOPIC])?;
    let want = workload::expected();
    check_seen("read by group", &read(&consumer, workload::count(&want))?, &want);
    consumer.commit(
        &each_partition(|partition| Offset::Offset(workload::half(partition)))?,
        CommitMode::Sync,
    )?;
    println!("ok commit");
    Ok(())
}

/// Resumes from the commit, and seeks.
pub fn after(bootstrap: &str) -> Result<(), Failure> {
    let consumer = consumer(bootstrap)?;
    consumer.subscribe(&[TOPIC])?;
    let want = workload::past_half();
    check_seen(
        "resume from the commit",
        &read(&consumer, workload::count(&want))?,
        &want,
    );
    // Only now: this call does not wait while the coordinator loads.
    let halves: Vec<Offset> = (0..PARTITIONS)
        .map(|partition| Offset::Offset(workload::half(partition)))
        .collect();
    let kept = consumer.committed_offsets(each_partition(|_| Offset::Invalid)?, DEADLINE)?;
    check("committed", offsets(&kept), halves);
    let (all, late) = (workload::expected(), workload::late());
    let end = all[&0].len() as i64;
    let placed = produce(bootstrap, CODECS[4], std::slice::from_ref(&late), true)?;
    check("offset after the restart", placed, vec![Ok((0, end))]);
    let came = read(&consumer, 1)?;
    check_seen(
        "what came after the restart",
        &came,
        &Seen::from([(0, [(end, late)].into())]),
    );

    consumer.seek(TOPIC, 0, Offset::Offset(7), DEADLINE)?;
    check_seen(
        "seek to an offset",
        &read(&consumer, 1)?,
        &Seen::from([(0, [(7, all[&0][&7].clone())].into())]),
    );
    let times = each_partition(|partition| {
        Offset::Offset(match partition {
            0 => FIRST_TIMESTAMP + 100_000_000,
            1 => all[&1][&4].timestamp,
            _ => all[&2][&2].timestamp - STEP_MS / 2,
        })
    })?;
    let found = consumer.offsets_for_times(times, DEADLINE)?;
    check(
        "offsets for times",
        offsets(&found),
        vec![Offset::End, Offset::Offset(4), Offset::Offset(2)],
    );
    check(
        "watermarks",
        consumer.fetch_watermarks(TOPIC, 0, DEADLINE)?,
        (0, end + 1),
    );

    let replay = self::consumer(bootstrap)?;
    let mut one = TopicPartitionList::new();
    one.add_partition_offset(TOPIC, 2, Offset::Offset(2))?;
    replay.assign(&one)?;
    check_seen(
        "seek to a timestamp",
        &read(&replay, 1)?,
        &Seen::from([(2, [(2, all[&2][&2].clone())].into())]),
    );
    Ok(())
}

/// A record over the topic's max.message.bytes.
pub fn too_large(bootstrap: &str) -> Result<(), Failure> {
    let large = Record {
        value: Some(vec![b'z'; 5_000]),
        timestamp: FIRST_TIMESTAMP,
        ..Record::default()
    };
    let refused = vec![Err(KafkaError::MessageProduction(
        RDKafkaErrorCode::MessageSizeTooLarge,
    ))];
    check(
        "a record too large",
        produce(bootstrap, "none", &[large], false)?,
        refused,
    );
    Ok(())
}
