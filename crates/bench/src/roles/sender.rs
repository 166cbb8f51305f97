//! Sends prepared frames: producers, and whatever else only sends and looks at an error code.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};

use crate::answers::check_error;
use crate::batch::{next_sequence, set_producer};
use crate::engine::Role;
use crate::error::Failure;
use crate::frames::{API_VERSIONS_ERROR_AT, api_versions, records_of};
use crate::shared::{Class, Phase, Shared};

/// A frame and what it carries.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The frame.
    pub frame: Bytes,
    /// Bytes of record batches in it.
    pub batch_bytes: usize,
    /// Records in it.
    pub records: u32,
}

/// An idempotent producer's identity on one connection.
#[derive(Debug, Clone)]
pub struct Identity {
    /// From InitProducerId.
    pub producer_id: i64,
    /// From InitProducerId.
    pub producer_epoch: i16,
}

/// How a sender behaves.
#[derive(Debug, Clone)]
pub struct Manner {
    /// What is counted.
    pub class: Class,
    /// The error code's place in an answer.
    pub error_at: usize,
    /// Requests in flight at most; an open loop has no such bound.
    pub in_flight_max: usize,
    /// Sends at due times only.
    pub open_loop: bool,
    /// The server answers (not acks=0). Otherwise the socket alone says how much is sent, and an ApiVersions
    /// at the end that all was taken.
    pub answered: bool,
    /// Waits for the consumers of the tail.
    pub gated: bool,
}

/// What is on its way: since when, and how much.
#[derive(Debug)]
struct InFlight {
    since: u64,
    bytes: u64,
    records: u64,
}

/// Sends frames round and round.
#[derive(Debug)]
pub struct Sender {
    frames: Rc<[Prepared]>,
    at: usize,
    manner: Manner,
    due: VecDeque<u64>,
    in_flight: VecDeque<InFlight>,
    /// Frames were sent since the last request that is answered.
    unanswered: bool,
    identity: Option<(Identity, Vec<i32>)>,
    ping: Bytes,
}

impl Sender {
    /// A sender that begins with frame `first`.
    pub fn new(
        frames: Rc<[Prepared]>,
        first: usize,
        manner: Manner,
        identity: Option<Identity>,
    ) -> Result<Sender, Failure> {
        let sequences = vec![0; frames.len()];
        Ok(Sender {
            at: first % frames.len().max(1),
            frames,
            manner,
            due: VecDeque::new(),
            in_flight: VecDeque::new(),
            unanswered: false,
            identity: identity.map(|identity| (identity, sequences)),
            ping: api_versions()?,
        })
    }

    fn frame(&mut self, at: usize) -> Bytes {
        let prepared = &self.frames[at];
        let Some((identity, sequences)) = &mut self.identity else {
            return prepared.frame.clone();
        };
        let mut frame = BytesMut::from(&prepared.frame[..]);
        let batch = records_of(&mut frame, prepared.batch_bytes);
        set_producer(
            batch,
            identity.producer_id,
            identity.producer_epoch,
            sequences[at],
        );
        sequences[at] = next_sequence(sequences[at], prepared.records);
        frame.freeze()
    }
}

impl Role for Sender {
    fn kept(&self) -> usize {
        self.manner.error_at.max(API_VERSIONS_ERROR_AT) + 2
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        if shared.phase == Phase::Drain {
            self.due.clear();
            if !std::mem::take(&mut self.unanswered) {
                return Ok(None);
            }
            self.in_flight.push_back(InFlight {
                since: shared.now,
                bytes: 0,
                records: 0,
            });
            return Ok(Some(self.ping.clone()));
        }
        let since = if self.manner.open_loop {
            let Some(due) = self.due.pop_front() else {
                return Ok(None);
            };
            due
        } else {
            let held_back = self.manner.gated && shared.tail.as_ref().is_some_and(|tail| !tail.is_open());
            if self.in_flight.len() >= self.manner.in_flight_max || held_back {
                return Ok(None);
            }
            shared.now
        };
        let at = self.at;
        self.at = (at + 1) % self.frames.len();
        let (bytes, records) = (
            self.frames[at].batch_bytes as u64,
            u64::from(self.frames[at].records),
        );
        if let Some(tail) = shared.tail.as_mut().filter(|_| self.manner.gated) {
            tail.send(records, since);
        }
        if self.manner.answered {
            self.in_flight.push_back(InFlight {
                since,
                bytes,
                records,
            });
        } else {
            self.unanswered = true;
            shared.count_unanswered(self.manner.class, bytes, records);
        }
        Ok(Some(self.frame(at)))
    }

