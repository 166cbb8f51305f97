//! Tables of requests against a shard: the records that each decides, and the answer.

use barnabas_environment::Now;

use super::*;

const ID: &str = "t";
const TIMEOUT_MS: i32 = 60_000;
const EPOCH: i32 = 7;
/// When the tests begin. The clocks differ by decades: what takes one for the other fails.
const START: Now = Now {
    wall_ms: 1_700_000_000_000,
    monotonic_ms: 1_000,
};

/// The time `ms` milliseconds after [`START`].
fn after(ms: i64) -> Now {
    Now {
        wall_ms: START.wall_ms + ms,
        monotonic_ms: START.monotonic_ms + ms,
    }
}

/// A shard that is driven as the shell drives it; producer ids count up from 100.
struct Driven {
    shard: TransactionShard,
    next_producer_id: i64,
    now: Now,
}

impl Driven {
    fn new() -> Self {
        let mut shard = TransactionShard::new(TransactionConfig::default(), EPOCH);
        shard.finish_loading(START);
        Driven {
            shard,
            next_producer_id: 100,
            now: START,
        }
    }

    fn request<R>(
        &mut self,
        act: impl Fn(&TransactionShard, Option<i64>, i64) -> Result<Decision<R>, Refusal>,
    ) -> Result<R, ErrorCode> {
        let (records, reply) = match act(&self.shard, None, self.now.wall_ms) {
            Err(Refusal::NeedsProducerId) => {
                let id = self.next_producer_id;
                self.next_producer_id += 1;
                act(&self.shard, Some(id), self.now.wall_ms).map_err(code)?
            }
            other => other.map_err(code)?,
        };
        for record in records {
            self.shard.replay(record, self.now);
        }
        Ok(reply)
    }

    fn init(&mut self, version: i16, expected: Option<(i64, i16)>) -> Result<(i64, i16), ErrorCode> {
        let request = InitProducerId {
            transactional_id: ID,
            timeout_ms: TIMEOUT_MS,
            expected: expected.map(|(id, epoch)| producer(id, epoch)),
            transaction_version: version,
        };
        let reply = self.request(|shard, id, wall_ms| shard.init_producer_id(&request, id, wall_ms))?;
        reply.map(|producer| (producer.producer_id, producer.producer_epoch))
    }

    fn add(&mut self, id: i64, epoch: i16, version: i16, partition: i32) -> Result<(), ErrorCode> {
        let added = [(Arc::from("topic"), partition)];
        self.request(|shard, _, wall_ms| {
            Ok(shard.add_partitions(ID, producer(id, epoch), &added, version, wall_ms)?)
        })
    }

    fn end(&mut self, id: i64, epoch: i16, version: i16, commit: bool) -> Result<(i64, i16), ErrorCode> {
        let reply = self.request(|shard, new_id, wall_ms| {
            shard.end_transaction(ID, producer(id, epoch), commit, version, new_id, wall_ms)
        });
        reply.map(|producer| (producer.producer_id, producer.producer_epoch))
    }

    /// Writes the markers that are due; returns how many transactions had any.
    fn complete(&mut self) -> usize {
        let work = self.shard.take_work();
        for work in &work {
            for record in self
                .shard
                .complete(&work.transactional_id, work.producer, self.now.wall_ms)
            {
                self.shard.replay(record, self.now);
            }
        }
        work.len()
    }

    fn state(&self) -> (TransactionState, i64, i16) {
        let metadata = self.shard.transaction(ID).unwrap();
        (metadata.state, metadata.producer_id, metadata.producer_epoch)
    }

    /// Sets the epoch, as if many transactions had been.
    fn at_epoch(&mut self, epoch: i16) {
        let mut metadata = self.shard.transaction(ID).unwrap().clone();
        metadata.producer_epoch = epoch;
        self.shard.replay(record(&ID.into(), metadata), self.now);
    }
}

fn producer(producer_id: i64, producer_epoch: i16) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch {
        producer_id,
        producer_epoch,
    }
}

fn code(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::Error(error) => error,
        Refusal::NeedsProducerId => panic!("it has one"),
    }
}

use ErrorCode::{
    ConcurrentTransactions, InvalidProducerIdMapping, InvalidTxnState, ProducerFenced, TransactionAbortable,
};
use TransactionState::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};

