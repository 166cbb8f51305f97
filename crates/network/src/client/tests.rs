use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use barnabas_environment::Random;
use barnabas_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, Encodable, SaslAuthenticateResponse, SaslHandshakeResponse,
    StrBytes,
};
use barnabas_security::sasl::{ClientCredentials, SaslMechanism};
use tokio::runtime::Handle;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn client(listener: &TcpListener) -> NodeClient {
    let address = listener.local_addr().unwrap().to_string();
    NodeClient::new(crate::Network::System, &address, "test", &Handle::current())
}

/// Reads one request; answers its correlation id, or nothing at the end.
fn request(stream: &mut TcpStream) -> Option<i32> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let mut frame = vec![0; i32::from_be_bytes(size) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(i32::from_be_bytes(frame[4..8].try_into().unwrap()))
}

fn answer(stream: &mut TcpStream, correlation_id: i32, throttle_time_ms: i32) {
    let response = ApiVersionsResponse::default().with_throttle_time_ms(throttle_time_ms);
    let mut body = BytesMut::new();
    response.encode(&mut body, 3).unwrap();
    stream.write_all(&(body.len() as i32 + 4).to_be_bytes()).unwrap();
    stream.write_all(&correlation_id.to_be_bytes()).unwrap();
    stream.write_all(&body).unwrap();
}

async fn ask(client: &NodeClient, patience: Duration) -> Result<i32, CallError> {
    let answered = client.call(3, &ApiVersionsRequest::default(), patience).await;
    answered.map(|response| response.throttle_time_ms)
}

#[tokio::test]
async fn requests_are_pipelined_and_answered_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Both have come before the first one is answered.
        let ids = [request(&mut stream).unwrap(), request(&mut stream).unwrap()];
        for id in ids {
            answer(&mut stream, id, id);
        }
    });
    let (first, second) = tokio::join!(ask(&client, PATIENCE), ask(&client, PATIENCE));
    assert_eq!((first, second), (Ok(0), Ok(1)));
    server.join().unwrap();
}

#[tokio::test]
async fn after_a_lost_connection_there_is_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        request(&mut stream).unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().unwrap();
        let id = request(&mut stream).unwrap();
        answer(&mut stream, id, 7);
    });
    assert!(matches!(
        ask(&client, PATIENCE).await,
        Err(CallError::Disconnected(_))
    ));
    assert_eq!(ask(&client, PATIENCE).await, Ok(7));
    server.join().unwrap();
}

#[tokio::test]
async fn who_has_to_stay_connected_is_told_when_an_unused_connection_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let lost = Arc::new(Notify::new());
    let runtime = Handle::current();
    let client = NodeClient::watched(crate::Network::System, &address, "test", &runtime, lost.clone());
    let (cut, wait_for_cut) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let id = request(&mut stream).unwrap();
            answer(&mut stream, id, 7);
            wait_for_cut.recv().unwrap();
        }
    });
    for _ in 0..2 {
        assert_eq!(ask(&client, PATIENCE).await, Ok(7));
        cut.send(()).unwrap();
        tokio::time::timeout(PATIENCE, lost.notified()).await.unwrap();
    }
    server.join().unwrap();
}

#[tokio::test]
async fn a_late_answer_is_nobodys() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let server = thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        request(&mut first).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        let id = request(&mut second).unwrap();
        answer(&mut second, id, 9);
        // The first connection was closed.
        assert_eq!(request(&mut first), None);
    });
    assert!(matches!(
        ask(&client, Duration::from_millis(50)).await,
        Err(CallError::TimedOut(_))
    ));
    assert_eq!(ask(&client, PATIENCE).await, Ok(9));
    server.join().unwrap();
}

#[tokio::test]
async fn an_answer_to_something_else_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let id = request(&mut stream).unwrap();
        answer(&mut stream, id + 1, 7);
        assert_eq!(request(&mut stream), None);
    });
    assert!(matches!(
        ask(&client, PATIENCE).await,
        Err(CallError::Malformed(_))
    ));
    server.join().unwrap();
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    drop(listener);
    assert!(matches!(
        ask(&client, PATIENCE).await,
        Err(CallError::Unreachable(_, _))
    ));
}

