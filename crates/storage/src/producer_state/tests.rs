//! Append after append against one partition's producers; each case names the rule.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{BatchBuilder, BatchHeader, Compression, RecordFields};

use super::*;

/// (epoch, base sequence, records)
type Sent = (i16, i32, i32);

fn header(base_offset: i64, (epoch, base_sequence, records): Sent) -> BatchHeader {
    let bytes = BatchBuilder::new(Compression::None)
        .base_offset(base_offset)
        .producer(7, epoch, base_sequence);
    let mut bytes = bytes;
    for timestamp in 0..records {
        bytes.append(&RecordFields {
            timestamp: i64::from(timestamp),
            ..RecordFields::default()
        });
    }
    BatchHeader::parse(&bytes.build().unwrap()).unwrap()
}

fn append(state: &mut ProducerState, header: &BatchHeader) -> Result<(), ErrorCode> {
    match state.stage(header, &[], AppendOrigin::Client) {
        Ok(()) => {
            state.commit(|_| panic!("no transaction here"));
            Ok(())
        }
        Err(error) => {
            state.rollback();
            Err(error.error_code())
        }
    }
}

#[test]
fn sequences_and_epochs() {
    const GAP: Result<(), ErrorCode> = Err(ErrorCode::OutOfOrderSequenceNumber);
    const FENCED: Result<(), ErrorCode> = Err(ErrorCode::InvalidProducerEpoch);
    type Case<'a> = (&'a str, &'a [Sent], Sent, Result<(), ErrorCode>);
    let cases: &[Case] = &[
        ("an unknown producer begins anywhere", &[], (0, 5, 1), Ok(())),
        ("the next sequence follows", &[(0, 0, 3)], (0, 3, 1), Ok(())),
        ("a gap is refused", &[(0, 0, 3)], (0, 4, 1), GAP),
        (
            "a step back that is no duplicate is refused",
            &[(0, 0, 3)],
            (0, 2, 2),
            GAP,
        ),
        ("sequences wrap to 0", &[(0, i32::MAX - 1, 2)], (0, 0, 1), Ok(())),
        ("within a batch too", &[(0, i32::MAX, 3)], (0, 2, 1), Ok(())),
        ("a new epoch begins at 0", &[(0, 0, 3)], (1, 0, 1), Ok(())),
        ("and nowhere else", &[(0, 0, 3)], (1, 3, 1), GAP),
        (
            "an old epoch is fenced",
            &[(0, 0, 3), (2, 0, 1)],
            (1, 0, 1),
            FENCED,
        ),
    ];
    for (name, before, sent, expected) in cases {
        let mut state = ProducerState::default();
        let mut offset = 0;
        for batch in *before {
            append(&mut state, &header(offset, *batch)).unwrap();
            offset += i64::from(batch.2);
        }
        assert_eq!(append(&mut state, &header(offset, *sent)), *expected, "{name}");
    }
}

#[test]
fn the_last_five_batches_are_known_again() {
    let mut state = ProducerState::default();
    let sent: Vec<BatchHeader> = (0..6).map(|i| header(i * 2, (0, i as i32 * 2, 2))).collect();
    for header in &sent {
        append(&mut state, header).unwrap();
    }
    assert_eq!(state.duplicate_of(&sent[0]), None, "six batches ago");
    for header in &sent[1..] {
        let known = state.duplicate_of(header).unwrap();
        assert_eq!((known.first_offset(), known.timestamp), (header.base_offset, 1));
    }
    assert_eq!(state.duplicate_of(&header(0, (1, 10, 2))), None, "another epoch");
    assert_eq!(state.duplicate_of(&header(0, (0, 10, 1))), None, "another length");
}

#[test]
fn a_refused_append_changes_nothing() {
    let mut state = ProducerState::default();
    append(&mut state, &header(0, (0, 0, 3))).unwrap();
    let before = state.entries().next().cloned();
    append(&mut state, &header(3, (0, 9, 3))).unwrap_err();
    assert_eq!(state.entries().next().cloned(), before);
}

#[test]
fn idle_producers_expire() {
    let mut state = ProducerState::default();
    append(&mut state, &header(0, (0, 0, 3))).unwrap();
    state.remove_expired(101, 100);
    assert!(!state.is_empty(), "its last timestamp is 2");
    let mut loaded = ProducerState::load(state.entries().cloned().collect());
    assert!(!loaded.is_empty());
    loaded.remove_expired(102, 100);
    assert!(loaded.is_empty());
    state.remove_expired(102, 100);
    assert!(state.is_empty());
}

fn transactional(base_offset: i64, producer_id: i64) -> BatchHeader {
    let mut builder = BatchBuilder::new(Compression::None)
        .base_offset(base_offset)
        .transactional();
    builder = builder.producer(producer_id, 0, 0);
    builder.append(&RecordFields::default());
    BatchHeader::parse(&builder.build().unwrap()).unwrap()
}