#[test]
fn a_transaction_of_the_first_way_keeps_its_epoch() {
    let mut driven = Driven::new();
    assert_eq!(driven.init(1, None), Ok((100, 0)));
    assert_eq!(driven.state(), (Empty, 100, 0));
    assert_eq!(driven.add(100, 0, 0, 0), Ok(()));
    assert_eq!(driven.state(), (Ongoing, 100, 0));
    assert_eq!(driven.end(100, 0, 0, true), Ok((-1, -1)));
    assert_eq!(driven.state(), (PrepareCommit, 100, 0));
    assert_eq!(driven.add(100, 0, 0, 1), Err(ConcurrentTransactions));
    assert_eq!(driven.end(100, 0, 0, true), Err(ConcurrentTransactions));
    assert_eq!(driven.end(100, 0, 0, false), Err(InvalidTxnState));
    assert_eq!(driven.init(1, None), Err(ConcurrentTransactions));
    assert_eq!(driven.complete(), 1);
    assert_eq!(driven.state(), (CompleteCommit, 100, 0));
    assert_eq!(driven.end(100, 0, 0, true), Ok((-1, -1)), "again");
    assert_eq!(driven.end(100, 0, 0, false), Err(InvalidTxnState));
    assert_eq!(driven.complete(), 0);
}

#[test]
fn a_transaction_of_the_second_way_bumps_the_epoch() {
    let mut driven = Driven::new();
    assert_eq!(driven.init(2, None), Ok((100, 0)));
    assert_eq!(
        driven.end(100, 0, 2, true),
        Err(InvalidTxnState),
        "nothing to commit"
    );
    assert_eq!(
        driven.end(100, 0, 2, false),
        Ok((100, 1)),
        "an abort without partitions"
    );
    assert_eq!(driven.complete(), 1);
    assert_eq!(driven.state(), (CompleteAbort, 100, 1));
    assert_eq!(driven.end(100, 0, 2, false), Ok((100, 1)), "the abort again");
    assert_eq!(driven.end(100, 0, 2, true), Err(InvalidTxnState));
    assert_eq!(
        driven.add(100, 0, 2, 0),
        Err(ProducerFenced),
        "of the last transaction"
    );
    assert_eq!(driven.add(100, 1, 2, 0), Ok(()));
    assert_eq!(driven.end(100, 1, 2, true), Ok((100, 2)));
    let work = driven.shard.take_work();
    let expected = MarkerWork {
        transactional_id: ID.into(),
        producer: producer(100, 2),
        commit: true,
        coordinator_epoch: EPOCH,
        transaction_version: 2,
        partitions: vec![("topic".into(), 0)],
    };
    assert_eq!(work, [expected]);
    for (epoch, commit) in [(1, true), (1, false), (2, true), (2, false), (9, false)] {
        let end = driven.end(100, epoch, 2, commit);
        assert_eq!(
            end,
            Err(ConcurrentTransactions),
            "epoch {epoch}: not all partitions know of it"
        );
        assert_eq!(driven.add(100, epoch, 2, 1), Err(ConcurrentTransactions));
        assert_eq!(driven.init(2, Some((99, epoch))), Err(ConcurrentTransactions));
    }
    for record in driven.shard.complete(ID, producer(100, 2), 0) {
        driven.shard.replay(record, START);
    }
    assert_eq!(driven.end(100, 1, 2, true), Ok((100, 2)), "the commit again");
    assert_eq!(
        driven.end(100, 2, 2, true),
        Err(InvalidTxnState),
        "nothing new to commit"
    );
    assert_eq!(driven.end(100, 2, 2, false), Ok((100, 3)), "a new abort");
}

#[test]
fn strangers_are_told_apart_from_the_fenced() {
    let mut driven = Driven::new();
    assert_eq!(
        driven.add(100, 0, 0, 0),
        Err(InvalidProducerIdMapping),
        "unknown id"
    );
    assert_eq!(driven.end(100, 0, 0, true), Err(InvalidProducerIdMapping));
    driven.init(1, None).unwrap();
    driven.init(1, None).unwrap();
    for (id, epoch, expected) in [
        (99, 1, InvalidProducerIdMapping),
        (100, 0, ProducerFenced),
        (100, 2, ProducerFenced),
    ] {
        for version in [0, 2] {
            assert_eq!(driven.add(id, epoch, version, 0), Err(expected));
            assert_eq!(
                driven.end(id, epoch, version, false),
                Err(expected),
                "{id} {epoch} {version}"
            );
        }
    }
    let partitions = [(Arc::from("topic"), 0), (Arc::from("topic"), 1)];
    driven.add(100, 1, 0, 1).unwrap();
    assert_eq!(
        driven.shard.verify_partitions(ID, producer(100, 1), &partitions),
        Ok(vec![TransactionAbortable, ErrorCode::None])
    );
    assert_eq!(
        driven.shard.verify_partitions("", producer(100, 1), &partitions),
        Err(ErrorCode::InvalidRequest)
    );
}

