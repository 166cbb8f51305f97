//! Whether anybody listens where a broker should. A process that has died refuses connections at once, one
//! that hangs or is only cut off does not.

use std::io::ErrorKind;
use std::time::Duration;

use barnabas_network::Network;
use tokio::time::{sleep, timeout};

/// How long a broker may take to answer a look.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// So often in a row nobody listens before a broker counts as gone.
pub const REFUSALS: usize = 2;

/// A connection is all that is tried: whatever protocol is spoken there, nothing has to be said.
pub async fn is_nobody_there(network: &Network, address: &str) -> bool {
    let looked = timeout(PATIENCE, network.connect_to(address)).await;
    matches!(looked, Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused)
}

/// Ready when connections to `address` are refused, and not for the first time; never while somebody listens.
pub async fn gone(network: &Network, address: &str) {
    let mut refusals = 0;
    loop {
        refusals = match is_nobody_there(network, address).await {
            true => refusals + 1,
            false => 0,
        };
        if refusals == REFUSALS {
            return;
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_listens_is_there_and_who_does_not_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(!is_nobody_there(&Network::System, &address).await);
        let still_there = timeout(3 * PAUSE, gone(&Network::System, &address)).await;
        assert!(still_there.is_err(), "somebody listens");
        drop(listener);
        let left = timeout(Duration::from_secs(20), gone(&Network::System, &address)).await;
        assert!(left.is_ok(), "nobody listens");
    }
}
