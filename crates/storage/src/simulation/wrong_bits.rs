//! Wrong bits in files at rest, found by flips in the simulation or thought of, each on its own.

use barnabas_protocol::records::batches;

use super::found::checkpoint;
use super::machine::{Machine, append, keys};
use crate::layout::SegmentFile;
use crate::log::ReadBound;
use crate::log_config::LogConfig;
use crate::log_dir::LogCheckpoint;

#[test]
fn a_wrong_offset_index_hides_no_records() {
    let machine = Machine::new(LogConfig {
        index_interval_bytes: 0,
        ..LogConfig::default()
    });
    let (log_dir, mut log) = machine.open("data");
    for key in 0..20 {
        append(&mut log, &[key]);
    }
    log_dir.shut_down(&mut std::iter::once((&mut log, 20))).unwrap();
    drop((log, log_dir));
    let path = SegmentFile::Index.path(&machine.path("data/t-0"), 0);
    let sound = machine.door().read(&path).unwrap();
    for place in 0..sound.len() {
        let file = machine.door().open(&path).unwrap();
        for bit in 0..8 {
            file.write_all_at(&[sound[place] ^ (1 << bit)], place as u64)
                .unwrap();
            let (log_dir, mut log) = machine.open("data");
            for offset in 0..20 {
                let read = log.read(offset, 1, ReadBound::LogEnd, true).unwrap();
                let bytes = read.to_vec().unwrap();
                let batch = batches(&bytes).next().unwrap().unwrap();
                assert_eq!(batch.header.base_offset, offset, "byte {place} bit {bit}");
            }
            drop((log, log_dir));
            file.write_all_at(&sound, 0).unwrap();
        }
    }
}

#[test]
fn a_base_offset_that_is_too_small_ends_the_log_and_one_too_large_is_a_gap() {
    // Base offset and leader epoch lie outside of a batch's CRC: only the order of the offsets can give a
    // wrong one away.
    for (offset, end) in [(1_u64, 2), (900, 901)] {
        let machine = Machine::new(LogConfig::default());
        let (log_dir, mut log) = machine.open("data");
        for key in [b"a", b"b", b"c"] {
            append(&mut log, key);
        }
        let size = log.size_bytes();
        drop((log, log_dir));
        let path = SegmentFile::Log.path(&machine.path("data/t-0"), 0);
        let file = machine.door().open(&path).unwrap();
        file.write_all_at(&offset.to_be_bytes(), size / 3 * 2).unwrap();
        assert_eq!(machine.open("data").1.log_end_offset(), end);
    }
}

/// A log of three batches on disk, the first of which lies before the noted recovery point.
fn three_batches_one_noted(machine: &Machine) -> u64 {
    let (log_dir, mut log) = machine.open("data");
    append(&mut log, b"a");
    log.flush().unwrap();
    checkpoint(&log_dir, &log);
    append(&mut log, b"b");
    append(&mut log, b"c");
    log.flush().unwrap();
    log.size_bytes() / 3
}

#[test]
fn a_wrong_leader_epoch_in_the_checkpoint_cuts_no_records() {
    let machine = Machine::new(LogConfig::default());
    three_batches_one_noted(&machine);
    let checkpoint = machine.path("data/t-0").join("leader-epoch-checkpoint");
    let sound = machine.door().read(&checkpoint).unwrap();
    assert_eq!(sound, b"0\n1\n0 0\n");
    let file = machine.door().open(&checkpoint).unwrap();
    file.write_all_at(b"0\n1\n4 0\n", 0).unwrap();
    let (_log_dir, mut log) = machine.open("data");
    assert_eq!(keys(&mut log), [b"a", b"b", b"c"]);
    assert_eq!(log.epoch_for_offset(2).unwrap(), Some(0));
    assert_eq!(machine.door().read(&checkpoint).unwrap(), sound);
}

#[test]
fn a_wrong_leader_epoch_of_a_batch_leaves_the_checkpoint_as_it_is() {
    let machine = Machine::new(LogConfig::default());
    three_batches_one_noted(&machine);
    let path = SegmentFile::Log.path(&machine.path("data/t-0"), 0);
    let file = machine.door().open(&path).unwrap();
    file.write_all_at(&4_i32.to_be_bytes(), 12).unwrap();
    let (_log_dir, mut log) = machine.open("data");
    assert_eq!(keys(&mut log), [b"a", b"b", b"c"]);
    assert_eq!(log.epoch_for_offset(2).unwrap(), Some(0));
}

/// Lets the last offset of the batch at `position` of a segment lie before its first.
fn negate_last_offset_delta(machine: &Machine, base_offset: i64, position: u64) {
    let path = SegmentFile::Log.path(&machine.path("data/t-0"), base_offset);
    let file = machine.door().open(&path).unwrap();
    file.write_all_at(&[0x80], position + 23).unwrap();
}

#[test]
fn a_batch_that_ends_before_it_begins_is_not_believed_for_its_small_last_offset() {
    for batch in [1, 2] {
        let machine = Machine::new(LogConfig::default());
        let size = three_batches_one_noted(&machine);
        negate_last_offset_delta(&machine, 0, batch * size);
        assert_eq!(machine.open("data").1.log_end_offset(), batch as i64);
    }
}

#[test]
fn a_batch_that_ends_before_it_begins_takes_no_later_segment_with_it() {
    let machine = Machine::new(LogConfig {
        segment_bytes: 200,
        ..LogConfig::default()
    });
    let (log_dir, mut log) = machine.open("data");
    for key in [b"a", b"b", b"c", b"d"] {
        append(&mut log, key);
    }
    let size = log.size_bytes() / 4;
    log.flush().unwrap();
    let recovery_point = 2;
    let noted = LogCheckpoint {
        recovery_point,
        ..LogCheckpoint::of(&log, 4)
    };
    log_dir.write_checkpoints(&[noted]).unwrap();
    drop((log, log_dir));
    assert!(machine.exists(&SegmentFile::Log.path(&machine.path("data/t-0"), recovery_point)));
    negate_last_offset_delta(&machine, 0, size);
    let (_log_dir, mut log) = machine.open("data");
    assert_eq!(log.log_end_offset(), 4);
    for offset in [0, 2, 3] {
        let read = log.read(offset, 1, ReadBound::LogEnd, true).unwrap();
        let bytes = read.to_vec().unwrap();
        assert_eq!(
            batches(&bytes).next().unwrap().unwrap().header.base_offset,
            offset
        );
    }
}
