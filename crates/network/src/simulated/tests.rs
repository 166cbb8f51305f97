use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::timeout;

use super::*;
use crate::Transport;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const PORT: u16 = 9092;
const LONG: Duration = Duration::from_secs(3600);

/// Both ends of a connection, the client's first.
async fn connected(network: &SimulatedNetwork) -> (Transport, Transport) {
    let address = SocketAddr::new(SERVER, PORT);
    let listener = network.host(SERVER).listen(address).unwrap();
    let client = network.host(CLIENT).connect(address).await.unwrap();
    let (server, peer) = listener.accept().await;
    let (client, server) = (Transport::Simulated(client), Transport::Simulated(server));
    assert_eq!(client.local_address().unwrap(), peer);
    assert_eq!(server.local_address().unwrap(), address);
    (client, server)
}

async fn send(transport: &mut Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        transport.writable().await?;
        bytes = &bytes[transport.send_vectored(&[IoSlice::new(bytes)], false)?..];
    }
    Ok(())
}

/// Receives so many bytes, fewer at the end.
async fn receive(transport: &mut Transport, len: usize) -> io::Result<Vec<u8>> {
    let mut received = vec![0; len];
    let mut filled = 0;
    while filled < len {
        timeout(LONG, transport.readable()).await??;
        match transport.receive(&mut received[filled..])? {
            (0, _) => break,
            (read, _) => filled += read,
        }
    }
    received.truncate(filled);
    Ok(received)
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_in_order_after_their_time_and_then_the_end() {
    let network = SimulatedNetwork::new(1);
    let (mut client, mut server) = connected(&network).await;
    network.delay(20..=20);
    let sent: Vec<u8> = (0..200_000_u32).map(|i| (i / 7) as u8).collect();
    let began = Instant::now();
    let (outcome, received) = tokio::join!(send(&mut client, &sent), receive(&mut server, sent.len()));
    outcome.unwrap();
    assert_eq!(received.unwrap(), sent);
    // A window of 64 KiB is on its way at a time.
    assert!(
        began.elapsed() >= Duration::from_millis(4 * 20),
        "{:?}",
        began.elapsed()
    );
    drop(client);
    assert!(receive(&mut server, 1).await.unwrap().is_empty());
    let refused = server.send_vectored(&[IoSlice::new(b"x")], false);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_holds_bytes_back_and_refuses_connections_until_it_is_mended() {
    let network = SimulatedNetwork::new(2);
    let (mut client, mut server) = connected(&network).await;
    network.cut(SERVER, CLIENT);
    send(&mut client, b"late").await.unwrap();
    assert_eq!(
        receive(&mut server, 4).await.unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    let address = SocketAddr::new(SERVER, PORT + 1);
    let _listener = network.host(SERVER).listen(address).unwrap();
    let refused = network.host(CLIENT).connect(address).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::TimedOut);
    network.mend(CLIENT, SERVER);
    assert_eq!(receive(&mut server, 4).await.unwrap(), b"late");
    network.host(CLIENT).connect(address).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_host_without_power_is_lost_to_its_peers_and_listens_no_more() {
    let network = SimulatedNetwork::new(3);
    let (mut client, mut server) = connected(&network).await;
    let address = SocketAddr::new(SERVER, PORT + 1);
    let before = network.host(SERVER).listen(address).unwrap();
    assert_eq!(
        network.host(SERVER).listen(address).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
    network.power_off(SERVER);
    for end in [&mut client, &mut server] {
        let lost = receive(end, 1).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::ConnectionReset);
    }
    let refused = network.host(CLIENT).connect(address).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // What is left of the process that had no power takes nothing from the next one.
    let _after = network.host(SERVER).listen(address).unwrap();
    drop(before);
    network.host(CLIENT).connect(address).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_without_power_reaches_nobody() {
    let network = SimulatedNetwork::new(6);
    let (mut client, mut server) = connected(&network).await;
    let powered = Arc::new(AtomicBool::new(true));
    let asked = powered.clone();
    network.power(SERVER, move || asked.load(Ordering::Relaxed));
    send(&mut server, b"with").await.unwrap();
    powered.store(false, Ordering::Relaxed);
    send(&mut server, b"without").await.unwrap();
    assert_eq!(receive(&mut client, 4).await.unwrap(), b"with");
    assert_eq!(
        receive(&mut client, 1).await.unwrap_err().kind(),
        ErrorKind::TimedOut
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stands_still_takes_and_sends_nothing_until_it_goes_on() {
    let network = SimulatedNetwork::new(7);
    let (mut client, mut server) = connected(&network).await;
    send(&mut client, b"before").await.unwrap();
    sleep(LONG).await;
    network.pause(SERVER);
    send(&mut client, b"during").await.unwrap();
    send(&mut server, b"answer").await.unwrap();
    for end in [&mut client, &mut server] {
        assert_eq!(receive(end, 6).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }
    let address = SocketAddr::new(SERVER, PORT + 1);
    let _listener = network.host(SERVER).listen(address).unwrap();
    network.host(CLIENT).connect(address).await.unwrap();
    network.resume(SERVER);
    assert_eq!(receive(&mut server, 12).await.unwrap(), b"beforeduring");
    assert_eq!(receive(&mut client, 6).await.unwrap(), b"answer");
}

#[tokio::test(start_paused = true)]
async fn a_link_may_be_slow_in_one_direction() {
    let network = SimulatedNetwork::new(8);
    let (mut client, mut server) = connected(&network).await;
    network.delay_link(CLIENT, SERVER, Some(500..=500));
    let began = Instant::now();
    send(&mut client, b"a").await.unwrap();
    receive(&mut server, 1).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(500));
    send(&mut server, b"b").await.unwrap();
    receive(&mut client, 1).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(600));
    network.delay_link(CLIENT, SERVER, None);
    send(&mut client, b"c").await.unwrap();
    receive(&mut server, 1).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(700));
}

#[tokio::test(start_paused = true)]
async fn a_reset_takes_back_what_is_on_its_way() {
    let network = SimulatedNetwork::new(9);
    let (mut client, mut server) = connected(&network).await;
    send(&mut client, b"gone").await.unwrap();
    let Transport::Simulated(stream) = &client else {
        panic!("the network is simulated");
    };
    stream.reset();
    let lost = receive(&mut server, 4).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_trace() {
    let mut traces = Vec::new();
    for seed in [4, 4, 5] {
        let network = SimulatedNetwork::new(seed);
        let (mut client, mut server) = connected(&network).await;
        for bytes in [&b"a"[..], b"bc", b"def"] {
            send(&mut client, bytes).await.unwrap();
            assert_eq!(receive(&mut server, bytes.len()).await.unwrap(), bytes);
        }
        traces.push(network.trace());
    }
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
    assert_eq!(traces[0].len(), 7, "{:?}", traces[0]);
}