#[test]
fn a_new_producer_ends_the_transaction_of_the_old() {
    for (version, aborted_at, given) in [(1, 1, 2), (2, 1, 2)] {
        let mut driven = Driven::new();
        driven.init(version, None).unwrap();
        driven.add(100, 0, 0, 0).unwrap();
        assert_eq!(driven.init(version, None), Err(ConcurrentTransactions));
        assert_eq!(driven.state(), (PrepareAbort, 100, aborted_at));
        assert_eq!(driven.complete(), 1);
        assert_eq!(driven.end(100, 0, 0, true), Err(ProducerFenced));
        assert_eq!(driven.init(version, None), Ok((100, given)));
    }
}

#[test]
fn a_producer_goes_on_after_an_error() {
    let mut driven = Driven::new();
    assert_eq!(
        driven.init(1, Some((5, 3))),
        Ok((100, 0)),
        "nothing is known of it"
    );
    assert_eq!(driven.init(1, Some((100, 0))), Ok((100, 1)));
    assert_eq!(
        driven.init(1, Some((100, 0))),
        Ok((100, 1)),
        "the answer was lost"
    );
    assert_eq!(driven.init(1, Some((99, 1))), Err(ProducerFenced));
    assert_eq!(driven.init(1, None), Ok((100, 2)));
    assert_eq!(
        driven.init(1, Some((100, 1))),
        Err(ProducerFenced),
        "another was initialized"
    );
    assert_eq!(driven.init(1, Some((100, 3))), Err(ProducerFenced));
}

#[test]
fn epochs_that_are_used_up_lead_to_another_producer_id() {
    let last = i16::MAX - 1;
    let mut driven = Driven::new();
    driven.init(2, None).unwrap();
    driven.at_epoch(last);
    assert_eq!(driven.init(2, Some((100, last))), Ok((101, 0)));
    assert_eq!(
        driven.init(2, Some((100, last))),
        Ok((101, 0)),
        "the answer was lost"
    );
    driven.at_epoch(last);
    driven.add(101, last, 2, 0).unwrap();
    assert_eq!(
        driven.end(101, last, 2, true),
        Ok((101, i16::MAX)),
        "the markers' epoch"
    );
    assert_eq!(driven.complete(), 1);
    assert_eq!(driven.state(), (CompleteCommit, 102, 0));
    assert_eq!(driven.end(101, last, 2, true), Ok((102, 0)), "the commit again");
    driven.at_epoch(last);
    driven.add(102, last, 2, 0).unwrap();
    assert_eq!(driven.init(2, None), Err(ConcurrentTransactions));
    driven.complete();
    assert_eq!(driven.state(), (CompleteAbort, 102, i16::MAX));
    assert_eq!(driven.init(2, Some((102, last))), Err(ProducerFenced));
    assert_eq!(driven.init(2, None), Ok((103, 0)));
}

#[test]
fn timeouts_are_checked_and_kept() {
    let mut driven = Driven::new();
    for timeout_ms in [0, -1, 900_001] {
        let request = InitProducerId {
            transactional_id: ID,
            timeout_ms,
            expected: None,
            transaction_version: 2,
        };
        let refused = driven.request(|shard, id, wall_ms| shard.init_producer_id(&request, id, wall_ms));
        assert_eq!(refused, Err(ErrorCode::InvalidTransactionTimeout), "{timeout_ms}");
    }
    driven.init(2, None).unwrap();
    driven.add(100, 0, 2, 0).unwrap();
    let due_ms = driven.shard.next_deadline().unwrap();
    assert_eq!(due_ms, START.monotonic_ms + 10_000);
    assert_eq!(driven.shard.on_timer(2, after(10_000)), [], "not overdue");
    let overdue = after(i64::from(TIMEOUT_MS) + 10_000);
    let records = driven.shard.on_timer(2, overdue);
    assert_eq!(records.len(), 1);
    for record in records {
        driven.shard.replay(record, overdue);
    }
    assert_eq!(driven.state(), (PrepareAbort, 100, 1));
    driven.complete();
    assert_eq!(driven.add(100, 0, 2, 0), Err(ProducerFenced));
}

