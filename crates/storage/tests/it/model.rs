//! Random histories of a log against a plain list of batches. A failure names its seed.

use barnabas_environment::Random;
use barnabas_protocol::records::{Compression, batches};
use barnabas_storage::{AppendOrigin, Log, LogCheckpoint, LogConfig, LogDir, ReadBound};

use crate::fixture::{Fixture, batch};

/// One batch as it must be read back.
#[derive(Clone, Debug)]
struct Expected {
    base_offset: i64,
    last_offset: i64,
    epoch: i32,
    bytes: Vec<u8>,
    timestamps: Vec<i64>,
}

struct History {
    random: Random,
    fixture: Fixture,
    log_dir: Option<LogDir>,
    log: Option<Log>,
    batches: Vec<Expected>,
    log_start_offset: i64,
    log_end_offset: i64,
    epoch: i32,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let config = LogConfig {
            segment_bytes: 400 + random.below(4_000) as u32,
            index_interval_bytes: random.below(600) as u32,
            segment_index_bytes: 80 + random.below(400) as u32,
            segment_ms: 200 + random.below(100_000) as i64,
            preallocate: random.below(4) == 0,
            ..LogConfig::default()
        };
        let fixture = Fixture::new(config);
        let log_dir = fixture.open();
        let log = fixture.create(&log_dir, 0);
        History {
            random,
            fixture,
            log: Some(log),
            log_dir: Some(log_dir),
            batches: Vec::new(),
            log_start_offset: 0,
            log_end_offset: 0,
            epoch: 0,
        }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..50 => self.append(),
            50..75 => self.read(),
            75..80 => self.look_up_time(),
            80..83 => self.truncate(),
            83..85 => self.advance_start(),
            85..87 => self.log().flush().unwrap(),
            87..88 => self.flush_rolled(),
            88..90 => self.log().release().unwrap(),
            90..91 => self.log().release_if_idle().unwrap(),
            91..93 => self.new_epoch(),
            93..94 => self.checkpoint(),
            94..97 => self.reopen(true),
            97..100 => self.reopen(false),
            _ => unreachable!(),
        }
        let (start, end) = (self.log_start_offset, self.log_end_offset);
        let log = self.log();
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, end));
    }

    fn append(&mut self) {
        let mut bytes = Vec::new();
        let mut new = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let count = 1 + self.random.below(4);
            let records: Vec<(i64, Vec<u8>)> = (0..count)
                .map(|_| {
                    (
                        self.random.below(5_000) as i64,
                        vec![self.random.u64() as u8; self.random.below(60) as usize],
                    )
                })
                .collect();
            let codec = if self.random.below(3) == 0 {
                Compression::Lz4
            } else {
                Compression::None
            };
            let one = batch(codec, &records);
            new.push((
                one.len(),
                records
                    .iter()
                    .map(|(timestamp, _)| *timestamp)
                    .collect::<Vec<i64>>(),
            ));
            bytes.extend_from_slice(&one);
        }
        if bytes.len() > self.fixture.config.segment_bytes as usize {
            return;
        }
        let epoch = self.epoch;
        let info = self
            .log()
            .append(&mut bytes, epoch, AppendOrigin::Client, 9_000)
            .unwrap();
        assert_eq!(info.base_offset, self.log_end_offset);
        let mut at = 0;
        for (len, timestamps) in new {
            let base_offset = self.log_end_offset;
            self.log_end_offset += timestamps.len() as i64;
            let last_offset = self.log_end_offset - 1;
            let bytes = bytes[at..at + len].to_vec();
            self.batches.push(Expected {
                base_offset,
                last_offset,
                epoch,
                bytes,
                timestamps,
            });
            at += len;
        }
        assert_eq!(info.last_offset, self.log_end_offset - 1);
    }

    /// Any offset at any limits gives bytes that the list says lie there.
    fn read(&mut self) {
        let span = (self.log_end_offset - self.log_start_offset) as u64;
        let offset = self.log_start_offset + self.random.below(span + 1) as i64;
        let boundary = self.random.below(self.batches.len() as u64 + 1) as usize;
        let upper = self
            .batches
            .get(boundary)
            .map_or(self.log_end_offset, |batch| batch.base_offset);
        let max_bytes = self.random.below(900) as u32;
        let whole = self.random.below(2) == 0;
        let slice = self
            .log()
            .read(offset, max_bytes, ReadBound::HighWatermark(upper), whole)
            .unwrap();
        let bytes = slice.to_vec().unwrap();
        let from = self.batches.partition_point(|batch| batch.last_offset < offset);
        let to = self.batches.partition_point(|batch| batch.base_offset < upper);
        let readable: Vec<u8> = self
            .batches
            .get(from..to.max(from))
            .unwrap_or_default()
            .iter()
            .flat_map(|b| b.bytes.clone())
            .collect();
        if readable.is_empty() || offset >= upper {
            assert!(bytes.is_empty(), "offset {offset} below {upper}");
            return;
        }
        let first = self.batches[from].bytes.len();
        let limit = if whole {
            first.max(max_bytes as usize)
        } else {
            max_bytes as usize
        };
        assert!(bytes.len() <= limit);
        assert!(readable.starts_with(&bytes), "offset {offset} below {upper}");
        // Nothing but the limit and the end of a segment may cut the answer off, and a segment ends with a
        // batch.
        if bytes.len() < limit && bytes.len() < readable.len() {
            let read: usize = batches(&bytes).map(|batch| batch.unwrap().bytes.len()).sum();
            assert_eq!(read, bytes.len());
            assert!(read > 0);
        }
        assert_eq!(slice.first_batch_incomplete, bytes.len() < first);
    }

    fn look_up_time(&mut self) {
        let wanted = self.random.below(5_100) as i64;
        let start = self.log_start_offset;
        let records = || {
            self.batches
                .iter()
                .flat_map(|b| (b.base_offset..).zip(b.timestamps.iter().copied()))
        };
        let expected = records().find(|(offset, timestamp)| *offset >= start && *timestamp >= wanted);
        let log = self.log.as_mut().unwrap();
        let found = log
            .offset_for_timestamp(wanted)
            .unwrap()
            .map(|found| (found.offset, found.timestamp));
        assert_eq!(found, expected, "time {wanted}");
    }

    fn truncate(&mut self) {
        if self.random.below(8) == 0 {
            let offset = self.random.below(1_000) as i64;
            self.log().truncate_fully_and_start_at(offset).unwrap();
            self.batches.clear();
            (self.log_start_offset, self.log_end_offset) = (offset, offset);
        } else if let Some(batch) = self
            .random_batch()
            .filter(|batch| batch.base_offset >= self.log_start_offset)
        {
            assert!(self.log().truncate_to(batch.base_offset).unwrap());
            self.batches.retain(|known| known.base_offset < batch.base_offset);
            self.log_end_offset = batch.base_offset;
        }
        // A truncation comes from a leader that knows better.
        self.epoch += 1;
    }

    fn random_batch(&mut self) -> Option<Expected> {
        let recent = self.batches.len().min(12) as u64;
        let back = (recent > 0).then(|| self.random.below(recent) as usize)?;
        self.batches.iter().rev().nth(back).cloned()
    }

    fn advance_start(&mut self) {
        if let Some(batch) = self.random_batch()
            && self.random.below(3) == 0
        {
            let end = self.log_end_offset;
            self.log()
                .advance_log_start_offset(batch.base_offset, end)
                .unwrap();
            self.log_start_offset = self.log_start_offset.max(batch.base_offset);
        }
    }

    fn flush_rolled(&mut self) {
        if let Some(flush) = self.log().begin_rolled_flush().unwrap() {
            let before = self.log().recovery_point();
            let truncated = self.random.below(3) == 0 && self.log_end_offset > 0;
            if truncated {
                self.truncate();
            }
            let outcome = flush.run();
            self.log().flushed(&flush, outcome).unwrap();
            assert!(truncated || self.log().recovery_point() > before);
            assert!(self.log().recovery_point() <= self.log_end_offset);
        }
    }

    fn new_epoch(&mut self) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.log().assign_leader_epoch(epoch).unwrap();
        assert_eq!(self.log().latest_epoch().unwrap(), Some(epoch));
    }

    fn checkpoint(&mut self) {
        let log = self.log.as_ref().unwrap();
        let checkpoint = LogCheckpoint {
            topic: log.topic().clone(),
            partition: 0,
            recovery_point: log.recovery_point(),
            log_start_offset: log.log_start_offset(),
            high_watermark: 0,
        };
        self.log_dir
            .as_ref()
            .unwrap()
            .write_checkpoints(&[checkpoint])
            .unwrap();
    }

    fn reopen(&mut self, clean: bool) {
        let (mut log, log_dir) = (self.log.take().unwrap(), self.log_dir.take().unwrap());
        if clean {
            self.fixture.shut_down(&log_dir, &mut log);
            drop(log_dir);
        } else {
            // The log start offset is known only to the checkpoints.
            (self.log, self.log_dir) = (Some(log), Some(log_dir));
            self.checkpoint();
            log = self.log.take().unwrap();
            drop(self.log_dir.take());
            self.tear(log.recovery_point());
        }
        drop(log);
        let log_dir = self.fixture.open();
        let (mut logs, was_clean) = self.fixture.load(&log_dir);
        assert_eq!(was_clean, clean);
        let log = logs.pop().unwrap_or_else(|| self.fixture.create(&log_dir, 0));
        (self.log, self.log_dir) = (Some(log), Some(log_dir));
    }

    /// What a crash leaves behind the last whole batch, and of the indexes.
    fn tear(&mut self, recovery_point: i64) {
        let folder = self.fixture.path().join("orders-0");
        if !folder.exists() {
            return;
        }
        let files = self.fixture.files();
        let base_offset = |name: &String| {
            name.split('.')
                .next()
                .and_then(|digits| digits.parse::<i64>().ok())
        };
        let logs = files.iter().filter(|name| name.ends_with(".log"));
        let last = logs.clone().next_back().unwrap();
        let first_unflushed = logs
            .filter_map(base_offset)
            .rfind(|offset| *offset <= recovery_point)
            .unwrap_or(0);
        let mut bytes = std::fs::read(folder.join(last)).unwrap();
        let torn = self.random.below(150) as usize;
        match self.random.below(3) {
            0 => bytes.resize(bytes.len() + torn, 0),
            1 => bytes.extend((0..torn).map(|_| self.random.u64() as u8)),
            _ => bytes.extend_from_slice(&batch(Compression::None, &[(0, vec![1; 150])])[..torn]),
        }
        std::fs::write(folder.join(last), bytes).unwrap();
        for name in files.iter().filter(|name| name.ends_with("index")) {
            let flushed = base_offset(name).is_some_and(|offset| offset < first_unflushed);
            match self.random.below(10) {
                0 => std::fs::remove_file(folder.join(name)).unwrap(),
                1 if !flushed => {
                    let mut bytes = std::fs::read(folder.join(name)).unwrap();
                    bytes.truncate(self.random.below(bytes.len() as u64 + 1) as usize);
                    std::fs::write(folder.join(name), bytes).unwrap();
                }
                _ => {}
            }
        }
    }

    fn check_all(&mut self) {
        let mut offset = self.log_start_offset;
        let start = offset;
        let mut expected = self
            .batches
            .clone()
            .into_iter()
            .filter(|batch| batch.last_offset >= start);
        while offset < self.log_end_offset {
            let bytes = self
                .log()
                .read(offset, 1 << 20, ReadBound::LogEnd, true)
                .unwrap()
                .to_vec()
                .unwrap();
            for batch in batches(&bytes) {
                let batch = batch.unwrap();
                let expected = expected.next().unwrap();
                assert_eq!(batch.bytes, expected.bytes);
                assert_eq!(batch.header.partition_leader_epoch, expected.epoch);
                let epoch = self
                    .log()
                    .epoch_for_offset(batch.header.base_offset.max(offset))
                    .unwrap();
                assert_eq!(epoch, Some(expected.epoch));
                offset = batch.header.next_offset();
            }
        }
        assert!(expected.next().is_none());
        let size: usize = self.log.as_ref().unwrap().size_bytes() as usize;
        let readable: usize = self.batches.iter().map(|batch| batch.bytes.len()).sum();
        assert_eq!(size, readable);
    }
}

fn run(seed: u64) {
    let mut history = History::new(seed);
    for step in 0..150 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            history.step();
            if step % 25 == 24 {
                history.check_all();
            }
        }));
        if let Err(panic) = outcome {
            eprintln!("seed {seed}, step {step}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn random_histories_agree_with_the_list() {
    let seeds: u64 = std::env::var("STORAGE_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20);
    (0..seeds).for_each(run);
}
