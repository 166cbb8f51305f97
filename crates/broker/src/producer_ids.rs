//! Producer ids for idempotent producers: handed out of a block that the controller allocated, so that one
//! metadata record serves a thousand producers and no id is ever given twice.

use std::ops::Range;

use barnabas_metadata::ApiError;
use barnabas_metadata::ControllerClient;
use barnabas_metadata::controller::AllocateProducerIds;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{AllocateProducerIdsRequest, BrokerId};
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
    /// The controller could not be asked, or this broker is registered under another epoch.
    pub async fn next(
        &self,
        controller: &ControllerClient,
        node_id: i32,
        broker_epoch: i64,
    ) -> Result<i64, ApiError> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            let request = AllocateProducerIdsRequest::default()
                .with_broker_id(BrokerId(node_id))
                .with_broker_epoch(broker_epoch);
            let reply = controller.submit(AllocateProducerIds(request)).await?;
            let code = ErrorCode::from_code(reply.error_code).unwrap_or(ErrorCode::UnknownServerError);
            if !code.is_none() {
                return Err(ApiError::bare(code));
            }
            let first = reply.producer_id_start.0;
            *block = first..first + i64::from(reply.producer_id_len);
        }
        let id = block.start;
        block.start += 1;
        Ok(id)
    }
}
