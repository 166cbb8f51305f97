use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use barnabas_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, Encodable};
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
