//! `kafka-verifiable-producer`: Kafka's `VerifiableProducer`. It writes numbers that count up, and tells of
//! each whether it was written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::arguments::Known;
use super::events::{Event, now_ms};
use crate::arguments::{Options, Takes, Word, word};
use crate::client::new_record::NewRecord;
use crate::client::partitioner;
use crate::client::produce::Producer;
use crate::client::{Cluster, KafkaError, Properties, Stop};
use crate::console::Console;
use crate::console_producer::produce_settings;
use crate::failure::{Failure, Outcome};
use crate::java;

const NUMBER: Takes = Takes::Value("number");

#[rustfmt::skip]
const KNOWN: Known = Known {
    tool: "verifiable-producer",
    words: WORDS,
    required: &["topic", "bootstrap-server"],
    old_config: Some("producer.config"),
};

#[rustfmt::skip]
const WORDS: &[Word] = &[
    word("bootstrap-server", Takes::Value("host:port,..."), "Where to connect (required)."),
    word("topic", Takes::Value("topic"), "The topic to write to (required)."),
    word("max-messages", NUMBER, "How many records; -1, the default, for no end."),
    word("throughput", NUMBER, "Records a second; -1, the default, for as many as possible."),
    word("acks", NUMBER, "-1 (the default), 0 or 1."),
    word("message-create-time", Takes::Value("ms"), "The first record's timestamp, in milliseconds since 1970."),
    word("value-prefix", NUMBER, "Comes before each value, with a dot."),
    word("repeating-keys", NUMBER, "Keys count from 0 to below this, again and again."),
    word("producer.config", Takes::Value("file"), "The old name of --command-config."),
    word("command-config", Takes::Value("file"), "A file with properties of the client; they win."),
];

/// So many records are sent together at most.
const TOGETHER: usize = 500;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let options = KNOWN.parse(arguments, console)?;
    let writing = Writing::of(&options)?;
    let acks = match options.value("acks")?.unwrap_or("-1") {
        acks @ ("-1" | "0" | "1") => acks,
        other => {
            return KNOWN.refuse(&format!(
                "argument --acks: invalid choice: '{other}' (choose from {{0,1,-1}})"
            ));
        }
    };
    // Without retries, which leaves no idempotence.
    let of_options = [("acks", acks), ("retries", "0"), ("enable.idempotence", "false")];
    let of_options: Properties = of_options
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let properties = KNOWN.properties(&options, of_options, console)?;
    let or = |name: &str, default: &'static str| properties.get(name).map_or(default, String::as_str);
    let settings = produce_settings(
        &properties,
        or("acks", "-1"),
        or("request.timeout.ms", "30000"),
        or("retries", "0"),
        or("batch.size", "16384"),
        or("max.block.ms", "60000"),
    )?;
    let cluster = Cluster::new(&properties)?;
    let stop = Stop::listen(&cluster)?;
    let mut producer = Producer::new(&cluster, settings, now_ms() as u32);
    let began = Instant::now();
    console.line(Event::new("startup_complete").line());
    console.flush();
    let mut told = Told { sent: 0, acked: 0 };
    writing.write(&mut producer, (&cluster, &stop), &mut told, console);
    console.line(Event::new("shutdown_complete").line());
    let average = 1000.0 * (told.acked as f64 / began.elapsed().as_millis().max(1) as f64);
    let event = Event::new("tool_data")
        .number("sent", told.sent)
        .number("acked", told.acked)
        .number("target_throughput", writing.throughput)
        .raw("avg_throughput", &java::double(average));
    console.line(event.line());
    stop.code().map_or(Ok(()), |code| Err(Failure::Exit(code)))
}

struct Told {
    sent: i64,
    acked: i64,
}

/// What is to be written.
struct Writing {
    topic: String,
    most: i64,
    throughput: i64,
    prefix: Option<i32>,
    keys: Option<i64>,
    created: Option<i64>,
}

impl Writing {
    fn of(options: &Options) -> Outcome<Self> {
        let number = |name: &str| options.number::<i32>(name);
        Ok(Writing {
            topic: options.value("topic")?.unwrap_or_default().to_owned(),
            most: number("max-messages")?.map_or(-1, i64::from),
            throughput: number("throughput")?.map_or(-1, i64::from),
            prefix: number("value-prefix")?,
            keys: number("repeating-keys")?.map(i64::from).filter(|keys| *keys > 0),
            created: options
                .number::<i64>("message-create-time")?
                .filter(|ms| *ms != -1),
        })
    }

