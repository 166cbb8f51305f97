//! Producer ids for idempotent producers: handed out of a block that the controller allocated, so that one
//! metadata record serves a thousand producers and no id is ever given twice.

use std::ops::Range;

use barnabas_metadata::MetadataError;
use barnabas_metadata::controller::{AllocateProducerIds, PRODUCER_ID_BLOCK_SIZE};
use barnabas_metadata::quorum::ControllerHandle;
use tokio::sync::Mutex;

/// The rest of this broker's block.
#[derive(Debug, Default)]
pub struct ProducerIds {
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    /// The next id; a new block is fetched when the last one is used up, and what was left of one at the end
    /// of the process is lost.
    ///
    /// # Errors
    /// The controller could not be asked.
    pub async fn next(
        &self,
        controller: &ControllerHandle,
        node_id: i32,
        broker_epoch: i64,
    ) -> Result<i64, MetadataError> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            let first = controller
                .submit(AllocateProducerIds {
                    broker_id: node_id,
                    broker_epoch,
                })
                .await?;
            *block = first..first + PRODUCER_ID_BLOCK_SIZE;
        }
        let id = block.start;
        block.start += 1;
        Ok(id)
    }
}