#[test]
fn a_clock_that_is_set_aborts_nothing_and_keeps_nothing_open() {
    const HOUR_MS: i64 = 3_600_000;
    for jump_ms in [-HOUR_MS, 72 * HOUR_MS] {
        let set = |now: Now| Now {
            wall_ms: now.wall_ms + jump_ms,
            ..now
        };
        let mut driven = Driven::new();
        driven.init(2, None).unwrap();
        driven.add(100, 0, 2, 0).unwrap();
        let in_time = after(i64::from(TIMEOUT_MS));
        assert_eq!(driven.shard.on_timer(2, set(in_time)), [], "{jump_ms}: in time");
        // Another partition joins meanwhile: it is the same transaction.
        driven.now = set(in_time);
        driven.add(100, 0, 2, 1).unwrap();
        let overdue = after(i64::from(TIMEOUT_MS) + 10_000);
        let aborted = driven.shard.on_timer(2, set(overdue));
        assert_eq!(aborted.len(), 1, "{jump_ms}: overdue");

        // A coordinator that loads the log believes the clock, up to the transaction's timeout.
        let open = driven.shard.transaction(ID).unwrap().clone();
        let mut heir = TransactionShard::new(TransactionConfig::default(), EPOCH + 1);
        heir.replay(record(&ID.into(), open), set(START));
        heir.finish_loading(set(START));
        assert_eq!(
            heir.on_timer(2, set(overdue)).len(),
            1,
            "{jump_ms}: overdue when loaded"
        );
    }
}

#[test]
fn unused_ids_are_forgotten_open_transactions_are_not() {
    let week_ms = 604_800_000;
    let mut driven = Driven::new();
    driven.init(2, None).unwrap();
    assert_eq!(driven.shard.on_timer(2, after(week_ms - 1)), []);
    let tombstone = TransactionRecord {
        transactional_id: ID.into(),
        value: None,
    };
    let expired = driven.shard.on_timer(2, after(week_ms + 3_600_000));
    assert_eq!(expired, std::slice::from_ref(&tombstone));
    driven.shard.replay(tombstone, after(week_ms));
    assert!(driven.shard.transaction(ID).is_none());
    driven.init(2, None).unwrap();
    driven.add(101, 0, 2, 0).unwrap();
    driven.end(101, 0, 2, true).unwrap();
    assert_eq!(
        driven.shard.on_timer(2, after(3 * week_ms)),
        [],
        "its markers are not written"
    );
}

#[test]
fn what_was_decided_is_completed_by_whoever_loads_the_log() {
    let mut driven = Driven::new();
    driven.init(2, None).unwrap();
    driven.add(100, 0, 2, 0).unwrap();
    driven.end(100, 0, 2, true).unwrap();
    let decided = driven.shard.transaction(ID).unwrap().clone();
    let mut heir = TransactionShard::new(TransactionConfig::default(), EPOCH + 1);
    heir.replay(record(&ID.into(), decided), START);
    assert_eq!(heir.take_work(), [], "it is loading");
    heir.finish_loading(START);
    let work = heir.take_work();
    assert_eq!(work.len(), 1);
    assert_eq!((work[0].commit, work[0].coordinator_epoch), (true, EPOCH + 1));
}

#[test]
fn filters() {
    let mut driven = Driven::new();
    driven.init(2, None).unwrap();
    driven.add(100, 0, 2, 0).unwrap();
    let count = |filter: TransactionFilter<'_>| driven.shard.list(&filter, driven.now.wall_ms + 500).len();
    let all = TransactionFilter::default();
    assert_eq!(count(all.clone()), 1);
    for (states, found) in [
        (vec!["Ongoing"], 1),
        (vec!["Empty"], 0),
        (vec!["Empty", "Ongoing"], 1),
    ] {
        assert_eq!(
            count(TransactionFilter {
                states,
                ..all.clone()
            }),
            found
        );
    }
    for (longer_than_ms, found) in [(0, 1), (499, 1), (500, 0)] {
        let longer_than_ms = Some(longer_than_ms);
        assert_eq!(
            count(TransactionFilter {
                longer_than_ms,
                ..all.clone()
            }),
            found
        );
    }
    for (producer_ids, found) in [(vec![100], 1), (vec![7], 0)] {
        assert_eq!(
            count(TransactionFilter {
                producer_ids,
                ..all.clone()
            }),
            found
        );
    }
}
