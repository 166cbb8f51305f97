//! The way to one node, in the newest version that both sides know.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_network::Network;
use barnabas_network::client::{CallError, NodeClient, RawRequest};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, Encodable, Message, Request, StrBytes,
};
use bytes::BytesMut;
use tokio::runtime::Handle;

use super::{KafkaError, Settings};

/// The version in which every node is asked first what it serves.
const API_VERSIONS_VERSION: i16 = 4;

/// The versions in which a node serves an API: the least and the newest.
pub type ApiRange = (i16, i16);

/// The way to one node.
pub struct Link {
    client: NodeClient,
    patience: Duration,
    served: OnceCell<ApiVersionsResponse>,
    ranges: OnceCell<BTreeMap<i16, ApiRange>>,
}

/// Why there is no answer.
pub enum Unanswered {
    /// Another node, or this one later, may answer.
    Lost(CallError),
    /// Asking again is of no use.
    Refused(KafkaError),
}

impl Link {
    /// The way to `host:port`; nothing is sent yet.
    pub fn new(address: &str, settings: &Settings, runtime: &Handle) -> Self {
        Link {
            client: NodeClient::new(Network::System, address, &settings.client_id, runtime),
            patience: settings.request_timeout,
            served: OnceCell::new(),
            ranges: OnceCell::new(),
        }
    }

    /// What the node says that it serves.
    pub async fn served(&self) -> Result<&ApiVersionsResponse, Unanswered> {
        if self.served.get().is_none() {
            let served = self.ask_served().await?;
            // Another task may have asked meanwhile, and heard the same.
            drop(self.served.set(served));
        }
        Ok(self.served.get().expect("it has just been set"))
    }

    async fn ask_served(&self) -> Result<ApiVersionsResponse, Unanswered> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("barnabas-tools"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut body = BytesMut::new();
        let malformed = || Unanswered::Lost(CallError::Malformed(self.client.address().to_owned()));
        request
            .encode(&mut body, API_VERSIONS_VERSION)
            .map_err(|_| malformed())?;
        let raw = RawRequest {
            api_key: ApiKey::ApiVersions as i16,
            api_version: API_VERSIONS_VERSION,
            has_tagged_fields: (true, false),
            body: body.freeze(),
        };
        let answer = self
            .client
            .exchange(raw, self.patience)
            .await
            .map_err(Unanswered::Lost)?;
        // A node that doesn't know this version answers in version 0, and says what it knows.
        let unknown = ErrorCode::UnsupportedVersion.code().to_be_bytes();
        let version = if answer.starts_with(&unknown) {
            0
        } else {
            API_VERSIONS_VERSION
        };
        codec::decode_response::<ApiVersionsRequest>(version, answer).map_err(|_| malformed())
    }

    /// The versions in which the node serves `key`.
    pub async fn range(&self, key: i16) -> Result<Option<ApiRange>, Unanswered> {
        if self.ranges.get().is_none() {
            let served = self.served().await?;
            let ranges = served.api_keys.iter();
            let ranges = ranges.map(|api| (api.api_key, (api.min_version, api.max_version)));
            drop(self.ranges.set(ranges.collect()));
        }
        let ranges = self.ranges.get().expect("it has just been set");
        Ok(ranges.get(&key).copied())
    }

    /// The newest version of a request that both sides know, up to `most`.
    pub async fn version<R: Request>(&self, most: i16) -> Result<i16, Unanswered> {
        let api = ApiKey::from_key(R::KEY).ok_or_else(|| refused("the API is unknown here".to_owned()))?;
        let name = shown_name(api);
        let Some((least, newest)) = self.range(R::KEY).await? else {
            return Err(refused(format!("The node does not support {name}")));
        };
        let known = <R as Message>::VERSIONS.max.min(api.max_version()).min(most);
        let version = known.min(newest);
        let first = <R as Message>::VERSIONS.min.max(api.min_version());
        if version < least || version < first {
            return Err(refused(format!(
                "The node does not support {name} with version in range [{first},{known}]. \
                 The supported range is [{least},{newest}]."
            )));
        }
        Ok(version)
    }

    /// Asks and waits for the answer.
    pub async fn call<R: Request>(
        &self,
        version: i16,
        request: &R,
        patience: Duration,
    ) -> Result<R::Response, Unanswered> {
        match self.client.call(version, request, patience).await {
            Ok(answer) => Ok(answer),
            Err(CallError::Unencodable(why)) => Err(refused(why)),
            Err(error) => Err(Unanswered::Lost(error)),
        }
    }
}

fn refused(message: String) -> Unanswered {
    Unanswered::Refused(KafkaError::new(ErrorCode::UnsupportedVersion, message))
}

/// The API's name as Kafka's clients write it: `DESCRIBE_TOPIC_PARTITIONS`.
fn shown_name(api: ApiKey) -> String {
    let mut shown = String::new();
    for letter in api.name().chars() {
        if letter.is_ascii_uppercase() && !shown.is_empty() {
            shown.push('_');
        }
        shown.push(letter.to_ascii_uppercase());
    }
    shown
}