#[tokio::test]
async fn an_answer_that_lies_about_its_lengths_is_refused_before_it_is_decoded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let id = request(&mut stream).unwrap();
        // No error, and two thousand million APIs of which none follows.
        let body = [0, 0, 0xff, 0xff, 0xff, 0xff, 0x07];
        stream.write_all(&(body.len() as i32 + 4).to_be_bytes()).unwrap();
        stream.write_all(&id.to_be_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    });
    assert!(matches!(
        ask(&client, PATIENCE).await,
        Err(CallError::Malformed(_))
    ));
    server.join().unwrap();
}

/// Reads a request of header version 1 without a client id; answers its key and body.
fn sasl_request(stream: &mut TcpStream) -> (i16, Vec<u8>) {
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut frame = vec![0; i32::from_be_bytes(size) as usize];
    stream.read_exact(&mut frame).unwrap();
    (i16::from_be_bytes([frame[0], frame[1]]), frame[10..].to_vec())
}

fn sasl_answer(stream: &mut TcpStream, version: i16, response: &impl Encodable) {
    let mut body = BytesMut::new();
    response.encode(&mut body, version).unwrap();
    stream.write_all(&(body.len() as i32 + 4).to_be_bytes()).unwrap();
    stream.write_all(&[0; 4]).unwrap();
    stream.write_all(&body).unwrap();
}

/// Takes a login by PLAIN, and refuses it where there is a message.
fn take_login(stream: &mut TcpStream, session_lifetime_ms: i64, refusal: Option<&str>) {
    assert_eq!(sasl_request(stream), (17, b"\0\x05PLAIN".to_vec()));
    sasl_answer(stream, 1, &SaslHandshakeResponse::default());
    assert_eq!(sasl_request(stream), (36, b"\0\0\0\x0c\0node\0secret".to_vec()));
    let response = match refusal {
        None => SaslAuthenticateResponse::default().with_session_lifetime_ms(session_lifetime_ms),
        Some(why) => SaslAuthenticateResponse::default()
            .with_error_code(58)
            .with_error_message(Some(StrBytes::from_string(why.to_owned()))),
    };
    sasl_answer(stream, 1, &response);
}

fn client_that_logs_in(listener: &TcpListener) -> NodeClient {
    let address = listener.local_addr().unwrap().to_string();
    let sasl = ClientSasl {
        credentials: ClientCredentials::new(SaslMechanism::Plain, "node", "secret"),
        random: Random::seeded(1),
    };
    let connector = Connector::from(crate::Network::System).with_sasl(Arc::new(sasl));
    NodeClient::new(connector, &address, "test", &Handle::current())
}

#[tokio::test]
async fn a_session_is_renewed_on_the_same_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_that_logs_in(&listener);
    let (renewed, is_renewed) = oneshot::channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        take_login(&mut stream, 100, None);
        let id = request(&mut stream).unwrap();
        answer(&mut stream, id, 7);
        // Nobody has asked for anything when the session is about to end.
        take_login(&mut stream, 0, None);
        renewed.send(()).unwrap();
        let id = request(&mut stream).unwrap();
        answer(&mut stream, id, 8);
    });
    assert_eq!(ask(&client, PATIENCE).await, Ok(7));
    is_renewed.await.unwrap();
    assert_eq!(ask(&client, PATIENCE).await, Ok(8));
    server.join().unwrap();
}

#[tokio::test]
async fn who_is_not_let_in_reaches_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_that_logs_in(&listener);
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        take_login(
            &mut stream,
            0,
            Some("Authentication failed: Invalid username or password"),
        );
    });
    assert!(matches!(
        ask(&client, PATIENCE).await,
        Err(CallError::Unreachable(_, io::ErrorKind::PermissionDenied))
    ));
    server.join().unwrap();
}
