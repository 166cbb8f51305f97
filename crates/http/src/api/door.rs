//! The console's way into the cluster: it is a client of Kafka like any other, at a listener of this node.
//!
//! So what a person may do, where a request goes in a cluster, quotas and the audit log are those of any
//! client, and there is no second way past them. Where the node asks clients who they are, the person logs in
//! as one of its users, and that is who the cluster sees.

use std::time::Duration;

use barnabas_network::Network;
use barnabas_network::client::Connector;
use barnabas_security::sasl::{ClientCredentials, SaslMechanism};
use barnabas_tools::client::{Cluster, KafkaError, Secure, Settings};
use hyper::StatusCode;

use super::failure::Failure;

/// What requests of the console are called in the cluster's logs and quotas.
const CLIENT_ID: &str = "barnabas-console";
/// So long one node may take to answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// So long the cluster may.
const API_TIMEOUT: Duration = Duration::from_secs(20);
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// How the console gets in.
#[derive(Clone, Debug)]
pub enum Door {
    /// Anybody may, as `User:ANONYMOUS`.
    Open(Way),
    /// Who logs in may, by one of these mechanisms.
    Login(Way, Vec<SaslMechanism>),
    /// Nobody can.
    Closed(&'static str),
}

/// Where this node is reached.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its id.
    pub node_id: i32,
    /// `host:port` of the listener.
    pub address: String,
    /// With TLS on top where the listener has it.
    pub connector: Connector,
}

impl Way {
    /// A listener without TLS.
    pub fn plain(node_id: i32, address: String) -> Way {
        Way {
            node_id,
            address,
            connector: Connector::from(Network::System),
        }
    }

    fn cluster(&self, login: Option<ClientCredentials>) -> Result<Cluster, KafkaError> {
        let settings = Settings {
            bootstrap: vec![self.address.clone()],
            of_controllers: false,
            client_id: CLIENT_ID.to_owned(),
            request_timeout: REQUEST_TIMEOUT,
            api_timeout: API_TIMEOUT,
            retry_backoff: RETRY_BACKOFF,
            secure: Secure {
                connector: self.connector.clone(),
                login,
            },
        };
        Ok(Cluster::with(settings)?.beside(self.node_id, self.address.clone()))
    }
}

/// Who logs in.
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The user's secret.
    pub password: String,
}

impl Door {
    /// The cluster, as who asks sees it.
    ///
    /// # Errors
    /// Nobody gets in, or not with these credentials.
    pub fn enter(&self, who: Option<&Credentials>) -> Result<Cluster, Failure> {
        match (self, who) {
            (Door::Open(way), _) => Ok(way.cluster(None)?),
            (Door::Login(way, mechanisms), Some(who)) => {
                let mut refused = Failure::new(StatusCode::UNAUTHORIZED, "log in");
                for mechanism in mechanisms {
                    let login = ClientCredentials::new(*mechanism, &who.user, &who.password);
                    let cluster = way.cluster(Some(login))?;
                    let answer = cluster.brokers("logIn").map(drop).map_err(Failure::from);
                    match answer {
                        Ok(()) => return Ok(cluster),
                        // The user may be known to another mechanism.
                        Err(failure) if failure.status == StatusCode::UNAUTHORIZED => refused = failure,
                        Err(failure) => return Err(failure),
                    }
                }
                Err(refused)
            }
            (Door::Login(..), None) => Err(Failure::new(
                StatusCode::UNAUTHORIZED,
                "log in as a user of the cluster",
            )),
            (Door::Closed(why), _) => Err(Failure::new(StatusCode::FORBIDDEN, *why)),
        }
    }

    /// Whether who asks has to log in.
    pub fn asks_for_login(&self) -> bool {
        matches!(self, Door::Login(..))
    }
}