fn marker(base_offset: i64, producer_id: i64, kind: u8) -> (BatchHeader, Vec<u8>) {
    marker_of(base_offset, (producer_id, 0), kind)
}

fn marker_of(base_offset: i64, (producer_id, epoch): (i64, i16), kind: u8) -> (BatchHeader, Vec<u8>) {
    let mut builder = BatchBuilder::new(Compression::None)
        .base_offset(base_offset)
        .transactional()
        .control();
    builder = builder.producer(producer_id, epoch, -1);
    let (key, value) = ([0, 0, 0, kind], [0, 0, 0, 0, 0, 3]);
    builder.append(&RecordFields {
        key: Some(&key),
        value: Some(&value),
        ..RecordFields::default()
    });
    let bytes = builder.build().unwrap();
    let header = BatchHeader::parse(&bytes).unwrap();
    (header, bytes[61..].to_vec())
}

#[test]
fn transactions_hold_the_last_stable_offset_until_their_marker_is_replicated() {
    let mut state = ProducerState::default();
    let replicate = |state: &mut ProducerState, header: &BatchHeader, payload: &[u8]| {
        let mut aborted = Vec::new();
        state.stage(header, payload, AppendOrigin::Replication).unwrap();
        state.commit(|txn| aborted.push(txn));
        aborted
    };
    replicate(&mut state, &transactional(10, 1), &[]);
    replicate(&mut state, &transactional(11, 2), &[]);
    assert_eq!(state.first_unstable_offset(), Some(10));
    let (header, payload) = marker(12, 1, 0);
    let aborted = replicate(&mut state, &header, &payload);
    let expected = AbortedTxn {
        producer_id: 1,
        first_offset: 10,
        last_offset: 12,
        last_stable_offset: 11,
    };
    assert_eq!(aborted, [expected]);
    assert_eq!(
        state.first_unstable_offset(),
        Some(10),
        "the marker isn't replicated"
    );
    state.high_watermark_updated(13);
    assert_eq!(state.first_unstable_offset(), Some(11));
    let (header, payload) = marker(13, 2, 1);
    assert_eq!(replicate(&mut state, &header, &payload), []);
    state.high_watermark_updated(14);
    assert_eq!(state.first_unstable_offset(), None);
    assert!(state.entries().all(|entry| entry.coordinator_epoch == 3));
}

/// (transaction.version 2, epoch of the batch that is verified, epoch of the marker, the guard holds)
#[test]
fn a_marker_ends_the_verifications_of_its_transaction_and_not_of_the_one_that_follows() {
    let cases = [
        (false, 0, 0, false),
        (true, 0, 1, false),
        (true, 1, 1, true),
        (true, 2, 1, true),
    ];
    for (bumps_epoch, producer_epoch, marker_epoch, holds) in cases {
        let mut state = ProducerState::default();
        let batch = ProducerSequence {
            producer_id: 1,
            producer_epoch,
            base_sequence: 0,
        };
        let guard = state.begin_verification(batch, bumps_epoch, 0).unwrap();
        let (header, payload) = marker_of(10, (1, marker_epoch), 1);
        state
            .stage(&header, &payload, AppendOrigin::Marker { bumps_epoch })
            .unwrap();
        state.commit(|_| ());
        let found = state.check_verified(batch, Some(guard)).is_ok();
        assert_eq!(found, holds, "{bumps_epoch}, {producer_epoch}, {marker_epoch}");
    }
}

/// A batch of a transaction, or the marker that aborts it, as bytes.
fn batch_of(producer_id: i64, base_offset: i64, marker: bool) -> Vec<u8> {
    let sequence = if marker { -1 } else { 0 };
    let mut builder = BatchBuilder::new(Compression::None)
        .base_offset(base_offset)
        .producer(producer_id, 0, sequence)
        .transactional();
    if marker {
        builder = builder.control();
    }
    builder.append(&RecordFields {
        key: Some(&[0; 4]),
        value: Some(&[0; 6]),
        ..RecordFields::default()
    });
    builder.build().unwrap()
}

/// A log that moves or is followed gets many batches at once.
#[test]
fn transactions_that_end_in_one_append_know_which_others_were_open() {
    let mut state = ProducerState::default();
    for (id, offset, marker) in [(1, 0, false), (2, 1, false), (1, 2, true), (2, 3, true)] {
        let bytes = batch_of(id, offset, marker);
        let batch = barnabas_protocol::records::Batch::parse(&bytes).unwrap();
        state
            .stage(&batch.header, batch.payload(), AppendOrigin::Replication)
            .unwrap();
    }
    let mut stable = Vec::new();
    state.commit(|txn| stable.push((txn.producer_id, txn.last_stable_offset)));
    assert_eq!(stable, [(1, 1), (2, 4)]);
}
