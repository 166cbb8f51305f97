//! Clients that misbehave beside those that are measured: a third reads slowly, a third never reads, a third
//! sends a byte a second.
//!
//! They run on a thread of their own. A server may close their connections; they come back then, as such
//! clients do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::target::{Content, Target};
use crate::admin::connections;
use crate::error::Failure;
use crate::frames::{FetchLimits, FetchSession, fetch};

/// Fetches of 1 MiB that are asked for and not, or slowly, read.
const FETCHES: usize = 32;
/// What they ask for lies in the topic beforehand.
const PRELOAD_BYTES: u64 = 16 << 20;
const BATCH_BYTES: usize = 64 << 10;
const SLOW_BYTES_PER_SECOND: usize = 1024;
const TICK: Duration = Duration::from_millis(20);

/// Running clients.
#[derive(Debug)]
pub struct BadClients {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Failure>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    ReadsSlowly,
    NeverReads,
    AByteASecond,
}

impl BadClients {
    /// Connects `count` of them and lets them begin.
    pub fn start(target: &Target, count: usize) -> Result<BadClients, Failure> {
        if !target.is_floor {
            Content::of_size(BATCH_BYTES)?.fill(target, PRELOAD_BYTES)?;
        }
        crate::admin::raise_descriptor_limit();
        let limits = FetchLimits {
            max_wait_ms: 0,
            min_bytes: 1,
            partition_bytes_max: 1 << 20,
        };
        let request = fetch(target.topic_id, [(0, 0)], FetchSession::NONE, limits)?;
        let address = target.address;
        let mut clients = Vec::with_capacity(count);
        for (number, stream) in connections(address, count)?.into_iter().enumerate() {
            let habit = [Habit::ReadsSlowly, Habit::NeverReads, Habit::AByteASecond][number % 3];
            clients.push(Bad::begin(stream, habit, &request)?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || misbehave(clients, address, &request, &stopped));
        Ok(BadClients { stop, thread })
    }

    /// Ends them.
    ///
    /// # Errors
    /// What kept them from misbehaving.
    pub fn stop(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| Failure::Unexpected("the bad clients' thread panicked".to_owned()))?
    }
}

fn misbehave(
    mut clients: Vec<Bad>,
    address: SocketAddr,
    request: &Bytes,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut last = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        if last.elapsed() < Duration::from_secs(1) {
            continue;
        }
        last = Instant::now();
        for client in &mut clients {
            if client.each_second(request).is_err() {
                let stream = TcpStream::connect(address).map_err(Failure::io("connect"))?;
                *client = Bad::begin(stream, client.habit, request)?;
            }
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Bad {
    stream: TcpStream,
    habit: Habit,
    /// Bytes of its request that are sent, by one that sends a byte a second.
    sent: usize,
}

impl Bad {
    fn begin(mut stream: TcpStream, habit: Habit, request: &Bytes) -> Result<Bad, Failure> {
        stream.set_nonblocking(true).map_err(Failure::io("connect"))?;
        if habit != Habit::AByteASecond {
            for _ in 0..FETCHES {
                // A server that has read enough leaves the rest in the socket.
                match stream.write(request) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(source) => return Err(Failure::Io { what: "send", source }),
                }
            }
        }
        Ok(Bad {
            stream,
            habit,
            sent: 0,
        })
    }

    fn each_second(&mut self, request: &Bytes) -> std::io::Result<()> {
        let result = match self.habit {
            Habit::NeverReads => return Ok(()),
            Habit::ReadsSlowly => self.stream.read(&mut [0; SLOW_BYTES_PER_SECOND]),
            Habit::AByteASecond => {
                let byte = self.sent % request.len();
                self.sent += 1;
                self.stream.write(&request[byte..=byte])
            }
        };
        match result {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}
