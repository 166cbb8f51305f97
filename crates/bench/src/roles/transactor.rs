//! A transactional producer: some batches, a commit, the next transaction (KIP-98, with the verification of
//! KIP-890).

use bytes::{Bytes, BytesMut};

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{Decodable, EndTxnRequest, EndTxnResponse, StrBytes, TransactionalId};

use super::sender::Identity;
use crate::answers::check_error;
use crate::batch::{next_sequence, set_producer};
use crate::engine::Role;
use crate::error::Failure;
use crate::frames::{PRODUCE_ERROR_AT, records_of, request};
use crate::shared::{Class, Phase, Shared};

const END_TXN: i16 = 5;
/// The markers of the transaction before are still being written: the first request of the next is asked
/// again.
const CONCURRENT_TRANSACTIONS: i16 = 51;
/// Bytes of the header in front of an answer: correlation id, tags.
const HEADER: usize = 5;
/// Requests in flight at most, as idempotent producers have.
const IN_FLIGHT_MAX: u32 = 5;

/// What a transactional producer sends.
#[derive(Debug)]
pub struct Transactions {
    /// Its transactional id.
    pub transactional_id: String,
    /// A Produce with a batch that is marked as transactional.
    pub frame: BytesMut,
    /// Bytes of the batch.
    pub batch_bytes: usize,
    /// Records of the batch.
    pub records: u32,
    /// Batches in a transaction.
    pub batches: u32,
}

/// One producer and its open transaction.
#[derive(Debug)]
pub struct Transactor {
    what: Transactions,
    identity: Identity,
    began: u64,
    sent: u32,
    answered: u32,
    is_ending: bool,
    /// The first batch is in: the transaction has begun and the others may follow without waiting.
    is_open: bool,
}

impl Transactor {
    /// A producer with the id and epoch that InitProducerId gave.
    pub fn new(what: Transactions, identity: Identity) -> Transactor {
        Transactor {
            what,
            identity,
            began: 0,
            sent: 0,
            answered: 0,
            is_ending: false,
            is_open: false,
        }
    }

    fn batch(&mut self) -> Bytes {
        let sequence = (0..self.sent).fold(0, |sequence, _| next_sequence(sequence, self.what.records));
        let batch = records_of(&mut self.what.frame, self.what.batch_bytes);
        set_producer(
            batch,
            self.identity.producer_id,
            self.identity.producer_epoch,
            sequence,
        );
        self.sent += 1;
        Bytes::copy_from_slice(&self.what.frame)
    }

    fn end(&self) -> Result<Bytes, Failure> {
        let id = StrBytes::from_string(self.what.transactional_id.clone());
        let body = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(id))
            .with_producer_id(self.identity.producer_id.into())
            .with_producer_epoch(self.identity.producer_epoch)
            .with_committed(true);
        Ok(request(ApiKey::EndTxn, END_TXN, &body)?.freeze())
    }

    fn ended(&mut self, front: &[u8], shared: &mut Shared) -> Result<(), Failure> {
        let mut body = Bytes::copy_from_slice(front.get(HEADER..).unwrap_or_default());
        let answer = EndTxnResponse::decode(&mut body, END_TXN)
            .map_err(|error| Failure::Unexpected(format!("EndTxn: {error}")))?;
        self.is_ending = false;
        match answer.error_code {
            0 => {}
            CONCURRENT_TRANSACTIONS => return Ok(()),
            code => return Err(Failure::Refused { what: "EndTxn", code }),
        }
        let bytes = self.what.batch_bytes as u64 * u64::from(self.sent);
        shared.count(
            Class::Transaction,
            self.began,
            bytes,
            u64::from(self.what.records * self.sent),
        );
        self.identity = Identity {
            producer_id: answer.producer_id.0,
            producer_epoch: answer.producer_epoch,
        };
        (self.sent, self.answered, self.is_open) = (0, 0, false);
        Ok(())
    }
}

