//! Requests as bytes, and what becomes of them before, while and after a client authenticates.

use std::net::{IpAddr, Ipv4Addr};

use barnabas_environment::{Clock, Random, SimulatedTime};
use barnabas_protocol::codec;
use barnabas_protocol::messages::metadata_request::MetadataRequestTopic;
use barnabas_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, Decodable, Encodable, FetchRequest, FetchResponse,
    MetadataRequest, MetadataResponse, Request, TopicName,
};
use barnabas_protocol::security_protocol::SecurityProtocol;
use barnabas_security::KafkaPrincipal;
use barnabas_security::sasl::scram::{ScramCredential, ScramHash};
use barnabas_security::sasl::{
    ClientCredentials, CredentialSource, ListenerSasl, NoKerberos, SaslMechanism, SaslSettings,
    TokenCredential,
};
use bytes::BytesMut;

use super::*;
use crate::request_memory::RequestMemory;
use crate::{Limits, Listener};

const DELAY: Duration = Duration::from_millis(100);
const MAX: usize = 100_000_000;

/// Answers ApiVersions, and echoes the correlation id of everything else.
struct Echo;

impl Service for Echo {
    fn start(&self, connection: &Rc<ConnectionContext>, frame: &mut [u8]) -> Outcome {
        let header = RequestHeader::decode(frame).unwrap();
        let context = RequestContext {
            connection: connection.clone(),
            principal: connection.principal(),
            api_key: header.api_key,
            api_version: header.api_version.min(4),
            correlation_id: header.correlation_id,
            client_id: Rc::from(""),
        };
        let error = if header.api_version > 4 { 35 } else { 0 };
        Outcome::Ready(encode(
            &context,
            &ApiVersionsResponse::default().with_error_code(error),
        ))
    }

    fn limits(&self) -> Limits {
        Limits {
            connections_max: 1,
            frame_bytes_max: MAX,
            idle_max: Duration::from_secs(1),
        }
    }

    fn connections_max_from(&self, _: IpAddr) -> usize {
        1
    }

    fn request_memory(&self) -> &Arc<RequestMemory> {
        unreachable!("only connections ask")
    }
}

struct Alice;

impl CredentialSource for Alice {
    fn user(&self, hash: ScramHash, name: &str) -> Option<ScramCredential> {
        (name == "alice").then(|| ScramCredential::of_password(hash, b"alice-secret", b"salt".to_vec(), 4096))
    }

    fn token(&self, _: ScramHash, _: &str) -> Option<TokenCredential> {
        None
    }
}

struct Client {
    authentication: Authentication,
    connection: Rc<ConnectionContext>,
    time: SimulatedTime,
}

/// What a request came to.
#[derive(Debug, PartialEq)]
enum End {
    Answer(Vec<u8>),
    Closed,
    /// The answer comes after the delay, and then the connection is closed.
    Delayed,
    /// The answer comes at once, and the connection is closed after the delay.
    Last(Vec<u8>),
}

impl Client {
    fn new(reauth_ms: i64) -> Client {
        let jaas = |module: &str| format!("org.apache.kafka.common.security.{module};");
        let setting = |name: &str| {
            Some(match name {
                "sasl.enabled.mechanisms" => "PLAIN,SCRAM-SHA-256".to_owned(),
                "plain.sasl.jaas.config" => jaas("plain.PlainLoginModule required user_alice=alice-secret"),
                "scram-sha-256.sasl.jaas.config" => jaas("scram.ScramLoginModule required"),
                "connections.max.reauth.ms" => reauth_ms.to_string(),
                _ => return None,
            })
        };
        let sasl = ListenerSasl::read(&SaslSettings {
            listener: "SASL",
            setting: &setting,
            jaas_file: None,
            kerberos: &NoKerberos,
        });
        let (clock, time) = Clock::simulated(1_000_000);
        let shared = SaslAuthentication {
            sasl: Arc::new(sasl.unwrap()),
            receive_bytes_max: 524_288,
            failure_delay: DELAY,
            credentials: Arc::new(Alice),
            clock,
            random: Random::seeded(1),
        };
        let listener = Listener {
            name: "SASL".to_owned(),
            security_protocol: SecurityProtocol::SaslPlaintext,
            tls: None,
            advertised_host: "localhost".to_owned(),
            advertised_port: 9092,
            tells_address: false,
            gateway: None,
            sasl: None,
        };
        let connection = ConnectionContext::new(Arc::new(listener), Ipv4Addr::LOCALHOST.into(), None);
        Client {
            authentication: Authentication::new(Arc::new(shared)),
            connection: Rc::new(connection),
            time,
        }
    }

    /// Sends bytes as a frame; answers what is answered, without the size.
    fn send_raw(&mut self, frame: &[u8]) -> End {
        let mut frame = frame.to_vec();
        let bytes = |reply| match reply {
            Reply::Frame { head, rest } => {
                assert!(rest.is_empty());
                Some(head[4..].to_vec())
            }
            Reply::Nothing => Some(Vec::new()),
            Reply::Close => None,
        };
        match self.authentication.start(&Echo, &self.connection, &mut frame) {
            Started::Going(Outcome::Ready(reply)) => bytes(reply).map_or(End::Closed, End::Answer),
            Started::Last(Outcome::Exclusive(_), Duration::ZERO) => End::Delayed,
            Started::Last(Outcome::Ready(reply), DELAY) => End::Last(bytes(reply).unwrap()),
            _ => panic!("neither"),
        }
    }

