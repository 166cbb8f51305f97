//! The life of a broker step by step: (event, what is sent).

use barnabas_metadata::ApiError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest};
use uuid::Uuid;

use super::core::{BrokerState, Lifecycle, LifecycleOptions, Step};

const INTERVAL_MS: i64 = 2000;
const REGISTRATION_MS: i64 = 60_000;

fn options() -> LifecycleOptions {
    LifecycleOptions {
        heartbeat_interval_ms: INTERVAL_MS,
        registration_timeout_ms: REGISTRATION_MS,
        shutdown_timeout_ms: 30_000,
        controlled_shutdown: true,
        shutdown_silence_ms: 2000,
        alone: false,
    }
}

fn born(options: LifecycleOptions) -> Lifecycle {
    let request = BrokerRegistrationRequest::default().with_broker_id(BrokerId(7));
    Lifecycle::new(request, options, 0)
}

/// Broker 7, registered under epoch 10, which serves at `now_ms`.
fn running(now_ms: i64) -> Lifecycle {
    let mut life = born(options());
    life.registered(now_ms, Ok(10));
    life.image_published(now_ms, 10, false);
    life.ready(now_ms);
    assert!(matches!(life.step(now_ms), Step::Heartbeat(_)));
    life.answered(now_ms, Ok(answer(true, false)));
    assert_eq!(life.state(), BrokerState::Running);
    life
}

fn answer(caught_up: bool, fenced: bool) -> BrokerHeartbeatResponse {
    BrokerHeartbeatResponse::default()
        .with_is_caught_up(caught_up)
        .with_is_fenced(fenced)
}

fn refused(code: ErrorCode) -> ApiError {
    ApiError::bare(code)
}

/// Offset, whether it wants to be fenced, and whether to stop.
fn heartbeat(life: &mut Lifecycle, now_ms: i64) -> (i64, bool, bool) {
    match life.step(now_ms) {
        Step::Heartbeat(beat) => {
            assert_eq!((beat.broker_id.0, beat.broker_epoch), (7, 10));
            (beat.current_metadata_offset, beat.want_fence, beat.want_shut_down)
        }
        other => panic!("no heartbeat but {other:?}"),
    }
}

#[test]
fn a_broker_registers_catches_up_and_serves() {
    let mut life = born(options());
    assert!(matches!(life.step(0), Step::Register(_)));
    life.registered(5, Ok(10));
    assert_eq!(life.broker_epoch(), Some(10));
    // Fenced for as long as it does not answer at its listeners.
    assert_eq!(heartbeat(&mut life, 5), (-1, true, false));
    life.answered(6, Ok(answer(false, true)));
    assert_eq!(
        (life.step(6), life.state()),
        (Step::Wait(Some(6 + INTERVAL_MS)), BrokerState::Starting)
    );
    // At once when it has caught up, and when it is ready.
    life.image_published(7, 10, false);
    assert_eq!(heartbeat(&mut life, 7), (10, true, false));
    life.answered(8, Ok(answer(true, true)));
    assert_eq!(life.state(), BrokerState::Recovery);
    life.ready(9);
    assert_eq!(heartbeat(&mut life, 9), (10, false, false));
    life.answered(10, Ok(answer(true, false)));
    assert_eq!(
        (life.step(10), life.state()),
        (Step::Wait(Some(10 + INTERVAL_MS)), BrokerState::Running)
    );
    // From then on by the interval; other images are no reason.
    life.image_published(11, 20, false);
    assert_eq!(life.step(11), Step::Wait(Some(10 + INTERVAL_MS)));
    assert_eq!(heartbeat(&mut life, 10 + INTERVAL_MS), (20, false, false));
}

