//! Who is told of what, and when.

use std::pin::pin;
use std::task::{Context, Waker};

use super::*;
use crate::partition::core::FollowerId;

/// A reader that waits for bytes of one partition.
fn reader(waiters: &mut Waiters, missing_bytes: i64, isolation: Isolation) -> Arc<Interest> {
    let interest = Interest::new(&FetchWatch::new(), 7);
    waiters.register(&interest, Reader::Consumer(isolation));
    assert!(interest.watch.arm(missing_bytes, isolation));
    interest
}

fn is_woken(interest: &Interest) -> bool {
    let woken = pin!(interest.watch.woken());
    woken.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_fetch_is_woken_once_by_the_append_that_completes_its_bytes() {
    let mut waiters = Waiters::default();
    let interest = reader(&mut waiters, 100, Isolation::ReadUncommitted);
    waiters.advanced(1, 60, 60);
    assert!(!is_woken(&interest));
    waiters.advanced(2, 40, 40);
    assert!(is_woken(&interest));
    waiters.advanced(3, 100, 100);
    assert!(!is_woken(&interest), "nobody waits");
}

#[test]
fn readers_of_what_is_committed_count_what_is_stable() {
    let mut waiters = Waiters::default();
    let interest = reader(&mut waiters, 100, Isolation::ReadCommitted);
    waiters.advanced(1, 200, 0);
    assert!(!is_woken(&interest), "a transaction is open");
    waiters.advanced(2, 78, i64::MAX);
    assert!(is_woken(&interest), "its marker was written");
}

#[test]
fn changes_are_told_once_until_they_are_noticed() {
    let mut waiters = Waiters::default();
    let interest = reader(&mut waiters, 100, Isolation::ReadUncommitted);
    waiters.advanced(1, 1, 1);
    waiters.log_start_moved();
    assert_eq!(interest.watch.take_changed(), [7]);
    interest.noticed();
    waiters.log_start_moved();
    assert_eq!(interest.watch.take_changed(), [7]);
    assert!(!is_woken(&interest));
}

#[test]
fn a_reader_of_a_partition_that_changed_its_leader_registers_again() {
    let mut waiters = Waiters::default();
    let interest = reader(&mut waiters, 100, Isolation::ReadUncommitted);
    waiters.interrupt(ErrorCode::NotLeaderOrFollower);
    assert!(is_woken(&interest));
    interest.watch.take_changed();
    interest.noticed();
    waiters.log_start_moved();
    assert!(interest.watch.take_changed().is_empty());
    for _ in 0..2 {
        waiters.register(&interest, Reader::Consumer(Isolation::ReadUncommitted));
    }
    assert_eq!(waiters.interests.len(), 1);
}

#[test]
fn what_changes_between_the_read_and_the_wait_is_read_before_the_wait() {
    let mut waiters = Waiters::default();
    let interest = Interest::new(&FetchWatch::new(), 7);
    waiters.register(&interest, Reader::Consumer(Isolation::ReadUncommitted));
    waiters.advanced(1, 100, 100);
    assert!(!interest.watch.arm(100, Isolation::ReadUncommitted));
    assert_eq!(interest.watch.take_changed(), [7]);
    interest.noticed();
    assert!(interest.watch.arm(100, Isolation::ReadUncommitted));
    assert!(!interest.watch.disarm(), "nothing has changed since");
    waiters.advanced(2, 100, 100);
    assert!(!is_woken(&interest), "nobody waits");
    assert!(interest.watch.disarm());
}

#[test]
fn followers_are_woken_by_appends_and_consumers_by_what_is_committed() {
    let mut waiters = Waiters::default();
    let consumer = reader(&mut waiters, 100, Isolation::ReadUncommitted);
    let follower = Interest::new(&FetchWatch::new(), 7);
    waiters.register(
        &follower,
        Reader::Follower(FollowerId {
            broker_id: 2,
            broker_epoch: -1,
        }),
    );
    assert!(follower.watch.arm(100, Isolation::ReadUncommitted));
    waiters.appended(100);
    assert!(is_woken(&follower) && !is_woken(&consumer));
    waiters.advanced(1, 100, 100);
    assert!(!is_woken(&follower) && is_woken(&consumer), "no follower waits");
    follower.watch.take_changed();
    follower.noticed();
    assert!(follower.watch.arm(100, Isolation::ReadUncommitted));
    waiters.advanced(2, 100, 100);
    assert!(is_woken(&follower), "it should soon know of the high watermark");
}

#[tokio::test]
async fn who_waits_no_longer_does_not_pile_up() {
    let mut waiters = Waiters::default();
    for _ in 0..1_000 {
        drop(waiters.add_ack(5));
    }
    assert!(waiters.offsets.capacity() <= 4);
}

#[tokio::test]
async fn acks_are_given_up_to_the_high_watermark() {
    let mut waiters = Waiters::default();
    let first = waiters.add_ack(5);
    let second = waiters.add_ack(9);
    waiters.advanced(5, 10, 10);
    assert_eq!(first.await, Ok(Ok(())));
    waiters.interrupt(ErrorCode::NotLeaderOrFollower);
    assert_eq!(second.await, Ok(Err(ErrorCode::NotLeaderOrFollower)));
}

#[test]
fn fetches_that_are_over_do_not_pile_up() {
    let mut waiters = Waiters::default();
    for _ in 0..1_000 {
        reader(&mut waiters, 1, Isolation::ReadUncommitted);
    }
    assert!(waiters.interests.capacity() <= 4);
    waiters.log_start_moved();
    assert!(waiters.interests.is_empty());
}