    fn record(&self, index: i64, began_ms: i64) -> NewRecord {
        let now = now_ms();
        let value = match self.prefix {
            Some(prefix) => format!("{prefix}.{index}"),
            None => index.to_string(),
        };
        NewRecord {
            key: self.keys.map(|keys| (index % keys).to_string().into_bytes()),
            value: Some(value.into_bytes()),
            headers: Vec::new(),
            timestamp: self.created.map_or(now, |created| created + (now - began_ms)),
        }
    }

    /// Writes all, in batches of one partition, and tells of each record.
    fn write(
        &self,
        producer: &mut Producer<'_>,
        (cluster, stop): (&Cluster, &Stop),
        told: &mut Told,
        console: &mut Console,
    ) {
        let (began, began_ms) = (Instant::now(), now_ms());
        let mut next = 0;
        while (self.most < 0 || next < self.most) && !stop.is_set() && console.flush() {
            let due = match self.throughput {
                rate if rate > 0 => (began.elapsed().as_secs_f64() * rate as f64) as i64 + 1 - next,
                0 => 0,
                _ => TOGETHER as i64,
            };
            if due <= 0 {
                cluster.pause(Duration::from_millis(2));
                continue;
            }
            let left = if self.most < 0 { i64::MAX } else { self.most - next };
            let count = due.min(TOGETHER as i64).min(left);
            let records = (next..next + count).map(|index| self.record(index, began_ms));
            next += count;
            told.sent += count;
            self.send(producer, records.collect(), told, console);
            cluster.pause(Duration::ZERO);
        }
    }

    fn send(
        &self,
        producer: &mut Producer<'_>,
        records: Vec<NewRecord>,
        told: &mut Told,
        console: &mut Console,
    ) {
        let count = match producer.partition_count(&self.topic) {
            Ok(count) => count,
            Err(error) => {
                records
                    .iter()
                    .for_each(|record| self.failed(record, &error, console));
                return;
            }
        };
        let sticky = (told.sent / TOGETHER as i64 % i64::from(count.max(1))) as i32;
        let mut of_partition: BTreeMap<i32, Vec<NewRecord>> = BTreeMap::new();
        for record in records {
            let key = record.key.as_deref();
            let index = key.map_or(sticky, |key| partitioner::of_key(key, count));
            of_partition.entry(index).or_default().push(record);
        }
        for (index, records) in of_partition {
            for record in records {
                if let Err(error) = producer.add(&self.topic, Some(index), record.clone()) {
                    self.failed(&record, &error, console);
                }
            }
            match producer.flush() {
                Ok(written) => {
                    for (records, outcome) in written {
                        self.told(index, &records, outcome, told, console);
                    }
                }
                Err(error) => console.error(error.to_string()),
            }
        }
    }

    fn told(
        &self,
        partition: i32,
        records: &[NewRecord],
        outcome: Result<i64, KafkaError>,
        told: &mut Told,
        console: &mut Console,
    ) {
        match outcome {
            Ok(base) => {
                for (record, at) in records.iter().zip(0..) {
                    told.acked += 1;
                    let offset = if base < 0 { -1 } else { base + at };
                    let event = keyed(Event::new("producer_send_success"), record)
                        .number("offset", offset)
                        .text("topic", Some(&self.topic))
                        .number("partition", i64::from(partition));
                    console.line(event.line());
                }
            }
            Err(error) => records
                .iter()
                .for_each(|record| self.failed(record, &error, console)),
        }
    }

    fn failed(&self, record: &NewRecord, error: &KafkaError, console: &mut Console) {
        let event = keyed(Event::new("producer_send_error"), record)
            .text("exception", Some(&format!("class {}", error.class)))
            .text("message", Some(&error.message))
            .text("topic", Some(&self.topic));
        console.line(event.line());
    }
}

fn keyed(event: Event, record: &NewRecord) -> Event {
    let text = |bytes: &Option<Vec<u8>>| {
        let bytes = bytes.as_ref()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    event
        .text("key", text(&record.key).as_deref())
        .text("value", text(&record.value).as_deref())
}
