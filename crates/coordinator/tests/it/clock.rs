//! A wall clock that somebody sets: members stay and go by the time that has passed, and records hold what people call the time.

use std::sync::Arc;

use barnabas_coordinator::GroupConfig;
use barnabas_protocol::error::ErrorCode;

use crate::cluster::Cluster;
use crate::consumer::{beat, joining};
use crate::fixture::{GROUP, Harness, SESSION_MS, START, commit_request, text};

const HOUR_MS: i64 = 3_600_000;
/// An hour back, three days ahead.
const JUMPS_MS: [i64; 2] = [-HOUR_MS, 72 * HOUR_MS];

#[test]
fn the_live_member_of_a_classic_group_stays_and_the_silent_one_goes() {
    for jump_ms in JUMPS_MS {
        let mut harness = Harness::new();
        let ids = harness.stable_group(2);
        harness.advance(i64::from(SESSION_MS) - 1);
        assert_eq!(harness.heartbeat(&ids[0], 1), Ok(()));
        harness.set_wall_clock_forward(jump_ms);
        harness.advance(0);
        assert_eq!(
            harness.describe().members.len(),
            2,
            "{jump_ms}: nobody is late yet"
        );
        harness.advance(1);
        assert_eq!(harness.describe().members.len(), 1, "{jump_ms}");
        assert_eq!(
            (harness.heartbeat(&ids[0], 1), harness.heartbeat(&ids[1], 1)),
            (
                Err(ErrorCode::RebalanceInProgress),
                Err(ErrorCode::UnknownMemberId)
            ),
            "{jump_ms}"
        );
    }
}

#[test]
fn the_live_member_of_a_consumer_group_stays_and_the_silent_one_goes() {
    for jump_ms in JUMPS_MS {
        let cluster = Cluster::with(&[("t", 4)]);
        let session_ms = i64::from(cluster.settings.session_timeout_ms);
        let mut harness = Harness::with_cluster(GroupConfig::default(), cluster);
        let (epoch, _) = harness.heard(&joining("live", &["t"]));
        harness.heard(&joining("silent", &["t"]));
        harness.advance(session_ms - 1);
        harness.heard(&beat("live", epoch, &[0, 1, 2, 3]));
        harness.set_wall_clock_forward(jump_ms);
        harness.advance(0);
        let members = |harness: &Harness| harness.shard.consumer_group(GROUP).unwrap().members().len();
        assert_eq!(members(&harness), 2, "{jump_ms}: nobody is late yet");
        harness.advance(1);
        assert_eq!(members(&harness), 1, "{jump_ms}");
        assert_eq!(
            harness.refused(&beat("silent", epoch, &[])),
            ErrorCode::UnknownMemberId,
            "{jump_ms}"
        );
    }
}

#[test]
fn expressions_and_assignments_do_not_wait_for_the_old_time_to_come_back() {
    let mut harness = Harness::with_cluster(GroupConfig::default(), Cluster::with(&[("t", 1)]));
    let by_regex = joining("a", &[]).with_subscribed_topic_regex(Some(text("t|u")));
    harness.heard(&by_regex);
    assert_eq!(harness.heard(&beat("a", 1, &[])).0, 2);
    harness.set_wall_clock_forward(-HOUR_MS);
    let mut cluster = Cluster::with(&[("t", 1), ("u", 1)]);
    cluster.settings.assignment_interval_ms = 60_000;
    harness.shard.set_cluster(Arc::new(cluster), &["u".into()]);
    harness.heard(&beat("a", 2, &[0]));
    let (epoch, partitions) = harness.heard(&beat("a", 2, &[0]));
    assert_eq!((epoch, partitions), (3, Some(vec![0, 0])), "one of each topic");
}

#[test]
fn offsets_expire_by_the_time_that_their_records_hold() {
    let mut harness = Harness::new();
    harness.commit(&commit_request("", -1, 0, 7), 9).unwrap();
    let week_ms = harness.config.offsets_retention_ms;
    harness.set_wall_clock_forward(week_ms);
    assert_eq!(harness.offsets().len(), 1, "nobody has looked yet");
    harness.advance(harness.config.offsets_retention_check_interval_ms);
    assert_eq!(harness.offsets(), []);
    assert_eq!(
        harness.now.monotonic_ms - START.monotonic_ms,
        harness.config.offsets_retention_check_interval_ms
    );
}
