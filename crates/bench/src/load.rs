//! The measurements: each subcommand sets a topic up, makes connections with roles, and runs the engine.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barnabas_protocol::records::Compression;
use mio::net::TcpStream;
use uuid::Uuid;

use crate::admin::{self, Admin};
use crate::batch::Batch;
use crate::engine::{self, Report, Role, Window};
use crate::error::Failure;
use crate::frames::{self, FetchLimits};
use crate::options::Options;
use crate::roles::consumer::{BatchShape, Consumer};
use crate::roles::sender::{Identity, Manner, Prepared, Sender};
use crate::shared::{Class, Shared, Tail};

/// Where the server is, and the topic that is used.
struct Target {
    address: SocketAddr,
    /// A floor program: it has no topics and answers for any.
    is_floor: bool,
    topic: String,
    partitions: i32,
    topic_id: Uuid,
}

impl Target {
    fn open(options: &mut Options) -> Result<Target, Failure> {
        let address = options.required("address")?;
        let is_floor = options.flag("floor");
        let topic: String = options.take("topic", "bench".to_owned())?;
        let partitions = options.take("partitions", 1)?;
        let configs: String = options.take("topic-configs", String::new())?;
        let configs: Vec<(&str, &str)> = configs
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let given = options.take_given("topic-id")?;
        let topic_id = match given {
            Some(id) => id,
            None if is_floor => Uuid::nil(),
            None => Admin::connect(address)?.create_topic(&topic, partitions, &configs)?,
        };
        Ok(Target {
            address,
            is_floor,
            topic,
            partitions,
            topic_id,
        })
    }

    fn streams(&self, count: usize) -> Result<impl Iterator<Item = TcpStream> + use<>, Failure> {
        raise_descriptor_limit();
        let streams = admin::connections(self.address, count)?;
        for stream in &streams {
            stream.set_nonblocking(true).map_err(Failure::io("connect"))?;
        }
        Ok(streams.into_iter().map(TcpStream::from_std))
    }

    fn delete(&self) -> Result<(), Failure> {
        if self.is_floor {
            Ok(())
        } else {
            Admin::connect(self.address)?.delete_topic(&self.topic)
        }
    }
}

/// The window that all measurements take.
fn window(options: &mut Options) -> Result<Window, Failure> {
    let seconds = |options: &mut Options, name: &str, default: f64| {
        let seconds = options.take(name, default)?;
        Duration::try_from_secs_f64(seconds).map_err(|error| Failure::Usage(format!("--{name}: {error}")))
    };
    Ok(Window {
        warm_up: seconds(options, "warm-up", 0.3)?,
        length: seconds(options, "seconds", 1.0)?,
        bytes_max: options.bytes("bytes-max", u64::MAX)?,
        pid: options.take_given("pid")?,
        rate: options.take_given("rate")?,
    })
}

/// What is produced.
struct Content {
    batch: Batch,
    acks: i16,
}

impl Content {
    fn take(options: &mut Options) -> Result<Content, Failure> {
        let batch_bytes = options.bytes("batch", 16 << 10)? as usize;
        let record_bytes = options.bytes("record", 1000)? as usize;
        let name: String = options.take("codec", "none".to_owned())?;
        let codec = (0..=4)
            .filter_map(|id| Compression::from_id(id).ok())
            .find(|codec| codec.name() == name)
            .ok_or_else(|| Failure::Usage(format!("--codec {name}: none, gzip, snappy, lz4 or zstd")))?;
        let acks = options.take("acks", 1)?;
        let batch = Batch::new(batch_bytes, record_bytes, codec, now_ms())?;
        Ok(Content { batch, acks })
    }

    fn shape(&self) -> BatchShape {
        BatchShape {
            bytes: self.batch.bytes.len(),
            records: self.batch.records,
        }
    }

    /// A frame for each partition.
    fn frames(&self, target: &Target) -> Result<Rc<[Prepared]>, Failure> {
        (0..target.partitions)
            .map(|partition| {
                let batch = self.batch.bytes.clone();
                let frame = frames::produce(target.topic_id, partition, self.acks, None, batch)?;
                Ok(Prepared {
                    frame: frame.freeze(),
                    batch_bytes: self.batch.bytes.len(),
                    records: self.batch.records,
                })
            })
            .collect()
    }

    fn manner(&self, in_flight_max: usize, open_loop: bool, gated: bool) -> Manner {
        Manner {
            class: Class::Produce,
            error_at: frames::PRODUCE_ERROR_AT,
            in_flight_max,
            open_loop,
            answered: self.acks != 0,
            gated,
        }
    }
}

