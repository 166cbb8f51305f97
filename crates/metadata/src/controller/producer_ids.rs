//! Blocks of producer ids (KIP-730): each broker gives out the ids of its block without asking again.

use serde::{Deserialize, Serialize};

use super::{Decide, DecideContext, Decision};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// How many ids a block has.
pub const PRODUCER_ID_BLOCK_SIZE: i64 = 1000;

/// Gives a broker a block. The reply is its first id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocateProducerIds {
    /// The broker.
    pub broker_id: i32,
    /// Its epoch.
    pub broker_epoch: i64,
}

impl Decide for AllocateProducerIds {
    type Reply = i64;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<i64> {
        let first = image.next_producer_id;
        let record = MetadataRecord::ProducerIds {
            broker_id: self.broker_id,
            broker_epoch: self.broker_epoch,
            next_producer_id: first + PRODUCER_ID_BLOCK_SIZE,
        };
        Decision {
            records: vec![record],
            reply: first,
        }
    }
}
