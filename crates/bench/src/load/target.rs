//! What measurements have in common on the command line: the server and its topic, the window, what is
//! produced.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barnabas_protocol::records::Compression;
use mio::net::TcpStream;
use serde::Serialize;
use uuid::Uuid;

use crate::admin::{self, Admin};
use crate::batch::Batch;
use crate::engine::Window;
use crate::error::Failure;
use crate::frames::{self, FetchLimits};
use crate::options::Options;
use crate::roles::consumer::BatchShape;
use crate::roles::sender::{Manner, Prepared};
use crate::shared::Class;

/// Where the server is, and the topic that is used.
#[derive(Debug)]
pub struct Target {
    /// The server's address.
    pub address: SocketAddr,
    /// A floor program: it has no topics and answers for any.
    pub is_floor: bool,
    /// The topic's name.
    pub topic: String,
    /// Its partitions.
    pub partitions: i32,
    /// Its id.
    pub topic_id: Uuid,
    /// It was there before, so there is something in it.
    pub is_old: bool,
    /// It stays after the measurement.
    keep: bool,
}

impl Target {
    /// Takes `--address`, `--floor`, `--topic`, `--partitions`, `--topic-configs`, `--keep`; creates the
    /// topic unless it is there.
    pub fn open(options: &mut Options) -> Result<Target, Failure> {
        let address = options.required("address")?;
        let is_floor = options.flag("floor");
        let topic: String = options.take("topic", "bench".to_owned())?;
        let partitions = options.take("partitions", 1)?;
        let configs: String = options.take("topic-configs", String::new())?;
        let configs: Vec<(&str, &str)> = configs
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let keep = options.flag("keep");
        let (topic_id, is_old) = if is_floor {
            (Uuid::nil(), false)
        } else {
            Admin::connect(address)?.create_topic(&topic, partitions, &configs)?
        };
        Ok(Target {
            address,
            is_floor,
            topic,
            partitions,
            topic_id,
            is_old,
            keep,
        })
    }

    /// Opens connections for the engine.
    pub fn streams(&self, count: usize) -> Result<impl Iterator<Item = TcpStream> + use<>, Failure> {
        admin::raise_descriptor_limit();
        let streams = admin::connections(self.address, count)?;
        for stream in &streams {
            stream.set_nonblocking(true).map_err(Failure::io("connect"))?;
        }
        Ok(streams.into_iter().map(TcpStream::from_std))
    }

    /// Deletes the topic, unless it is to stay.
    pub fn close(&self) -> Result<(), Failure> {
        if self.is_floor || self.keep {
            Ok(())
        } else {
            Admin::connect(self.address)?.delete_topic(&self.topic)
        }
    }
}

/// Takes `--warm-up`, `--seconds`, `--bytes-max`, `--pid`, `--rate`, `--beside`.
pub fn window(options: &mut Options) -> Result<Window, Failure> {
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
        beside: options.flag("beside"),
    })
}

/// Different batches that are filled in where records have keys.
const KEYED_BATCHES: u64 = 256;

/// What is produced: the same batch again and again, or some with keys.
#[derive(Debug)]
pub struct Content {
    /// The batch.
    pub batch: Batch,
    /// Batches with keys, if records are to have any.
    keyed: Vec<Batch>,
    /// The acks that are asked for.
    pub acks: i16,
}

impl Content {
    /// Takes `--batch`, `--record`, `--codec`, `--acks`, `--keys`.
    pub fn take(options: &mut Options) -> Result<Content, Failure> {
        let batch_bytes = options.bytes("batch", 16 << 10)? as usize;
        let record_bytes = options.bytes("record", 1000)? as usize;
        let name: String = options.take("codec", "none".to_owned())?;
        let codec = (0..=4)
            .filter_map(|id| Compression::from_id(id).ok())
            .find(|codec| codec.name() == name)
            .ok_or_else(|| Failure::Usage(format!("--codec {name}: none, gzip, snappy, lz4 or zstd")))?;
        let acks = options.take("acks", 1)?;
        let keys: u64 = options.take("keys", 0)?;
        let batch = Batch::new(batch_bytes, record_bytes, codec, now_ms())?;
        let seeds = 0..if keys > 0 { KEYED_BATCHES } else { 0 };
        let keyed = seeds.map(|seed| Batch::keyed(batch_bytes, record_bytes, codec, now_ms(), keys, seed));
        let keyed = keyed.collect::<Result<_, _>>()?;
        Ok(Content { batch, keyed, acks })
    }

