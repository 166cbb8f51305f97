//! UnregisterBroker (key 64) and UnregisterController (key 94): nodes that won't come back are forgotten.

use barnabas_protocol::error::ErrorCode;
use serde::{Deserialize, Serialize};

use super::{ApiError, Decide, DecideContext, Decision, fence};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// The metadata.version from which on controllers may be unregistered.
const UNREGISTER_CONTROLLER_METADATA_VERSION: i16 = 33;

/// A broker is gone for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnregisterBroker {
    /// The broker's id.
    pub broker_id: i32,
}

impl Decide for UnregisterBroker {
    type Reply = Result<(), ApiError>;

    /// The partitions that the broker led get another leader from the ISR, or none.
    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let broker_id = self.broker_id;
        let Some(broker) = image.brokers.get(&broker_id) else {
            let message = format!("Broker ID {broker_id} is not currently registered");
            return refused(ErrorCode::BrokerIdNotRegistered, message);
        };
        ctx.heartbeats.forget(broker_id);
        let mut records = fence::away(image, ctx, broker_id);
        records.push(MetadataRecord::UnregisterBroker {
            broker_id,
            broker_epoch: broker.broker_epoch,
        });
        Decision {
            records,
            reply: Ok(()),
        }
    }
}

/// A controller is gone for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnregisterController {
    /// The controller's id.
    pub controller_id: i32,
}

impl Decide for UnregisterController {
    type Reply = Result<(), ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let controller_id = self.controller_id;
        if image.features.metadata_version() < UNREGISTER_CONTROLLER_METADATA_VERSION {
            let message = "The current MetadataVersion is too old to support controller unregistration.";
            return refused(ErrorCode::UnsupportedVersion, message.to_owned());
        }
        // The one that decides is here, whether it has registered or not.
        if controller_id == ctx.settings.node_id {
            let message = format!("Controller ID {controller_id} is the active controller.");
            return refused(ErrorCode::InvalidRequest, message);
        }
        if !image.controllers.contains_key(&controller_id) {
            let message = format!("Controller ID {controller_id} is not currently registered.");
            return refused(ErrorCode::ControllerIdNotRegistered, message);
        }
        Decision {
            records: vec![MetadataRecord::UnregisterController { controller_id }],
            reply: Ok(()),
        }
    }
}

fn refused(code: ErrorCode, message: String) -> Decision<Result<(), ApiError>> {
    Decision {
        records: Vec::new(),
        reply: Err(ApiError::new(code, message)),
    }
}
