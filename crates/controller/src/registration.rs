//! A controller registers when it has started, so that all others know where it is and what it can run
//! (KIP-919). Kafka's `ControllerRegistrationManager`.

use std::time::Duration;

use barnabas_metadata::ControllerClient;
use barnabas_metadata::controller::{RegisterController, controller_registration_request};
use barnabas_metadata::records::ControllerRegistration;
use barnabas_protocol::error::ErrorCode;
use tokio::time::sleep;

/// Pauses between tries: they double up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Registers the controller, and tries again until it is known.
pub async fn register(controllers: ControllerClient, own: ControllerRegistration) {
    let mut pause = PAUSE_MIN;
    let mut told = ErrorCode::None.code();
    loop {
        let request = RegisterController(controller_registration_request(&own));
        match controllers.submit(request).await {
            Ok(reply) if reply.error_code == ErrorCode::None.code() => return,
            Ok(reply) => {
                if told != reply.error_code {
                    told = reply.error_code;
                    let message = reply.error_message.as_deref().unwrap_or_default();
                    tracing::warn!(told, message, "this controller's registration is refused");
                }
            }
            Err(error) => tracing::debug!(%error, "this controller could not be registered; trying again"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
