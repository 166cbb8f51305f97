//! AllocateProducerIds (key 67): blocks of producer ids (KIP-730). Each broker gives out the ids of its block
//! without asking again. Kafka's `ProducerIdControlManager`.

use barnabas_protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerId};
use serde::{Deserialize, Serialize};

use super::heartbeat::registered;
use super::{Decide, DecideContext, Decision, wire};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// How many ids a block has.
pub const PRODUCER_ID_BLOCK_SIZE: i64 = 1000;

/// Gives a broker a block. Its errors: STALE_BROKER_EPOCH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocateProducerIds(#[serde(with = "wire::request")] pub AllocateProducerIdsRequest);

impl Decide for AllocateProducerIds {
    type Reply = AllocateProducerIdsResponse;

    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let (broker_id, broker_epoch) = (self.0.broker_id.0, self.0.broker_epoch);
        if let Err(error) = registered(image, broker_id, broker_epoch) {
            return Decision {
                records: Vec::new(),
                reply: AllocateProducerIdsResponse::default().with_error_code(error.code.code()),
            };
        }
        let first = image.next_producer_id;
        let record = MetadataRecord::ProducerIds {
            broker_id,
            broker_epoch,
            next_producer_id: first + PRODUCER_ID_BLOCK_SIZE,
        };
        Decision {
            records: vec![record],
            reply: AllocateProducerIdsResponse::default()
                .with_producer_id_start(ProducerId(first))
                .with_producer_id_len(PRODUCER_ID_BLOCK_SIZE as i32),
        }
    }
}
