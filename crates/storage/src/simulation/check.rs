//! Compares a log with what was written and promised.

use barnabas_protocol::records::batches;

use super::Random;
use super::model::{Model, Written};
use crate::log::{Log, ReadBound};

/// Reads all of a log. Every batch must be one that was written there, they must follow one another without a gap, and
/// nothing that was promised may be missing.
pub fn served(log: &mut Log, model: &Model) -> Vec<Written> {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    assert!(
        end >= model.promised,
        "the log ends at {end}, {} was promised",
        model.promised
    );
    assert!(
        start <= model.log_start_offset.max(model.promised_start),
        "the log begins at {start}"
    );
    assert!(
        start >= model.promised_start,
        "deleted records are back at {start}"
    );
    let mut served: Vec<Written> = Vec::new();
    let mut next = start;
    while next < end {
        let bytes = log
            .read(next, 700, ReadBound::LogEnd, true)
            .unwrap()
            .to_vec()
            .unwrap();
        let before = next;
        for batch in batches(&bytes) {
            let Ok(batch) = batch else { break };
            let header = &batch.header;
            let written = model.find(header.base_offset, batch.bytes);
            let written = written.unwrap_or_else(|| panic!("nobody wrote {header:?}"));
            match served.last() {
                // What nobody promised may be missing between two segments; that is reported, and Kafka serves on, too.
                Some(last) if header.base_offset > model.promised || model.has_gap(last, header) => {
                    assert!(header.base_offset >= last.header.next_offset(), "out of order");
                }
                Some(last) => assert_eq!(header.base_offset, last.header.next_offset(), "a gap"),
                None => assert!(header.last_offset() >= start),
            }
            next = header.next_offset();
            served.push(written.clone());
        }
        assert!(
            next > before,
            "nothing is served at {next}, the log ends at {end}"
        );
    }
    assert_eq!(next, end);
    let promised = model
        .batches
        .iter()
        .filter(|batch| batch.header.last_offset() >= start);
    for (expected, found) in promised
        .take_while(|batch| batch.header.last_offset() < model.promised)
        .zip(&served)
    {
        assert_eq!(
            expected.bytes, found.bytes,
            "promised at {}",
            expected.header.base_offset
        );
    }
    served
}

/// The indexes, the leader epochs, the producers and the transactions must agree with the log. `model` is what it holds.
pub fn agrees(log: &mut Log, model: &Model, random: &mut Random) {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let served: Vec<&Written> = model
        .batches
        .iter()
        .filter(|batch| batch.header.last_offset() >= start)
        .collect();
    for batch in &served {
        let (header, bytes) = (&batch.header, &batch.bytes);
        let offset =
            header.base_offset.max(start) + random.below(header.last_offset_delta as usize + 1) as i64;
        let offset = offset.min(header.last_offset());
        let read = log
            .read(offset, bytes.len() as u32, ReadBound::LogEnd, true)
            .unwrap();
        assert_eq!(&read.to_vec().unwrap(), bytes, "at {offset}");
        let epoch = log.epoch_for_offset(header.base_offset.max(start)).unwrap();
        assert_eq!(epoch, Some(header.partition_leader_epoch), "at {offset}");
    }
    for _ in 0..3 {
        let wanted = random.below(5_100) as i64;
        let records = served.iter().flat_map(|batch| {
            let offsets = batch.header.base_offset..;
            offsets.zip(batch.timestamps.iter().copied())
        });
        let expected = records
            .filter(|(offset, _)| *offset >= start)
            .find(|(_, timestamp)| *timestamp >= wanted);
        let found = log.offset_for_timestamp(wanted).unwrap();
        assert_eq!(
            found.map(|found| (found.offset, found.timestamp)),
            expected,
            "time {wanted}"
        );
    }
    let (producers, aborted) = model.replay();
    for known in log.active_producers().unwrap() {
        let expected = &producers[&known.producer_id];
        // Of a transaction whose beginning was deleted the log may know what is left.
        if expected.transaction_from.is_none_or(|from| from >= start) {
            assert_eq!(
                known.current_txn_first_offset, expected.transaction_from,
                "{known:?}"
            );
        }
        assert_eq!(known.producer_epoch, expected.epoch, "{known:?}");
        if expected.last_sequence >= 0 && expected.last_data_offset >= start {
            assert_eq!(known.last_sequence(), expected.last_sequence, "{known:?}");
        }
    }
    for (id, expected) in producers.iter().filter(|(_, known)| known.last_offset >= start) {
        let known = log.active_producers().unwrap();
        assert!(
            known.iter().any(|known| known.producer_id == *id),
            "{id} {expected:?} is forgotten"
        );
    }
    let open = producers
        .values()
        .filter_map(|known| known.transaction_from)
        .min();
    log.high_watermark_updated(end);
    let last_stable = log.last_stable_offset(end);
    if open.is_none_or(|open| open >= start) {
        assert_eq!(last_stable, open.unwrap_or(end));
    }
    if served.is_empty() {
        return;
    }
    let bound = ReadBound::LastStable(last_stable);
    let read = log.read(start, u32::MAX, bound, true).unwrap();
    let upto = batches(&read.to_vec().unwrap())
        .last()
        .map(|batch| batch.unwrap().header.next_offset());
    let listed = read.aborted_transactions.unwrap();
    for (id, from, marker) in aborted {
        if from >= start && upto.is_some_and(|upto| from < upto) {
            let is_listed = listed
                .iter()
                .any(|txn| (txn.producer_id, txn.first_offset, txn.last_offset) == (id, from, marker));
            assert!(is_listed, "aborted by {marker} from {from}: not among {listed:?}");
        }
    }
}