fn limits(options: &mut Options) -> Result<FetchLimits, Failure> {
    Ok(FetchLimits {
        max_wait_ms: options.take("max-wait-ms", 500)?,
        min_bytes: 1,
        partition_bytes_max: options.bytes("fetch-bytes", 1 << 20)? as i32,
    })
}

/// `produce`: connections that send batches, each to one partition after the other; closed loop, or open with `--rate`.
pub fn produce(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 4)?;
    let in_flight = options.take("in-flight", 4)?;
    let idempotent = options.flag("idempotent");
    let keep = options.flag("keep");
    options.finish()?;

    let frames = content.frames(&target)?;
    let manner = content.manner(in_flight, window.rate.is_some(), false);
    let mut links: Vec<(TcpStream, Box<dyn Role>)> = Vec::with_capacity(connections);
    for (number, stream) in target.streams(connections)?.enumerate() {
        let identity = if idempotent && !target.is_floor {
            let (producer_id, producer_epoch) = Admin::connect(target.address)?.init_producer_id()?;
            Some(Identity {
                producer_id,
                producer_epoch,
            })
        } else {
            None
        };
        let first = number * frames.len() / connections;
        links.push((
            stream,
            Box::new(Sender::new(Rc::clone(&frames), first, manner.clone(), identity)?),
        ));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    if !keep {
        target.delete()?;
    }
    Ok(report)
}

/// `fetch`: fills a topic, then consumers read it from the start again and again (hot: out of the page cache).
pub fn fetch(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let connections: usize = options.take("connections", 1)?;
    let preload = options.bytes("preload", 512 << 20)?;
    let limits = limits(&mut options)?;
    let keep = options.flag("keep");
    options.finish()?;

    if !target.is_floor {
        fill(&target, &content, preload)?;
    }
    let mut links: Vec<(TcpStream, Box<dyn Role>)> = Vec::with_capacity(connections);
    for (number, stream) in target.streams(connections)?.enumerate() {
        let (first, step) = (
            number as i32 % target.partitions,
            connections.min(target.partitions as usize),
        );
        let partitions = (first..target.partitions).step_by(step);
        links.push((
            stream,
            Box::new(Consumer::new(
                target.topic_id,
                partitions,
                content.shape(),
                limits,
                None,
            )),
        ));
    }
    let report = engine::run(links, Shared::new(None), window)?;
    if !keep {
        target.delete()?;
    }
    Ok(report)
}

/// Produces `bytes` round the partitions, at least one batch to each.
fn fill(target: &Target, content: &Content, bytes: u64) -> Result<(), Failure> {
    let frames = content.frames(target)?;
    let count = (bytes / content.batch.bytes.len() as u64).max(frames.len() as u64);
    let mut admin = Admin::connect(target.address)?;
    for number in 0..count {
        let answer = admin.exchange(&frames[number as usize % frames.len()].frame)?;
        crate::answers::check_error("Produce", &answer, frames::PRODUCE_ERROR_AT)?;
    }
    Ok(())
}

/// `tail`: a producer and consumers that follow it; the producer waits while the slowest is `--window` batches behind.
/// With `--window 1` and small batches: end to end, one record at a time.
pub fn tail(mut options: Options) -> Result<Report, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let window = window(&mut options)?;
    let consumers: usize = options.take("consumers", 1)?;
    let ahead: u64 = options.take("window", 256)?;
    let in_flight = options.take("in-flight", 4)?;
    let limits = limits(&mut options)?;
    options.finish()?;

    let frames = content.frames(&target)?;
    let manner = content.manner(in_flight, window.rate.is_some(), true);
    let mut links: Vec<(TcpStream, Box<dyn Role>)> = Vec::with_capacity(consumers + 1);
    for (number, stream) in target.streams(consumers + 1)?.enumerate() {
        let role: Box<dyn Role> = match number.checked_sub(1) {
            None => Box::new(Sender::new(Rc::clone(&frames), 0, manner.clone(), None)?),
            Some(number) => Box::new(Consumer::new(
                target.topic_id,
                [0],
                content.shape(),
                limits,
                Some(number),
            )),
        };
        links.push((stream, role));
    }
    let tail = Tail::new(consumers, ahead * u64::from(content.batch.records));
    let report = engine::run(links, Shared::new(Some(tail)), window)?;
    target.delete()?;
    Ok(report)
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// Thousands of connections need as many descriptors: as many as the system gives without asking.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, the connections that are too many say so.
    let _ = setrlimit(Resource::Nofile, limit);
}