impl Role for Transactor {
    fn kept(&self) -> usize {
        256
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        if self.is_ending || (self.sent == 0 && shared.phase == Phase::Drain) {
            return Ok(None);
        }
        if self.sent == 0 {
            self.began = shared.now;
        }
        let in_flight = self.sent - self.answered;
        if self.sent < self.what.batches {
            let may = self.sent == 0 || (self.is_open && in_flight < IN_FLIGHT_MAX);
            return Ok(may.then(|| self.batch()));
        }
        if in_flight > 0 {
            return Ok(None);
        }
        self.is_ending = true;
        self.end().map(Some)
    }

    fn answered(&mut self, front: &[u8], _size: usize, shared: &mut Shared) -> Result<(), Failure> {
        if self.is_ending {
            return self.ended(front, shared);
        }
        match check_error("Produce", front, PRODUCE_ERROR_AT) {
            Err(Failure::Refused {
                code: CONCURRENT_TRANSACTIONS,
                ..
            }) if !self.is_open => self.sent = 0,
            result => {
                result?;
                self.answered += 1;
                self.is_open = true;
            }
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.sent == 0 && !self.is_ending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::frames;
    use barnabas_protocol::messages::Encodable;
    use barnabas_protocol::records::{self, Compression};

    fn produced(code: u8) -> Vec<u8> {
        let mut answer = vec![0; 64];
        answer[PRODUCE_ERROR_AT + 1] = code;
        answer
    }

    fn sequence(frame: Bytes, batch_bytes: usize) -> i32 {
        let mut frame = BytesMut::from(&frame[..]);
        let batch = records::Batch::parse(records_of(&mut frame, batch_bytes)).unwrap();
        batch.verify_crc().unwrap();
        batch.header.base_sequence
    }

    #[test]
    fn a_transaction_is_opened_filled_and_committed() {
        let batch = Batch::transactional(1024, 100, Compression::None, 0).unwrap();
        let (batch_bytes, records) = (batch.bytes.len(), batch.records);
        let frame = frames::produce(uuid::Uuid::nil(), 0, -1, Some("t"), batch.bytes).unwrap();
        let what = Transactions {
            transactional_id: "t".to_owned(),
            frame,
            batch_bytes,
            records,
            batches: 3,
        };
        let mut transactor = Transactor::new(
            what,
            Identity {
                producer_id: 7,
                producer_epoch: 0,
            },
        );
        let mut shared = Shared::new(None);
        shared.phase = Phase::Measure;

        assert_eq!(
            sequence(transactor.next(&mut shared).unwrap().unwrap(), batch_bytes),
            0
        );
        assert!(
            transactor.next(&mut shared).unwrap().is_none(),
            "nothing more before the first is in"
        );
        transactor.answered(&produced(51), 0, &mut shared).unwrap();
        assert_eq!(
            sequence(transactor.next(&mut shared).unwrap().unwrap(), batch_bytes),
            0
        );
        transactor.answered(&produced(0), 0, &mut shared).unwrap();
        let records = records as i32;
        assert_eq!(
            sequence(transactor.next(&mut shared).unwrap().unwrap(), batch_bytes),
            records
        );
        assert_eq!(
            sequence(transactor.next(&mut shared).unwrap().unwrap(), batch_bytes),
            2 * records
        );
        assert!(
            transactor.next(&mut shared).unwrap().is_none(),
            "the end waits for all answers"
        );
        transactor.answered(&produced(0), 0, &mut shared).unwrap();
        transactor.answered(&produced(0), 0, &mut shared).unwrap();
        let end = transactor.next(&mut shared).unwrap().unwrap();
        assert_eq!(end[4..6], ApiKey::EndTxn.key().to_be_bytes());
        let mut answer = BytesMut::zeroed(HEADER);
        let body = EndTxnResponse::default()
            .with_producer_id(7.into())
            .with_producer_epoch(1);
        body.encode(&mut answer, END_TXN).unwrap();
        transactor.answered(&answer, 0, &mut shared).unwrap();
        assert!(transactor.is_idle());
        assert_eq!(shared.report()["transaction"].bytes, 3 * batch_bytes as u64);
    }
}
