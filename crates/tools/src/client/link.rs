//! The way to one node, in the newest version that both sides know.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::time::Duration;

use barnabas_network::client::{CallError, NodeClient, RawRequest, sasl_step};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, Encodable, Message, Request, SaslAuthenticateRequest,
    SaslHandshakeRequest, StrBytes,
};
use barnabas_security::sasl::{ClientCredentials, SaslClientError};
use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{KafkaError, Settings};

/// The version in which every node is asked first what it serves.
const API_VERSIONS_VERSION: i16 = 4;
/// The first in which what follows is an API.
const HANDSHAKE_VERSION: i16 = 1;
/// One that every node knows which knows the API.
const AUTHENTICATE_VERSION: i16 = 0;

/// The versions in which a node serves an API: the least and the newest.
pub type ApiRange = (i16, i16);

/// What a node serves: as it said it, and by key.
type Served = (ApiVersionsResponse, BTreeMap<i16, ApiRange>);

/// The way to one node.
pub struct Link {
    client: NodeClient,
    patience: Duration,
    login: Option<ClientCredentials>,
    served: OnceCell<Served>,
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
            client: NodeClient::new(
                settings.secure.connector.clone(),
                address,
                &settings.client_id,
                runtime,
            ),
            patience: settings.request_timeout,
            login: settings.secure.login.clone(),
            served: OnceCell::new(),
        }
    }

    /// What the node says that it serves. Whoever has to log in has done so then.
    pub async fn served(&self) -> Result<&ApiVersionsResponse, Unanswered> {
        Ok(&self.begin().await?.0)
    }

    /// Asks what the node serves and logs in; once.
    async fn begin(&self) -> Result<&Served, Unanswered> {
        let begin = async {
            let served = self.ask_served().await?;
            let ranges = served.api_keys.iter();
            let ranges = ranges.map(|api| (api.api_key, (api.min_version, api.max_version)));
            let ranges = ranges.collect();
            if let Some(login) = &self.login {
                self.log_in(login).await?;
            }
            Ok((served, ranges))
        };
        self.served.get_or_try_init(|| begin).await
    }

    /// Logs in by SASL (KIP-152).
    async fn log_in(&self, login: &ClientCredentials) -> Result<(), Unanswered> {
        let handshake =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(login.mechanism.name()));
        let answer = self.call(HANDSHAKE_VERSION, &handshake, self.patience).await?;
        let known: Vec<&str> = answer.mechanisms.iter().map(|name| name.as_str()).collect();
        let refused = format!(
            "Client SASL mechanism '{}' not enabled in the server, enabled mechanisms are [{}]",
            login.mechanism,
            known.join(", ")
        );
        KafkaError::check(answer.error_code, Some(&refused)).map_err(Unanswered::Refused)?;
        let nonce = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let address = self.client.address();
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let mut exchange = login.begin(nonce, host);
        let untrusted = |error: SaslClientError| {
            Unanswered::Refused(KafkaError::new(
                ErrorCode::SaslAuthenticationFailed,
                error.to_string(),
            ))
        };
        let mut challenge = Bytes::new();
        loop {
            let stepped = sasl_step(exchange, challenge).await;
            let lost = |error: io::Error| CallError::Unreachable(address.to_owned(), error.kind());
            let (going_on, token) = stepped.map_err(|error| Unanswered::Lost(lost(error)))?;
            exchange = going_on;
            let Some(token) = token.map_err(untrusted)? else {
                return Ok(());
            };
            let request = SaslAuthenticateRequest::default().with_auth_bytes(token.into());
            let answer = self.call(AUTHENTICATE_VERSION, &request, self.patience).await?;
            KafkaError::check(answer.error_code, answer.error_message.as_deref())
                .map_err(Unanswered::Refused)?;
            challenge = answer.auth_bytes;
        }
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
            .map_err(unanswered)?;
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
    async fn range(&self, key: i16) -> Result<Option<ApiRange>, Unanswered> {
        Ok(self.begin().await?.1.get(&key).copied())
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
            Err(error) => Err(unanswered(error)),
        }
    }
}

/// Whether it is of use to ask again: not where the request makes no sense, or TLS fails.
fn unanswered(error: CallError) -> Unanswered {
    match error {
        CallError::Unencodable(why) => refused(why),
        CallError::Unreachable(_, ErrorKind::InvalidData | ErrorKind::Other) => {
            Unanswered::Refused(KafkaError {
                code: None,
                class: "org.apache.kafka.common.errors.SslAuthenticationException".to_owned(),
                message: "SSL handshake failed".to_owned(),
            })
        }
        error => Unanswered::Lost(error),
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
