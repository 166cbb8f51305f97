//! Where Metadata would name a leader that has just died, the answer waits for the next one.
//!
//! Clients ask within milliseconds after their connection has ended, before the controllers have decided, and
//! by the answer believe in the dead leader: librdkafka looks again only by a timer of a second. The decision
//! takes a fraction of that, so the answer comes with it, or after a while without.

use std::time::Duration;

use barnabas_metadata::image::MetadataImage;
use tokio::time::sleep;

use crate::broker::Broker;

/// The image is looked at so often meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// Returns when no leader that would be named may be lost, or none is worth waiting for any longer.
/// `leads` says whether a broker leads something that is asked for.
pub async fn settle(broker: &Broker, leads: impl Fn(&MetadataImage, i32) -> bool) {
    let lost = broker.replicas.lost_leaders();
    while lost.any() && !broker.stopping.is_cancelled() {
        let image = broker.image();
        let now_ms = broker.clock.monotonic_ms();
        let is_awaited = |id: &i32| {
            lost.until_ms(*id, now_ms).is_some() && image.alive_broker(*id).is_some() && leads(&image, *id)
        };
        if !image.brokers.keys().any(is_awaited) {
            return;
        }
        drop(image);
        sleep(LOOK).await;
    }
}