#[test]
fn what_happens_while_a_heartbeat_is_on_its_way_makes_another() {
    let mut life = running(0);
    assert_eq!(heartbeat(&mut life, INTERVAL_MS), (10, false, false));
    life.directories(INTERVAL_MS, vec![Uuid::from_u128(500)], vec![]);
    life.answered(INTERVAL_MS + 1, Ok(answer(true, false)));
    match life.step(INTERVAL_MS + 1) {
        Step::Heartbeat(beat) => assert_eq!(beat.offline_log_dirs, [Uuid::from_u128(500)]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lost_connection_makes_a_heartbeat_at_once_but_not_one_after_the_other() {
    let mut life = running(0);
    life.connection_lost(700);
    assert_eq!(heartbeat(&mut life, 700), (10, false, false));
    life.answered(701, Ok(answer(true, false)));
    // Whoever ends each connection is not asked without a pause.
    life.connection_lost(702);
    assert_eq!(life.step(702), Step::Wait(Some(750)));
    assert_eq!(heartbeat(&mut life, 750), (10, false, false));
    life.answered(751, Ok(answer(true, false)));
    assert_eq!(life.step(751), Step::Wait(Some(751 + INTERVAL_MS)));
}

#[test]
fn a_registration_is_tried_again_until_its_time_is_up_or_nothing_helps() {
    let mut life = born(options());
    let mut tries = 0;
    let mut now_ms = 0;
    let why = loop {
        match life.step(now_ms) {
            Step::Register(_) => {
                tries += 1;
                life.registered(now_ms, Err(refused(ErrorCode::DuplicateBrokerRegistration)));
            }
            Step::Wait(Some(until_ms)) => now_ms = until_ms,
            Step::Failed(why) => break why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((now_ms, tries), (REGISTRATION_MS, 600));
    assert!(why.contains("initial.broker.registration.timeout.ms"), "{why}");

    for (code, reason) in [
        (ErrorCode::InconsistentClusterId, "of another cluster"),
        (ErrorCode::UnsupportedVersion, "finalized features"),
        (ErrorCode::InvalidRegistration, "log directories"),
    ] {
        let mut life = born(options());
        life.registered(0, Err(refused(code)));
        match life.step(0) {
            Step::Failed(why) => assert!(why.contains(reason), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn failures_back_off_and_a_forgotten_broker_registers_again() {
    let mut life = running(0);
    let mut now_ms = INTERVAL_MS;
    let mut waits = Vec::new();
    for _ in 0..7 {
        heartbeat(&mut life, now_ms);
        life.answered(now_ms, Err(refused(ErrorCode::NotController)));
        let Step::Wait(Some(until_ms)) = life.step(now_ms) else {
            panic!("it tries at once");
        };
        waits.push(until_ms - now_ms);
        now_ms = until_ms;
    }
    assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
    heartbeat(&mut life, now_ms);
    life.answered(now_ms, Err(refused(ErrorCode::StaleBrokerEpoch)));
    assert!(matches!(life.step(now_ms), Step::Register(_)));
    assert_eq!((life.state(), life.broker_epoch()), (BrokerState::Starting, None));
    life.registered(now_ms, Ok(30));
    assert!(
        matches!(life.step(now_ms), Step::Heartbeat(beat) if beat.broker_epoch == 30 && !beat.want_fence)
    );
}

#[test]
fn a_stop_waits_until_it_is_let_go() {
    let mut life = running(0);
    life.stop(100, true);
    assert_eq!(heartbeat(&mut life, 100), (10, false, true));
    life.answered(101, Ok(answer(true, false)));
    assert_eq!(life.state(), BrokerState::PendingControlledShutdown);
    assert_eq!(life.step(101), Step::Wait(Some(121)), "impatient");
    assert_eq!(heartbeat(&mut life, 121), (10, false, true));
    life.answered(122, Ok(answer(true, true).with_should_shut_down(true)));
    assert_eq!(
        (life.step(122), life.state()),
        (Step::Stopped, BrokerState::ShuttingDown)
    );

    // Controllers that are silent, or never done, don't hold it up for ever.
    let mut silent = running(0);
    silent.stop(100, true);
    heartbeat(&mut silent, 100);
    silent.answered(100, Err(refused(ErrorCode::RequestTimedOut)));
    assert!(matches!(silent.step(2099), Step::Heartbeat(_)));
    assert_eq!(silent.step(2100), Step::Stopped);
    let mut never_done = running(0);
    never_done.stop(0, true);
    let mut now_ms = 0;
    while never_done.step(now_ms) != Step::Stopped {
        never_done.answered(now_ms, Ok(answer(true, false)));
        now_ms += 100;
    }
    assert_eq!(now_ms, 30_000);
}

#[test]
fn one_that_stops_hears_at_once_that_others_know() {
    let mut life = running(0);
    life.image_published(50, 21, true);
    assert_eq!(heartbeat(&mut life, 50), (21, false, false));
}

#[test]
fn the_broker_of_a_quorum_of_one_is_silent_until_it_leaves_others() {
    let alone = LifecycleOptions {
        alone: true,
        ..options()
    };
    let mut life = born(alone);
    assert!(matches!(life.step(0), Step::Register(_)));
    life.registered(0, Ok(10));
    life.ready(0);
    life.image_published(0, 10, true);
    assert_eq!(
        (life.step(0), life.state()),
        (Step::Wait(None), BrokerState::Running)
    );
    life.stop(1, false);
    assert_eq!(life.step(1), Step::Stopped);

    let mut with_others = born(alone);
    with_others.registered(0, Ok(10));
    with_others.stop(1, true);
    assert_eq!(heartbeat(&mut with_others, 1), (-1, true, true));
}

#[test]
fn without_controlled_shutdown_a_broker_just_goes() {
    let abrupt = LifecycleOptions {
        controlled_shutdown: false,
        ..options()
    };
    let mut life = born(abrupt);
    life.registered(0, Ok(10));
    life.stop(1, true);
    assert_eq!(
        (life.step(1), life.state()),
        (Step::Stopped, BrokerState::ShuttingDown)
    );
}