    fn answered(&mut self, front: &[u8], _size: usize, shared: &mut Shared) -> Result<(), Failure> {
        let Some(answered) = self.in_flight.pop_front() else {
            return Err(Failure::Unexpected("an answer that nobody asked for".to_owned()));
        };
        let at = if self.manner.answered {
            self.manner.error_at
        } else {
            API_VERSIONS_ERROR_AT
        };
        check_error("request", front, at)?;
        shared.count(
            self.manner.class,
            answered.since,
            answered.bytes,
            answered.records,
        );
        Ok(())
    }

    fn due(&mut self, due: u64) {
        self.due.push_back(due);
    }

    fn is_open_loop(&self) -> bool {
        self.manner.open_loop
    }

    fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && !self.unanswered
    }

    fn is_gated(&self) -> bool {
        self.manner.gated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(count: usize) -> Rc<[Prepared]> {
        let frame = |number: usize| Prepared {
            frame: Bytes::from(vec![number as u8]),
            batch_bytes: 10,
            records: 2,
        };
        (0..count).map(frame).collect()
    }

    fn manner(in_flight_max: usize) -> Manner {
        Manner {
            class: Class::Produce,
            error_at: 4,
            in_flight_max,
            open_loop: false,
            answered: true,
            gated: false,
        }
    }

    fn measured() -> Shared {
        let mut shared = Shared::new(None);
        shared.phase = Phase::Measure;
        shared
    }

    #[test]
    fn goes_round_the_frames_with_so_many_in_flight() {
        let mut shared = measured();
        let mut sender = Sender::new(frames(3), 1, manner(2), None).unwrap();
        assert_eq!(sender.next(&mut shared).unwrap().unwrap()[..], [1]);
        assert_eq!(sender.next(&mut shared).unwrap().unwrap()[..], [2]);
        assert!(sender.next(&mut shared).unwrap().is_none());
        sender.answered(&[0, 0, 0, 1, 0, 0], 6, &mut shared).unwrap();
        assert_eq!(sender.next(&mut shared).unwrap().unwrap()[..], [0]);
        assert!(
            sender.answered(&[0, 0, 0, 1, 0, 3], 6, &mut shared).is_err(),
            "error code 3"
        );
        assert_eq!(shared.report()["produce"].bytes, 10);
    }

    #[test]
    fn an_open_loop_sends_what_is_due_and_counts_from_then() {
        let mut shared = measured();
        let mut sender = Sender::new(
            frames(1),
            0,
            Manner {
                open_loop: true,
                ..manner(0)
            },
            None,
        )
        .unwrap();
        assert!(sender.next(&mut shared).unwrap().is_none());
        sender.due(1_000);
        sender.due(2_000);
        shared.now = 50_000;
        assert!(sender.next(&mut shared).unwrap().is_some());
        assert!(sender.next(&mut shared).unwrap().is_some());
        assert!(sender.next(&mut shared).unwrap().is_none());
        shared.now = 101_000;
        sender.answered(&[0; 6], 6, &mut shared).unwrap();
        let latency = shared.report()["produce"].latency_us.unwrap();
        assert!((99.0..101.0).contains(&latency.max), "{latency:?}");
    }

    #[test]
    fn without_acks_frames_count_when_they_are_sent_and_a_ping_ends_them() {
        let mut shared = measured();
        let unanswered = Manner {
            answered: false,
            ..manner(1)
        };
        let mut sender = Sender::new(frames(1), 0, unanswered, None).unwrap();
        for _ in 0..100 {
            assert_eq!(sender.next(&mut shared).unwrap().unwrap().len(), 1);
        }
        let report = &shared.report()["produce"];
        assert_eq!((report.requests, report.bytes, report.records), (100, 1000, 200));
        assert!(report.latency_us.is_none(), "nobody says when they arrived");
        shared.phase = Phase::Drain;
        assert!(!sender.is_idle());
        assert!(sender.next(&mut shared).unwrap().unwrap().len() > 1, "the ping");
        assert!(sender.next(&mut shared).unwrap().is_none());
        assert!(!sender.is_idle(), "the ping's answer says that all was taken");
        sender.answered(&[0; 6], 6, &mut shared).unwrap();
        assert!(sender.is_idle());
    }
}
