//! Compares a log with what was written and promised.

use std::collections::BTreeMap;

use barnabas_environment::Random;
use barnabas_protocol::records::batches;

use super::compacted::Compacted;
use super::model::{Model, Sent, Written, records_in};
use crate::log::{Log, ReadBound};

/// What a log serves.
pub struct Served {
    /// The batches that no compaction has come to.
    pub batches: Vec<Written>,
    /// Offset and timestamp of every record.
    pub records: Vec<(i64, i64)>,
}

/// Reads all of a log. Every batch must be one that was written there, or what compaction may leave of it;
/// they must follow one another without a gap, and nothing that was promised may be missing.
pub fn served(log: &mut Log, model: &Model) -> Served {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    // Behind a gap a cut may have left nothing but the end.
    assert!(
        end >= model.promised || model.has_gap(end, model.promised),
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
    let mut compacted = Compacted::new(model);
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
            assert!(header.last_offset() >= next, "out of order");
            next = header.next_offset();
            if header.last_offset() < model.cleaned {
                compacted.take(&batch);
                continue;
            }
            let written = model.find(header.base_offset, batch.bytes);
            let written = written.unwrap_or_else(|| panic!("nobody wrote {header:?}"));
            match served.last() {
                // What nobody promised may be missing between two segments; that is reported, and Kafka
                // serves on, too. And who knows what becomes of deleted records.
                Some(last)
                    if header.base_offset > model.promised
                        || header.base_offset <= model.log_start_offset
                        || model.has_gap(last.header.next_offset(), header.base_offset) =>
                {
                    assert!(header.base_offset >= last.header.next_offset(), "out of order");
                }
                Some(last) => assert_eq!(header.base_offset, last.header.next_offset(), "a gap"),
                None => assert!(header.last_offset() >= start),
            }
            served.push(written.clone());
        }
        if next == before {
            // A cut may have taken all that was behind a gap.
            assert!(
                model.has_gap(next, end),
                "nothing is served at {next}, the log ends at {end}"
            );
            next = end;
        }
    }
    assert_eq!(next, end);
    for expected in model.promised_from(start.max(model.log_start_offset)) {
        let base_offset = expected.header.base_offset;
        let found = served.binary_search_by_key(&base_offset, |batch| batch.header.base_offset);
        let found = found.ok().map(|place| &served[place].bytes);
        assert_eq!(Some(&expected.bytes), found, "promised at {base_offset}");
    }
    let mut records = compacted.finish(start.max(model.log_start_offset));
    let numbered = served.iter().flat_map(Written::numbered);
    records.extend(numbered.map(|(offset, sent)| (offset, sent.timestamp)));
    Served {
        batches: served,
        records,
    }
}

/// The indexes, the leader epochs, the producers and the transactions must agree with the log. `model` is
/// what it holds.
pub fn agrees(log: &mut Log, model: &Model, records: &[(i64, i64)], random: &Random) {
    let start = log.log_start_offset();
    batches_are_found(log, model, random);
    for _ in 0..3 {
        let wanted = random.index(5_100) as i64;
        let mut from_start = records.iter().filter(|(offset, _)| *offset >= start);
        let expected = from_start.find(|(_, timestamp)| *timestamp >= wanted).copied();
        let found = log.offset_for_timestamp(wanted).unwrap();
        assert_eq!(
            found.map(|found| (found.offset, found.timestamp)),
            expected,
            "time {wanted}"
        );
    }
    producers_are_known(log, model);
    transactions_are_decided(log, model);
}

fn batches_are_found(log: &mut Log, model: &Model, random: &Random) {
    let start = log.log_start_offset();
    let whole = model
        .batches
        .iter()
        .filter(|batch| batch.header.last_offset() >= start.max(model.cleaned));
    for batch in whole {
        let (header, bytes) = (&batch.header, &batch.bytes);
        let offset =
            header.base_offset.max(start) + random.index(header.last_offset_delta as usize + 1) as i64;
        let offset = offset.min(header.last_offset());
        let read = log
            .read(offset, bytes.len() as u32, ReadBound::LogEnd, true)
            .unwrap();
        assert_eq!(&read.to_vec().unwrap(), bytes, "at {offset}");
        let epoch = log.epoch_for_offset(header.base_offset.max(start)).unwrap();
        assert_eq!(epoch, Some(header.partition_leader_epoch), "at {offset}");
    }
}

fn producers_are_known(log: &mut Log, model: &Model) {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let (producers, _) = model.replay();
    for known in log.active_producers().unwrap() {
        let expected = &producers[&known.producer_id];
        // Of a transaction whose beginning was deleted the log may know what is left.
        if expected.transaction_from.is_none_or(|from| from >= start) {
            assert_eq!(
                known.current_txn_first_offset, expected.transaction_from,
                "{known:?}"
            );
        }
        if expected.last_offset >= start {
            assert_eq!(known.producer_epoch, expected.epoch, "{known:?}");
        }
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
}

/// Who reads committed records gets all of them and no others, and with keys the last value of each.
fn transactions_are_decided(log: &mut Log, model: &Model) {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let stable = log.last_stable_offset(end);
    let aborted = model.aborted_batches();
    let mut values: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut next = start;
    while next < stable {
        let slice = log
            .read(next, 1_500, ReadBound::LastStable(stable), true)
            .unwrap();
        let listed = slice.aborted_transactions.clone().unwrap();
        let before = next;
        for batch in batches(&slice.to_vec().unwrap()) {
            let Ok(batch) = batch else { break };
            let header = &batch.header;
            next = header.next_offset();
            if header.is_control() {
                continue;
            }
            let hidden = header.is_transactional()
                && listed.iter().any(|txn| {
                    txn.producer_id == header.producer_id
                        && (txn.first_offset..txn.last_offset).contains(&header.base_offset)
                });
            let expected = aborted.contains(&header.base_offset);
            assert_eq!(hidden, expected, "aborted at {}", header.base_offset);
            if hidden {
                continue;
            }
            for (offset, Sent { key, value, .. }) in records_in(&batch) {
                let Some(key) = key.filter(|_| offset >= start) else {
                    continue;
                };
                match value {
                    Some(value) => values.insert(key, value),
                    None => values.remove(&key),
                };
            }
        }
        if next == before {
            // The rest of the stable part is a gap.
            break;
        }
    }
    assert_eq!(
        values,
        model.values(start, stable),
        "the values of keys below {stable}"
    );
}
