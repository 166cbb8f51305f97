//! The share partition case by case: what happens, and what the window is then.

mod acknowledged;
mod acquired;
mod extended;
mod offsets;

use crate::delivery::MemberId;
use crate::record_state::RecordState;
use crate::{
    Acknowledgement, Acquire, AcquireMode, AcquiredRecords, Extensions, GroupSettings, Refusal,
    SharePartition, Span, Write,
};

/// Apache Kafka's defaults.
pub const SETTINGS: GroupSettings = GroupSettings {
    max_record_locks: 2000,
    delivery_count_limit: 5,
    record_lock_duration_ms: 30_000,
    renew_acknowledge_enable: true,
    dead_letters: false,
    extensions: Extensions {
        backoff_ms: 0,
        backoff_max_ms: 0,
        deliver_at: false,
        key_order: false,
        selects: false,
    },
};

/// First offset, last offset and acknowledge types.
pub type Range<'a> = (i64, i64, &'a [i8]);

/// A share partition over a log in which each ten offsets are a batch, unless a test has others.
pub struct Case {
    pub partition: SharePartition,
    pub settings: GroupSettings,
    pub log: Vec<Span>,
    pub mode: AcquireMode,
    pub batch_size: i32,
    pub now_ms: i64,
}

impl Case {
    pub fn new(batches: i64) -> Self {
        let log = (0..batches).map(|at| Span {
            first_offset: at * 10,
            last_offset: at * 10 + 9,
        });
        Case {
            partition: SharePartition::new(0),
            settings: SETTINGS,
            log: log.collect(),
            mode: AcquireMode::BatchOptimized,
            batch_size: 500,
            now_ms: 0,
        }
    }

    /// A member fetches; the answer as text.
    pub fn fetch(&mut self, member: &str, max_records: i32) -> String {
        self.fetch_without(member, max_records, &[])
    }

    pub fn fetch_without(&mut self, member: &str, max_records: i32, aborted: &[Span]) -> String {
        let member: MemberId = member.into();
        let fetch_offset = self.partition.next_fetch_offset();
        if !self.partition.can_acquire(&self.settings) {
            return "full".to_owned();
        }
        let fetched: Vec<Span> = self
            .log
            .iter()
            .filter(|span| span.last_offset >= fetch_offset)
            .copied()
            .collect();
        let wanted = Acquire {
            member: &member,
            mode: self.mode,
            batch_size: self.batch_size,
            max_records,
            fetch_offset,
        };
        let acquired = self
            .partition
            .acquire(&wanted, &fetched, aborted, &self.settings, self.now_ms);
        let shown = acquired.iter().map(|records: &AcquiredRecords| {
            let (first, last) = (records.first_offset, records.last_offset);
            format!("{first}-{last}x{}", records.delivery_count)
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    pub fn acknowledge(&mut self, member: &str, ranges: &[Range<'_>]) -> Result<Option<Write>, Refusal> {
        let member: MemberId = member.into();
        let acknowledgements: Vec<Acknowledgement<'_>> = ranges
            .iter()
            .map(|(first_offset, last_offset, types)| Acknowledgement {
                first_offset: *first_offset,
                last_offset: *last_offset,
                types,
            })
            .collect();
        self.partition
            .acknowledge(&member, &acknowledgements, &self.settings, self.now_ms)
    }

    /// Acknowledges, and the write comes back.
    pub fn settle(&mut self, member: &str, ranges: &[Range<'_>]) {
        let write = self
            .acknowledge(member, ranges)
            .unwrap()
            .expect("something to be written");
        self.partition.complete(&write, true, &self.settings, self.now_ms);
    }

    /// The window as text: start offset, runs (batches apart by a bar), end offset.
    pub fn window(&self) -> String {
        let batches = self.partition.window.batches().map(|batch| {
            let runs = batch.runs().iter().map(|run| {
                let state = match run.delivery.state {
                    RecordState::Available => "avail",
                    RecordState::Acquired => "acq",
                    RecordState::Acknowledged => "ack",
                    RecordState::Archiving => "arching",
                    RecordState::Archived => "arch",
                };
                let held = run
                    .delivery
                    .lock
                    .as_ref()
                    .map_or(String::new(), |lock| format!("@{}", lock.member));
                let writing = if run.delivery.write.is_some() { "!" } else { "" };
                format!(
                    "{}-{}:{state}{writing}x{}{held}",
                    run.first, run.last, run.delivery.count
                )
            });
            runs.collect::<Vec<_>>().join(" ")
        });
        let batches = batches.collect::<Vec<_>>().join(" | ");
        format!(
            "[{} {batches} {}]",
            self.partition.start_offset, self.partition.end_offset
        )
    }
}

/// A write as text.
pub fn shown(write: &Write) -> String {
    let batches = write.batches.iter().map(|batch| {
        let (first, last, state) = (batch.first_offset, batch.last_offset, batch.delivery_state.id());
        format!("{first}-{last}:{state}x{}", batch.delivery_count)
    });
    batches.collect::<Vec<_>>().join(" ")
}