    /// Batches of so many bytes, uncompressed.
    pub fn of_size(batch_bytes: usize) -> Result<Content, Failure> {
        let batch = Batch::new(batch_bytes, 1000, Compression::None, now_ms())?;
        Ok(Content {
            batch,
            keyed: Vec::new(),
            acks: 1,
        })
    }

    /// The batch's size.
    pub fn shape(&self) -> BatchShape {
        BatchShape {
            bytes: self.batch.bytes.len(),
            records: self.batch.records,
        }
    }

    /// A Produce of each batch to each partition.
    pub fn frames(&self, target: &Target) -> Result<Rc<[Prepared]>, Failure> {
        self.frames_with(target, self.acks)
    }

    fn frames_with(&self, target: &Target, acks: i16) -> Result<Rc<[Prepared]>, Failure> {
        let batches = if self.keyed.is_empty() {
            std::slice::from_ref(&self.batch)
        } else {
            &self.keyed
        };
        let each = batches
            .iter()
            .flat_map(|batch| (0..target.partitions).map(move |partition| (batch, partition)));
        each.map(|(batch, partition)| {
            let frame = frames::produce(target.topic_id, partition, acks, None, batch.bytes.clone())?;
            Ok(Prepared {
                frame: frame.freeze(),
                batch_bytes: batch.bytes.len(),
                records: batch.records,
            })
        })
        .collect()
    }

    /// How a producer of this behaves.
    pub fn manner(&self, in_flight_max: usize, open_loop: bool, gated: bool) -> Manner {
        Manner {
            class: Class::Produce,
            error_at: frames::PRODUCE_ERROR_AT,
            in_flight_max,
            open_loop,
            answered: self.acks != 0,
            gated,
        }
    }

    /// Produces `bytes` round the partitions, at least one batch to each.
    pub fn fill(&self, target: &Target, bytes: u64) -> Result<Filled, Failure> {
        /// Frames on their way while earlier answers are read.
        const AHEAD: u64 = 8;
        let frames = self.frames_with(target, 1)?; // Answered, whatever is measured.
        let count = (bytes / self.batch.bytes.len() as u64).max(target.partitions as u64);
        let mut filled = Filled::default();
        let mut admin = Admin::connect(target.address)?;
        for number in 0..count + AHEAD {
            if number < count {
                let prepared = &frames[number as usize % frames.len()];
                admin.send(&prepared.frame)?;
                filled.bytes += prepared.batch_bytes as u64;
                filled.records += u64::from(prepared.records);
            }
            if number >= AHEAD && number - AHEAD < count {
                crate::answers::check_error("Produce", &admin.receive()?, frames::PRODUCE_ERROR_AT)?;
            }
        }
        Ok(filled)
    }
}

/// What a topic was filled with.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub struct Filled {
    /// Bytes of record batches.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
}

/// `fill`: produces `--bytes` to a topic and leaves it.
pub fn fill(mut options: Options) -> Result<Filled, Failure> {
    let target = Target::open(&mut options)?;
    let content = Content::take(&mut options)?;
    let bytes = options.bytes("bytes", 0)?;
    options.take_given::<u32>("pid")?; // Nothing is measured.
    options.finish()?;
    content.fill(&target, bytes)
}

/// Takes `--max-wait-ms`, `--fetch-bytes`.
pub fn limits(options: &mut Options) -> Result<FetchLimits, Failure> {
    Ok(FetchLimits {
        max_wait_ms: options.take("max-wait-ms", 500)?,
        min_bytes: 1,
        partition_bytes_max: options.bytes("fetch-bytes", 1 << 20)? as i32,
    })
}

/// The time that records carry.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
