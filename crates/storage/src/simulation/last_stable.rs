//! The last stable offset of a replica whose log is cut back.

use super::machine::{Machine, append, append_transaction};
use crate::log_config::LogConfig;

/// Of the whole cluster's simulation: a replica that was cut back held every transaction of its log for
/// undecided, and as the leader of too few told those who read what is committed that all ends at the first.
#[test]
fn what_is_replicated_stays_stable_when_what_follows_is_cut_off() {
    let machine = Machine::new(LogConfig::default());
    let (_log_dir, mut log) = machine.open("data");
    append_transaction(&mut log, 7);
    append(&mut log, b"a");
    log.high_watermark_updated(3);
    append(&mut log, b"b");
    assert_eq!(log.last_stable_offset(3), 3);
    assert!(log.truncate_to(3).unwrap());
    assert_eq!(log.last_stable_offset(3), 3);
    // A marker that is cut off and comes again is replicated when the leader says so.
    append_transaction(&mut log, 8);
    log.high_watermark_updated(5);
    assert!(log.truncate_to(3).unwrap());
    append_transaction(&mut log, 8);
    assert_eq!(log.last_stable_offset(5), 3);
    log.high_watermark_updated(5);
    assert_eq!(log.last_stable_offset(5), 5);
}
