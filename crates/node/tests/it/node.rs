//! A node in this process, on a free port and a temporary folder, and a bare connection to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barnabas_broker::broker::Broker;
use barnabas_config::load::{Sources, load};
use barnabas_environment::Environment;
use barnabas_http::telemetry::PushedMetrics;
use barnabas_node::outside::Outside;
use barnabas_node::server::Server;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, Decodable, Request, StrBytes, TopicName,
};
use barnabas_protocol::records::{BatchBuilder, Compression, RecordFields};
use barnabas_security::Authorizer;
use bytes::{BufMut, Bytes, BytesMut};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

/// How long a test waits for bytes before it fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A running node; stopped when dropped.
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its inside.
    pub broker: Arc<Broker>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    dir: Option<TempDir>,
}

impl Node {
    /// Starts a node on an empty folder.
    pub fn start() -> Node {
        Node::start_in(TempDir::new().unwrap(), &[])
    }

    /// Starts a node on a folder with settings of its own.
    pub fn start_in(dir: TempDir, overrides: &[(&str, &str)]) -> Node {
        Node::try_start_in(dir, overrides).unwrap_or_else(|(_, why)| panic!("{why}"))
    }

    /// Starts a node that may refuse to start; says why then.
    pub fn try_start_in(dir: TempDir, overrides: &[(&str, &str)]) -> Result<Node, (TempDir, String)> {
        Node::try_start_with(Environment::system(), dir, overrides)
    }

    /// Starts a node with a time and randomness of its own; says why it refuses.
    pub fn try_start_with(
        environment: Environment,
        dir: TempDir,
        overrides: &[(&str, &str)],
    ) -> Result<Node, (TempDir, String)> {
        Node::try_start(environment, dir, overrides, None)
    }

    /// Starts a node on an empty folder where `authorizer` decides who may do what.
    pub fn start_authorized(authorizer: Arc<dyn Authorizer>) -> Node {
        let dir = TempDir::new().unwrap();
        let started = Node::try_start(Environment::system(), dir, &[], Some(authorizer));
        started.unwrap_or_else(|(_, why)| panic!("{why}"))
    }

    fn try_start(
        environment: Environment,
        dir: TempDir,
        overrides: &[(&str, &str)],
        authorizer: Option<Arc<dyn Authorizer>>,
    ) -> Result<Node, (TempDir, String)> {
        let mut all = vec![("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned())];
        all.extend(
            overrides
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string())),
        );
        let sources = Sources {
            variables: None,
            file: None,
            listen: None,
            overrides: all,
            default_data_dir: dir.path().to_owned(),
        };
        let settings = load(&sources).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (started, ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let node = async {
                let outside = Outside {
                    environment,
                    // So that all that can be asked is.
                    receiver: Some(Arc::new(PushedMetrics::default())),
                    ..Outside::system()
                };
                let server = match authorizer {
                    Some(authorizer) => Server::start_with(settings, outside, authorizer).await,
                    None => Server::start(settings, outside).await,
                };
                let server = match server {
                    Ok(server) => server,
                    Err(why) => return started.send(Err(why.to_string())).unwrap(),
                };
                started.send(Ok(server.broker().unwrap().clone())).unwrap();
                stopped.cancelled().await;
                server.stop().await.unwrap();
            };
            LocalSet::new().block_on(&runtime, node);
        });
        let broker = match ready.recv().expect("the node starts or says why not") {
            Ok(broker) => broker,
            Err(why) => return Err((dir, why)),
        };
        let port = broker.listeners[0].advertised_port;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Node {
            address,
            broker,
            stop,
            thread: Some(thread),
            dir: Some(dir),
        })
    }

    /// Stops the node cleanly; what it kept is in the folder.
    pub fn stop(mut self) -> TempDir {
        self.shut_down();
        self.dir.take().unwrap()
    }

    /// Waits until the broker is as `condition` says.
    pub fn until(&self, condition: impl Fn(&Broker) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.broker) {
            assert!(Instant::now() < deadline, "the condition did not come about");
            std::thread::yield_now();
        }
    }

    /// Opens a connection.
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Creates a topic.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        let topic = CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.to_owned())))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(10_000);
        let mut client = self.connect();
        client.send(7, &request);
        let response: CreateTopicsResponse = client.receive::<CreateTopicsRequest>(7).1;
        assert_eq!(
            response.topics[0].error_code, 0,
            "{:?}",
            response.topics[0].error_message
        );
    }

    fn shut_down(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                std::thread::panicking() || ended.is_ok(),
                "the node stops cleanly"
            );
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// A connection that sends and receives frames.
pub struct Client {
    /// The socket, for what is no frame.
    pub stream: TcpStream,
    next_correlation_id: i32,
}

impl Client {
    /// Opens a connection.
    pub fn connect(address: impl ToSocketAddrs) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client {
            stream,
            next_correlation_id: 1,
        }
    }

    /// The frame of a request, size prefix included, and its correlation id.
    pub fn frame<R: Request>(&mut self, version: i16, request: &R) -> (Bytes, i32) {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        let api = ApiKey::from_key(R::KEY).unwrap();
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        frame.put_i16(R::KEY);
        frame.put_i16(version);
        frame.put_i32(correlation_id);
        frame.put_i16(4);
        frame.put_slice(b"test");
        if api.request_header_version(version) >= 2 {
            frame.put_u8(0);
        }
        request.encode(&mut frame, version).unwrap();
        let size = (frame.len() - 4) as i32;
        frame[..4].copy_from_slice(&size.to_be_bytes());
        (frame.freeze(), correlation_id)
    }

    /// Sends a request; answers its correlation id.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let (frame, correlation_id) = self.frame(version, request);
        self.stream.write_all(&frame).unwrap();
        correlation_id
    }

    /// Receives the response to a request of this type: correlation id and body.
    pub fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let mut frame = Bytes::from(self.receive_frame().expect("the connection is open"));
        let correlation_id = i32::from_be_bytes(frame.split_to(4)[..].try_into().unwrap());
        if ApiKey::from_key(R::KEY).unwrap().response_header_version(version) >= 1 {
            assert_eq!(frame.split_to(1)[0], 0, "no tagged fields in the header");
        }
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "{} bytes behind the response", frame.len());
        (correlation_id, response)
    }

    /// Receives one frame without its size; `None` when the connection was closed before it.
    pub fn receive_frame(&mut self) -> Option<Vec<u8>> {
        let mut size = [0; 4];
        match self.stream.read_exact(&mut size) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("no answer in {PATIENCE:?}")
            }
            Err(_) => return None,
        }
        let mut frame = vec![0; i32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).unwrap();
        Some(frame)
    }
}

/// A batch with these values.
pub fn batch(values: &[&[u8]]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for value in values {
        builder.append(&RecordFields {
            timestamp: 1,
            value: Some(value),
            ..RecordFields::default()
        });
    }
    Bytes::from(builder.build().unwrap())
}
