//! The other brokers, for what this one asks of them: markers of transactions, what a transaction coordinator
//! says of partitions, and the state of share partitions.
//!
//! A broker is reached where the image says, by the listener for brokers. What is known of it goes with its
//! registration: once that is another, fenced or gone, whoever waits is told at once, and who asks next
//! connects anew. A node that is alone knows nobody.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use barnabas_config::BrokerConfig;
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_network::client::{CallError, Connector, NodeClient};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ProduceResponse, Request};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// What is asked. Each has a connection of its own, since answers come in the order of requests: who verifies
/// does not wait for replicas that markers wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// WriteTxnMarkers.
    Markers,
    /// AddPartitionsToTxn.
    Verification,
    /// Those of the share coordinator.
    ShareState,
    /// Produce and Fetch of dead letters.
    DeadLetters,
    /// What the schema registry is kept in.
    Schemas,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Markers => "markers",
            Purpose::Verification => "verification",
            Purpose::ShareState => "share-state",
            Purpose::DeadLetters => "dead-letters",
            Purpose::Schemas => "schemas",
        }
    }
}

/// See the module.
pub struct BrokerPeers {
    node_id: i32,
    connector: Connector,
    listener: String,
    patience: Duration,
    runtime: Handle,
    peers: Mutex<BTreeMap<(i32, Purpose), Peer>>,
}

#[derive(Clone)]
struct Peer {
    broker_epoch: i64,
    client: NodeClient,
    /// Cancelled when the registration is over.
    over: CancellationToken,
}

impl BrokerPeers {
    /// Nobody yet. Connections live on `runtime`.
    pub fn new(config: &BrokerConfig, connector: impl Into<Connector>, runtime: Handle) -> Self {
        BrokerPeers {
            node_id: config.node_id,
            connector: connector.into(),
            listener: config.inter_broker_listener(),
            patience: Duration::from_millis(u64::try_from(config.request_timeout_ms).unwrap_or(0)),
            runtime,
            peers: Mutex::default(),
        }
    }

    /// Asks a broker, and waits `request.timeout.ms` at most.
    ///
    /// # Errors
    /// The broker is not in the image, or has not answered.
    pub async fn ask<R: Request>(
        &self,
        image: &MetadataImage,
        broker_id: i32,
        purpose: Purpose,
        version: i16,
        request: &R,
    ) -> Result<R::Response, CallError> {
        let peer = self.peer(image, broker_id, purpose).ok_or_else(|| {
            CallError::Unreachable(format!("broker {broker_id}"), io::ErrorKind::AddrNotAvailable)
        })?;
        tokio::select! {
            biased;
            () = peer.over.cancelled() => Err(CallError::Disconnected(peer.client.address().to_owned())),
            answered = peer.client.call(version, request, self.patience) => answered,
        }
    }

    /// Forgets the brokers whose registration is over. Called for each image.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta) {
        if delta.brokers_changed.is_empty() {
            return;
        }
        self.peers.lock().retain(|(broker_id, _), peer| {
            let now = image.alive_broker(*broker_id);
            let stays = now.is_some_and(|broker| broker.broker_epoch == peer.broker_epoch);
            if !stays {
                peer.over.cancel();
            }
            stays
        });
    }

    fn peer(&self, image: &MetadataImage, broker_id: i32, purpose: Purpose) -> Option<Peer> {
        let broker = image.alive_broker(broker_id)?;
        let mut peers = self.peers.lock();
        if let Some(peer) = peers.get(&(broker_id, purpose))
            && peer.broker_epoch >= broker.broker_epoch
        {
            return Some(peer.clone());
        }
        let endpoint = broker.endpoint(&self.listener)?;
        let address = endpoint.address();
        let client_id = format!("broker-{}-{}", self.node_id, purpose.name());
        let peer = Peer {
            broker_epoch: broker.broker_epoch,
            client: NodeClient::new(self.connector.clone(), &address, &client_id, &self.runtime),
            over: CancellationToken::new(),
        };
        if let Some(before) = peers.insert((broker_id, purpose), peer.clone()) {
            before.over.cancel();
        }
        Some(peer)
    }
}

/// What a broker answers to a Produce of one partition.
pub fn produced(answer: &ProduceResponse) -> ErrorCode {
    let mut partitions = answer
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses);
    let code = partitions.next().map(|partition| partition.error_code);
    code.and_then(ErrorCode::from_code)
        .unwrap_or(ErrorCode::UnknownServerError)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use barnabas_config::Layers;
    use barnabas_metadata::records::{BrokerEndpoint, BrokerRegistration, MetadataRecord};
    use barnabas_protocol::messages::ApiVersionsRequest;
    use tokio::net::TcpListener;

    use super::*;

    fn peers() -> Arc<BrokerPeers> {
        let given = [
            ("node.id", "1"),
            ("process.roles", "broker,controller"),
            ("controller.listener.names", "CONTROLLER"),
        ];
        let given = given
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let config = BrokerConfig::resolve(&Layers::of_static(given)).unwrap();
        Arc::new(BrokerPeers::new(
            &config,
            barnabas_network::Network::System,
            Handle::current(),
        ))
    }

    fn registered(broker_epoch: i64, fenced: bool, port: u16) -> MetadataRecord {
        MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id: 2,
            broker_epoch,
            fenced,
            endpoints: vec![BrokerEndpoint {
                listener: "PLAINTEXT".to_owned(),
                host: "127.0.0.1".to_owned(),
                port,
                security_protocol: 0,
            }],
            ..BrokerRegistration::default()
        })
    }

    #[tokio::test]
    async fn who_waits_for_a_broker_is_told_when_its_registration_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peers = peers();
        let (before, _) = MetadataImage::empty().apply(&[registered(7, false, port)], 1, 1);
        for after in [
            registered(7, true, port),
            registered(8, false, port),
            MetadataRecord::UnregisterBroker {
                broker_id: 2,
                broker_epoch: 7,
            },
        ] {
            let (asking, image) = (peers.clone(), before.clone());
            let asked = tokio::spawn(async move {
                let request = ApiVersionsRequest::default();
                asking.ask(&image, 2, Purpose::Markers, 3, &request).await
            });
            // It has been asked, and says nothing.
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            let (image, delta) = before.apply(&[after], 2, 1);
            peers.apply(&image, &delta);
            let answered = tokio::time::timeout(Duration::from_secs(20), asked).await;
            assert!(matches!(answered, Ok(Ok(Err(CallError::Disconnected(_))))));
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_not_asked() {
        let peers = peers();
        let (fenced, _) = MetadataImage::empty().apply(&[registered(7, true, 1)], 1, 1);
        for image in [MetadataImage::empty(), fenced] {
            let request = ApiVersionsRequest::default();
            let asked = peers.ask(&image, 2, Purpose::Verification, 3, &request).await;
            assert!(matches!(asked, Err(CallError::Unreachable(..))), "{asked:?}");
        }
    }
}
