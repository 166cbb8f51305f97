//! BrokerHeartbeat (key 63): a broker lives, and tells how far it is. Brokers alone ask it;
//! `barnabas_metadata::controller` decides.
//!
//! CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, and what the decision says. The connection by which it comes
//! is the broker's life: see [`Sessions`](crate::sessions::Sessions).

use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};

use crate::controller::Controller;
use crate::sessions::Incarnation;

/// Notes by which connection the broker is heard, if it is the one that is registered.
pub fn begin(controller: &Controller, context: &RequestContext, request: &BrokerHeartbeatRequest) {
    let broker = Incarnation {
        broker_id: request.broker_id.0,
        broker_epoch: request.broker_epoch,
    };
    let image = controller.handle.image();
    let registered = image.brokers.get(&broker.broker_id);
    if registered.is_some_and(|registered| registered.broker_epoch == broker.broker_epoch) {
        controller.sessions.lock().heard(broker, context.connection.id);
    }
}

/// The answer where it isn't decided.
pub fn refused(error: &ApiError) -> BrokerHeartbeatResponse {
    BrokerHeartbeatResponse::default().with_error_code(error.code.code())
}