    fn send<R: Request>(&mut self, version: i16, request: &R) -> End {
        self.send_raw(&frame(version, request))
    }

    fn shake_hands(&mut self, version: i16, mechanism: &'static str) -> End {
        let mechanism = StrBytes::from_static_str(mechanism);
        self.send(
            version,
            &SaslHandshakeRequest::default().with_mechanism(mechanism),
        )
    }

    fn authenticate(&mut self, version: i16, token: &[u8]) -> Option<SaslAuthenticateResponse> {
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::copy_from_slice(token));
        match self.send(version, &request) {
            End::Answer(answer) => Some(response::<SaslAuthenticateRequest>(version, &answer)),
            _ => None,
        }
    }

    /// Logs in by PLAIN as a client does that has asked for nothing before.
    fn log_in(&mut self) -> SaslAuthenticateResponse {
        assert!(matches!(self.shake_hands(1, "PLAIN"), End::Answer(_)));
        self.authenticate(2, b"\0alice\0alice-secret").unwrap()
    }

    fn principal(&self) -> String {
        self.connection.principal().to_string()
    }
}

fn frame<R: Request>(version: i16, request: &R) -> Vec<u8> {
    let key = ApiKey::from_key(R::KEY).unwrap();
    let mut frame = BytesMut::new();
    frame.put_i16(R::KEY);
    frame.put_i16(version);
    frame.put_i32(7);
    frame.put_i16(-1);
    if key.request_header_version(version) >= 2 {
        frame.put_u8(0);
    }
    request.encode(&mut frame, version).unwrap();
    frame.to_vec()
}

fn response<R: Request>(version: i16, answer: &[u8]) -> R::Response {
    let key = ApiKey::from_key(R::KEY).unwrap();
    let header = if key.response_header_version(version) >= 1 {
        5
    } else {
        4
    };
    codec::decode_response::<R>(version, Bytes::copy_from_slice(&answer[header..])).unwrap()
}

fn is_versions_error(end: &End, expected: i16) -> bool {
    let End::Answer(answer) = end else { return false };
    ApiVersionsResponse::decode(&mut &answer[4..], 3).is_ok_and(|response| response.error_code == expected)
}

#[test]
fn before_authentication_there_are_versions_once_and_the_handshake() {
    let versions = ApiVersionsRequest::default();
    let mut client = Client::new(0);
    assert!(is_versions_error(&client.send(5, &versions), 35));
    assert!(is_versions_error(&client.send(3, &versions), 0));
    assert_eq!(client.send(3, &versions), End::Closed);

    assert_eq!(Client::new(0).send(9, &MetadataRequest::default()), End::Closed);
    assert_eq!(Client::new(0).send_raw(b"GET / HTTP/1.1"), End::Closed);
    assert_eq!(Client::new(0).send_raw(b""), End::Closed);
    assert_eq!(Client::new(0).send_raw(b"\0alice\0alice-secret"), End::Closed);
    assert!(Client::new(0).authenticate(2, b"\0alice\0alice-secret").is_none());

    let mut client = Client::new(0);
    client.send(3, &versions);
    assert_eq!(client.log_in().error_code, 0);
    assert_eq!(client.principal(), "User:alice");
}

#[test]
fn the_size_of_frames_grows_with_trust() {
    let mut client = Client::new(0);
    assert_eq!(client.authentication.frame_bytes_max(MAX), 524_288);
    client.log_in();
    assert_eq!(client.authentication.frame_bytes_max(MAX), MAX);
}

#[test]
fn an_unknown_mechanism_is_answered_with_those_that_there_are() {
    let mut client = Client::new(0);
    let End::Last(answer) = client.shake_hands(1, "plain") else {
        panic!("not the last")
    };
    let answer = response::<SaslHandshakeRequest>(1, &answer);
    let names: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
    assert_eq!((answer.error_code, names), (33, vec!["PLAIN", "SCRAM-SHA-256"]));
}

#[test]
fn tokens_are_frames_after_a_handshake_of_version_0() {
    let mut client = Client::new(0);
    assert!(matches!(client.shake_hands(0, "PLAIN"), End::Answer(_)));
    assert_eq!(client.send_raw(b"\0alice\0alice-secret"), End::Answer(Vec::new()));
    assert_eq!(client.principal(), "User:alice");
    let mut client = Client::new(0);
    client.shake_hands(0, "PLAIN");
    assert_eq!(client.send_raw(b"\0alice\0wrong"), End::Delayed);
    assert_eq!(client.principal(), "User:ANONYMOUS");
}

