//! A partition's log in memory, which can do what a cluster does to a log: refuse, lose its leader, commit late, lack replicas.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use barnabas_coordinator::runtime::{Commit, PartitionLog};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{batches, set_base_offset, set_partition_leader_epoch};
use tokio::sync::oneshot;

/// Clones are the same log.
#[derive(Clone, Default)]
pub struct MemoryLog(Arc<Mutex<State>>);

struct State {
    /// Batches, with the offset after each.
    batches: Vec<(i64, Vec<u8>)>,
    high_watermark: i64,
    /// In which this broker leads; `None` if another does.
    leads_in: Option<i32>,
    refuses_with: Option<ErrorCode>,
    is_unreadable: bool,
    during_read: Option<Box<dyn FnOnce() + Send>>,
    commits_late: bool,
    batch_bytes_max: usize,
    size_bytes: Option<u64>,
    waiting: Vec<(i64, oneshot::Sender<Result<(), ErrorCode>>)>,
}

impl Default for State {
    fn default() -> Self {
        State {
            batches: Vec::new(),
            high_watermark: 0,
            leads_in: Some(0),
            refuses_with: None,
            is_unreadable: false,
            during_read: None,
            commits_late: false,
            batch_bytes_max: 1 << 20,
            size_bytes: None,
            waiting: Vec::new(),
        }
    }
}

impl State {
    fn end(&self) -> i64 {
        self.batches.last().map_or(0, |(end, _)| *end)
    }

    fn push(&mut self, mut batch: Vec<u8>, records: i64, leader_epoch: i32) {
        let base_offset = self.end();
        set_base_offset(&mut batch, base_offset);
        set_partition_leader_epoch(&mut batch, leader_epoch);
        self.batches.push((base_offset + records, batch));
    }

    fn commit(&mut self) {
        self.high_watermark = self.end();
        for (end_offset, waiting) in std::mem::take(&mut self.waiting) {
            if end_offset <= self.high_watermark {
                let _ = waiting.send(Ok(()));
            } else {
                self.waiting.push((end_offset, waiting));
            }
        }
    }
}

impl MemoryLog {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A log of its own that holds the same.
    pub fn copy(&self) -> MemoryLog {
        let state = self.lock();
        MemoryLog(Arc::new(Mutex::new(State {
            batches: state.batches.clone(),
            high_watermark: state.high_watermark,
            ..State::default()
        })))
    }

    /// Every record: offset, key and value.
    pub fn records(&self) -> Vec<(i64, Vec<u8>, Option<Vec<u8>>)> {
        let mut records = Vec::new();
        for (_, bytes) in &self.lock().batches {
            for batch in batches(bytes) {
                let batch = batch.unwrap();
                records.extend(batch.records_in(batch.payload()).map(|record| {
                    let record = record.unwrap();
                    let offset = batch.header.base_offset + i64::from(record.offset_delta);
                    let key = record.key.expect("the coordinators' records have keys");
                    (offset, key.to_vec(), record.value.map(<[u8]>::to_vec))
                }));
            }
        }
        records
    }

    /// The leader epoch that each batch carries.
    pub fn epochs(&self) -> Vec<i32> {
        let state = self.lock();
        let batches = state.batches.iter().flat_map(|(_, bytes)| batches(bytes));
        batches
            .map(|batch| batch.unwrap().header.partition_leader_epoch)
            .collect()
    }

    /// Appends a batch as whoever led before has.
    pub fn push(&self, batch: Vec<u8>) {
        let records = i64::from(batches(&batch).next().unwrap().unwrap().header.last_offset_delta) + 1;
        let mut state = self.lock();
        state.push(batch, records, 0);
        state.commit();
    }

    /// Appends fail with this, or go well again.
    pub fn refuse(&self, error: Option<ErrorCode>) {
        self.lock().refuses_with = error;
    }

    /// It can't be read.
    pub fn break_disk(&self) {
        self.lock().is_unreadable = true;
    }

    /// Something happens while it is read the next time.
    pub fn during_read(&self, event: impl FnOnce() + Send + 'static) {
        self.lock().during_read = Some(Box::new(event));
    }

    /// No batch may be larger.
    pub fn limit_batches(&self, batch_bytes_max: usize) {
        self.lock().batch_bytes_max = batch_bytes_max;
    }

    /// It says that it is this large.
    pub fn pretend_size(&self, size_bytes: u64) {
        self.lock().size_bytes = Some(size_bytes);
    }

    /// Followers are behind: what is appended is committed by [`Self::commit`].
    pub fn commit_late(&self) {
        self.lock().commits_late = true;
    }

    /// The followers have caught up.
    pub fn commit(&self) {
        self.lock().commit();
    }

    /// Another leader has not got what isn't committed: it goes, and that one leads in this epoch here.
    pub fn fail_over(&self, leader_epoch: i32) {
        self.lead_in(Some(leader_epoch));
        let mut state = self.lock();
        let high_watermark = state.high_watermark;
        state.batches.retain(|(end, _)| *end <= high_watermark);
    }

    /// This broker leads in another epoch, or not at all. Whoever waits is told.
    pub fn lead_in(&self, leader_epoch: Option<i32>) {
        let mut state = self.lock();
        state.leads_in = leader_epoch;
        for (_, waiting) in std::mem::take(&mut state.waiting) {
            let _ = waiting.send(Err(ErrorCode::NotLeaderOrFollower));
        }
    }
}

impl PartialEq for MemoryLog {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartitionLog for MemoryLog {
    fn name(&self) -> impl std::fmt::Display {
        "memory-0"
    }

    fn offsets(&self) -> (i64, i64) {
        (0, self.lock().end())
    }

    fn size_bytes(&self) -> u64 {
        let state = self.lock();
        let size = state.batches.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        state.size_bytes.unwrap_or(size)
    }

    fn batch_bytes_max(&self) -> usize {
        self.lock().batch_bytes_max
    }

    fn read(&self, offset: i64, max_bytes: u32) -> io::Result<Vec<u8>> {
        let event = self.lock().during_read.take();
        if let Some(event) = event {
            event();
        }
        let state = self.lock();
        if state.is_unreadable {
            return Err(io::Error::other("broken"));
        }
        let mut bytes = Vec::new();
        for (end, batch) in &state.batches {
            if *end > offset && (bytes.is_empty() || bytes.len() + batch.len() <= max_bytes as usize) {
                bytes.extend_from_slice(batch);
            }
        }
        Ok(bytes)
    }

    fn append(&self, bytes: &mut [u8], leader_epoch: i32, _wall_ms: i64) -> Result<i64, ErrorCode> {
        let mut state = self.lock();
        if state.leads_in != Some(leader_epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if let Some(error) = state.refuses_with {
            return Err(error);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = batches(rest).next().unwrap().unwrap().header;
            let (batch, behind) = rest.split_at(header.size_in_bytes());
            state.push(
                batch.to_vec(),
                i64::from(header.last_offset_delta) + 1,
                leader_epoch,
            );
            rest = behind;
        }
        if !state.commits_late {
            state.commit();
        }
        Ok(state.end())
    }

    fn commit_of(&self, end_offset: i64, leader_epoch: i32) -> Result<Option<Commit>, ErrorCode> {
        let mut state = self.lock();
        if state.leads_in != Some(leader_epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if state.high_watermark >= end_offset {
            return Ok(None);
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push((end_offset, sender));
        Ok(Some(receiver))
    }
}
