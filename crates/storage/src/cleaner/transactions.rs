//! Which transactions a cleaning has come across: what was aborted may go, and a marker once nothing of its
//! transaction is left (KIP-98, and `CleanedTransactionMetadata` in Apache Kafka).
//!
//! Pure. Fed with the batches of a log in order, and before each segment with the transactions that the log
//! knows to have been aborted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use barnabas_protocol::records::BatchHeader;

use crate::log::AbortedTxn;
use barnabas_protocol::records::EndTxnMarker;

/// A transaction that was aborted and whose records have begun.
#[derive(Clone, Copy, Debug)]
struct Aborted {
    txn: AbortedTxn,
    /// A data batch of it was seen, so its marker must stay.
    has_batches: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Transactions {
    /// Known to have been aborted, not come across yet; the one that begins first is on top.
    coming: BinaryHeap<Reverse<(i64, i64, i64, i64)>>,
    aborted: HashMap<i64, Aborted>,
    /// Producers of which a batch was seen whose transaction is not an aborted one.
    committed: HashSet<i64>,
}

/// What a control batch comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// Nothing of its transaction was come across: it may go when its time has come.
    pub discardable: bool,
    /// It aborts a transaction of which batches are left: readers must know.
    pub aborted: Option<AbortedTxn>,
}

impl Transactions {
    /// Takes up transactions that were aborted. One may be named more than once.
    pub fn expect(&mut self, aborted: impl IntoIterator<Item = AbortedTxn>) {
        let rows = aborted.into_iter().map(|txn| {
            Reverse((
                txn.first_offset,
                txn.producer_id,
                txn.last_offset,
                txn.last_stable_offset,
            ))
        });
        self.coming.extend(rows);
    }

    /// A data batch; answers whether it belongs to an aborted transaction.
    pub fn on_data(&mut self, header: &BatchHeader) -> bool {
        self.begin_up_to(header.last_offset());
        if !header.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&header.producer_id) {
            Some(aborted) => {
                aborted.has_batches = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// A control batch with the marker in it: `None` for an empty batch that an earlier cleaning left.
    pub fn on_control(&mut self, header: &BatchHeader, marker: Option<EndTxnMarker>) -> Marker {
        self.begin_up_to(header.last_offset());
        match marker {
            None => Marker {
                // Control records of another kind are none of the cleaner's business.
                discardable: header.records_count == 0,
                aborted: None,
            },
            Some(marker) if marker.committed => Marker {
                discardable: !self.committed.remove(&header.producer_id),
                aborted: None,
            },
            Some(_) => {
                let ended = self.aborted.remove(&header.producer_id);
                let aborted = ended
                    .filter(|aborted| aborted.has_batches)
                    .map(|aborted| aborted.txn);
                Marker {
                    discardable: aborted.is_none(),
                    aborted,
                }
            }
        }
    }

    fn begin_up_to(&mut self, offset: i64) {
        while let Some(&Reverse((first_offset, producer_id, last_offset, last_stable_offset))) =
            self.coming.peek()
            && first_offset <= offset
        {
            self.coming.pop();
            self.aborted.entry(producer_id).or_insert(Aborted {
                txn: AbortedTxn {
                    producer_id,
                    first_offset,
                    last_offset,
                    last_stable_offset,
                },
                has_batches: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};

    use super::*;

    fn header(producer_id: i64, base_offset: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new(Compression::None)
            .base_offset(base_offset)
            .producer(producer_id, 0, 0)
            .transactional();
        builder.append(&RecordFields::default());
        BatchHeader::parse(&builder.build().unwrap()).unwrap()
    }

    fn marker(committed: bool) -> Option<EndTxnMarker> {
        Some(EndTxnMarker {
            committed,
            coordinator_epoch: 0,
        })
    }

    fn txn(producer_id: i64, first_offset: i64, last_offset: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id,
            first_offset,
            last_offset,
            last_stable_offset: last_offset + 1,
        }
    }

    #[test]
    fn aborted_batches_are_known_and_their_marker_stays_while_they_do() {
        let mut seen = Transactions::default();
        seen.expect([txn(1, 0, 20), txn(1, 0, 20), txn(2, 30, 40)]);
        assert!(seen.on_data(&header(1, 0)));
        assert!(!seen.on_data(&header(2, 5)), "its first transaction is committed");
        assert!(seen.on_data(&header(1, 10)));
        let kept = seen.on_control(&header(1, 20), marker(false));
        assert_eq!((kept.discardable, kept.aborted), (false, Some(txn(1, 0, 20))));
        assert!(!seen.on_control(&header(2, 25), marker(true)).discardable);
        assert!(seen.on_data(&header(2, 30)));
        assert!(!seen.on_data(&header(1, 35)), "the first transaction is over");
    }

    #[test]
    fn a_marker_whose_batches_are_gone_may_go() {
        let mut seen = Transactions::default();
        seen.expect([txn(1, 0, 20)]);
        let discardable = Marker {
            discardable: true,
            aborted: None,
        };
        assert_eq!(seen.on_control(&header(1, 20), marker(false)), discardable);
        assert_eq!(seen.on_control(&header(3, 21), marker(true)), discardable);
        let mut empty = header(3, 22);
        empty.records_count = 0;
        assert_eq!(seen.on_control(&empty, None), discardable);
        assert_eq!(
            seen.on_control(&header(3, 23), None),
            Marker::default(),
            "unknown control record"
        );
    }

    #[test]
    fn batches_that_are_not_transactional_are_nobodys() {
        let mut seen = Transactions::default();
        seen.expect([txn(1, 0, 20)]);
        let mut plain = header(1, 5);
        plain.attributes = plain.attributes.with_transactional(false);
        assert!(!seen.on_data(&plain));
        assert!(seen.on_control(&header(1, 20), marker(false)).discardable);
    }
}