#[test]
fn scram_goes_through_with_a_challenge() {
    let mut client = Client::new(0);
    client.shake_hands(1, "SCRAM-SHA-256");
    let credentials =
        ClientCredentials::new(SaslMechanism::Scram(ScramHash::Sha256), "alice", "alice-secret");
    let mut exchange = credentials.begin("nonce".to_owned(), "localhost");
    let mut challenge = Bytes::new();
    while let Some(token) = exchange.step(&challenge).unwrap() {
        challenge = client.authenticate(1, &token).unwrap().auth_bytes;
    }
    assert_eq!(client.principal(), "User:alice");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_comes_late_and_says_why() {
    let mut client = Client::new(0);
    client.shake_hands(1, "PLAIN");
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_static(b"\0alice\0wrong"));
    let mut request = frame(2, &request);
    let started = client
        .authentication
        .start(&Echo, &client.connection, &mut request);
    let Started::Last(Outcome::Exclusive(reply), Duration::ZERO) = started else {
        panic!("not refused")
    };
    let before = tokio::time::Instant::now();
    let Reply::Frame { head, .. } = reply.await else {
        panic!("no answer")
    };
    assert!(before.elapsed() >= DELAY);
    let answer = response::<SaslAuthenticateRequest>(2, &head[4..]);
    assert_eq!(answer.error_code, 58);
    let message = answer.error_message.unwrap();
    assert_eq!(&*message, "Authentication failed: Invalid username or password");
    assert_eq!(client.principal(), "User:ANONYMOUS");
}

#[tokio::test(start_paused = true)]
async fn a_request_in_a_tokens_place_is_answered_in_its_own_kind() {
    let mut client = Client::new(0);
    client.shake_hands(1, "PLAIN");
    let mut request = frame(12, &FetchRequest::default());
    let started = client
        .authentication
        .start(&Echo, &client.connection, &mut request);
    let Started::Last(Outcome::Exclusive(reply), Duration::ZERO) = started else {
        panic!("not refused")
    };
    let Reply::Frame { head, .. } = reply.await else {
        panic!("no answer")
    };
    let answer: FetchResponse = response::<FetchRequest>(12, &head[4..]);
    assert_eq!(answer.error_code, 34);
    for (version, expected) in [(4, true), (11, true), (12, true), (99, false)] {
        let context = RequestContext {
            connection: client.connection.clone(),
            principal: client.connection.principal(),
            api_key: ApiKey::Fetch,
            api_version: version,
            correlation_id: 1,
            client_id: Rc::from(""),
        };
        let mut body = BytesMut::new();
        FetchRequest::default()
            .encode(&mut body, version.min(12))
            .unwrap();
        let is_answered = matches!(illegal_state::answer(&context, &body), Reply::Frame { .. });
        assert_eq!(is_answered, expected, "version {version}");
        assert!(matches!(
            illegal_state::answer(&context, &[0xff; 3]),
            Reply::Close
        ));
    }
}

#[tokio::test]
async fn metadata_where_a_token_was_due_has_the_error_in_each_topic() {
    let client = Client::new(0);
    let context = RequestContext {
        connection: client.connection.clone(),
        principal: client.connection.principal(),
        api_key: ApiKey::Metadata,
        api_version: 6,
        correlation_id: 1,
        client_id: Rc::from(""),
    };
    let topic =
        MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str("orders"))));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    let mut body = BytesMut::new();
    request.encode(&mut body, 6).unwrap();
    let Reply::Frame { head, .. } = illegal_state::answer(&context, &body) else {
        panic!("no answer")
    };
    let answer: MetadataResponse = response::<MetadataRequest>(6, &head[4..]);
    assert_eq!((answer.topics.len(), answer.topics[0].error_code), (1, 34));
}

#[test]
fn a_session_that_has_ended_takes_a_handshake_and_nothing_else() {
    let metadata = MetadataRequest::default();
    let mut client = Client::new(5000);
    assert_eq!(client.log_in().session_lifetime_ms, 5000);
    client.time.advance(Duration::from_millis(4000));
    assert!(matches!(client.send(9, &metadata), End::Answer(_)));
    assert_eq!(client.log_in().session_lifetime_ms, 5000);
    // Not twice in a second: the service answers.
    let End::Answer(_) = client.shake_hands(1, "PLAIN") else {
        panic!("closed")
    };
    client.time.advance(Duration::from_millis(5001));
    assert_eq!(client.log_in().error_code, 0);
    client.time.advance(Duration::from_millis(5001));
    assert_eq!(client.send(9, &metadata), End::Closed);
    assert_eq!(*client.connection.principal(), KafkaPrincipal::user("alice"));
}

#[test]
fn where_sessions_never_end_a_second_handshake_is_the_services_to_answer() {
    let mut client = Client::new(0);
    assert_eq!(client.log_in().session_lifetime_ms, 0);
    client.time.advance(Duration::from_secs(100_000));
    // It echoes, and nothing has begun.
    assert!(matches!(client.shake_hands(1, "PLAIN"), End::Answer(_)));
    assert!(matches!(
        client.send(9, &MetadataRequest::default()),
        End::Answer(_)
    ));
}
