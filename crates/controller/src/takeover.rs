//! What a controller does that has just become the active one: brokers whose process died together with the
//! last one were never heard here, and no connection of theirs will end. Where one of them should listen,
//! nobody does; the others will send a heartbeat soon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_network::Network;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::controller::Controller;
use crate::presence::{REFUSALS, is_nobody_there};
use crate::sessions::Incarnation;

/// Pauses between looks; those that are heard by then are looked at no more. After the last one the session's
/// time alone decides.
const PAUSES_MS: [u64; 8] = [25, 50, 100, 200, 400, 800, 1600, 3200];

/// Looks after the brokers each time this node becomes the active controller. Ends with the quorum.
pub async fn run(controller: Arc<Controller>, network: Network) {
    loop {
        controller.handle.gained().await;
        tokio::select! {
            biased;
            () = look(&controller, &network) => controller.handle.lost().await,
            () = controller.handle.lost() => {}
        }
    }
}

async fn look(controller: &Controller, network: &Network) {
    let mut refusals: BTreeMap<i32, usize> = BTreeMap::new();
    for pause_ms in PAUSES_MS {
        let unheard = unheard(controller);
        if unheard.is_empty() {
            return;
        }
        let mut looks = JoinSet::new();
        for (broker, address) in unheard {
            let network = network.clone();
            looks.spawn(async move { (broker, is_nobody_there(&network, &address).await) });
        }
        while let Some(looked) = looks.join_next().await {
            let Ok((broker, refused)) = looked else { continue };
            let count = refusals.entry(broker.broker_id).or_default();
            *count = if refused { *count + 1 } else { 0 };
            if *count == REFUSALS && !controller.sessions.lock().is_connected(broker) {
                controller.fence(broker).await;
            }
        }
        sleep(Duration::from_millis(pause_ms)).await;
    }
}

/// The brokers that serve, as far as the metadata says, and have not been heard here, each with an address.
fn unheard(controller: &Controller) -> Vec<(Incarnation, String)> {
    let image = controller.handle.image();
    let sessions = controller.sessions.lock();
    let serving = image.brokers.values().filter(|broker| !broker.fenced);
    let others = serving.filter(|broker| broker.broker_id != controller.node_id);
    others
        .filter_map(|broker| {
            let incarnation = Incarnation {
                broker_id: broker.broker_id,
                broker_epoch: broker.broker_epoch,
            };
            let endpoint = broker.endpoints.first()?;
            (!sessions.is_connected(incarnation)).then(|| (incarnation, endpoint.address()))
        })
        .collect()
}
