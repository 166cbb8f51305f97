//! The floor: the least a server does for the same work, to compare with.
//!
//! Produce: receive, check the CRC, append to one file, answer. Fetch: a prepared head, then sendfile out of
//! a file that lies in the page cache, from its beginning to its end, as a consumer reads a log. Anything
//! else gets twelve bytes. No topics, no offsets, no checks: nobody could be cheaper and still do the work.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{FetchResponse, ProduceResponse, fetch_response, produce_response};
use barnabas_protocol::produce::ProduceRequest;
use barnabas_protocol::records;
use bytes::BytesMut;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::error::Failure;
use crate::frames::{FETCH, PRODUCE, SIZE_PREFIX};

const SCRATCH_BYTES: usize = 256 << 10;
/// Fetches go through so much: more than the processor's caches hold.
const FETCHED_FILE_BYTES: usize = 256 << 20;
const WAKE: Token = Token(usize::MAX);
/// Bytes per sendfile; 64 KiB and more at once is slower on a loopback.
const SENDFILE_BYTES: usize = 60 << 10;
/// The append file begins anew here at the latest, so that a floor needs no more disk than that.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Serves until the process is ended. Each thread has its connections and its files in `folder`; a Fetch is
/// answered with `fetch_bytes`.
pub fn serve(
    listener: &TcpListener,
    folder: &Path,
    threads: usize,
    fetch_bytes: usize,
) -> Result<(), Failure> {
    let prepared = folder.join("fetch");
    let fetches = (FETCHED_FILE_BYTES / fetch_bytes.max(1)).max(1);
    std::fs::write(&prepared, vec![7; fetches * fetch_bytes]).map_err(Failure::io("prepare"))?;
    let mut workers = Vec::new();
    for number in 0..threads.max(1) {
        let poll = Poll::new().map_err(Failure::io("poll"))?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(Failure::io("poll"))?;
        let (sender, receiver): (Sender<TcpStream>, _) = channel();
        let log = File::create(folder.join(format!("append-{number}"))).map_err(Failure::io("create"))?;
        let fetched = File::open(&prepared).map_err(Failure::io("open"))?;
        let mut worker = Worker::new(log, fetched, fetches, fetch_bytes)?;
        std::thread::spawn(move || {
            if let Err(failure) = worker.turn(poll, &receiver) {
                eprintln!("barnabas-bench: {failure}");
                std::process::exit(1);
            }
        });
        workers.push((sender, waker));
    }
    for (number, stream) in listener.incoming().enumerate() {
        let stream = stream.map_err(Failure::io("accept"))?;
        stream.set_nonblocking(true).map_err(Failure::io("accept"))?;
        stream.set_nodelay(true).map_err(Failure::io("accept"))?;
        let (sender, waker) = &workers[number % workers.len()];
        if sender.send(TcpStream::from_std(stream)).is_ok() {
            waker.wake().map_err(Failure::io("wake"))?;
        }
    }
    Ok(())
}

struct Worker {
    log: File,
    written: u64,
    fetched: File,
    /// How many there are in the file, and which is the next.
    fetches: usize,
    next_fetch: usize,
    fetch_bytes: usize,
    produce_answer: Vec<u8>,
    fetch_head: Vec<u8>,
}

/// A connection: the start of a frame that isn't whole, answers that wait, and the file range behind them.
struct Peer {
    socket: TcpStream,
    partial: Vec<u8>,
    out: Vec<u8>,
    /// The part of the prepared file to be sent once `out` is empty, and after it three bytes.
    file: Option<Range<usize>>,
}

impl Worker {
    fn new(log: File, fetched: File, fetches: usize, fetch_bytes: usize) -> Result<Worker, Failure> {
        let partition = produce_response::PartitionProduceResponse::default();
        let topic =
            produce_response::TopicProduceResponse::default().with_partition_responses(vec![partition]);
        let produced = ProduceResponse::default().with_responses(vec![topic]);
        let produce_answer = answer(ApiKey::Produce, PRODUCE, &produced)?;
        let fetch_head = fetch_head(fetch_bytes)?;
        Ok(Worker {
            log,
            written: 0,
            fetched,
            fetches,
            next_fetch: 0,
            fetch_bytes,
            produce_answer,
            fetch_head,
        })
    }

    fn turn(&mut self, mut poll: Poll, arriving: &Receiver<TcpStream>) -> Result<(), Failure> {
        let mut peers: Vec<Option<Peer>> = Vec::new();
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; SCRATCH_BYTES];
        loop {
            match poll.poll(&mut events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(Failure::Io {
                        what: "poll",
                        source: error,
                    });
                }
                _ => {}
            }
            for event in &events {
                if event.token() == WAKE {
                    for mut socket in arriving.try_iter() {
                        let token = peers.iter().position(Option::is_none).unwrap_or(peers.len());
                        poll.registry()
                            .register(&mut socket, Token(token), Interest::READABLE | Interest::WRITABLE)
                            .map_err(Failure::io("register"))?;
                        let peer = Peer {
                            socket,
                            partial: Vec::new(),
                            out: Vec::new(),
                            file: None,
                        };
                        if token == peers.len() {
                            peers.push(Some(peer))
                        } else {
                            peers[token] = Some(peer)
                        }
                    }
                    continue;
                }
                let Some(slot) = peers.get_mut(event.token().0) else {
                    continue;
                };
                let Some(peer) = slot else { continue };
                if self.serve(peer, &mut scratch).is_err() {
                    *slot = None;
                    if peers.iter().all(Option::is_none) {
                        self.begin_anew().map_err(Failure::io("truncate"))?;
                    }
                }
            }
        }
    }

    /// Sends what waits and takes what has come, until the socket has no more.
    fn serve(&mut self, peer: &mut Peer, scratch: &mut [u8]) -> io::Result<()> {
        loop {
            if !self.flush(peer)? {
                return Ok(());
            }
            let missing = missing(&peer.partial);
            if missing > 0 {
                // The rest of a large frame goes straight behind its start.
                let filled = peer.partial.len();
                peer.partial.resize(filled + missing, 0);
                let read = peer.socket.read(&mut peer.partial[filled..]);
                peer.partial.truncate(filled + *read.as_ref().unwrap_or(&0));
                match read {
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Ok(count) if count == missing => {
                        let mut whole = std::mem::take(&mut peer.partial);
                        if whole.len() > SIZE_PREFIX {
                            self.frames(peer, &mut whole)?;
                            if peer.partial.is_empty() {
                                whole.clear();
                                peer.partial = whole; // keeps its memory
                            }
                        } else {
                            peer.partial = whole;
                        }
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
                continue;
            }
            match peer.socket.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.frames(peer, &mut scratch[..count])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Serves the whole frames in `bytes`; the start of another stays in `partial`.
    fn frames(&mut self, peer: &mut Peer, mut bytes: &mut [u8]) -> io::Result<()> {
        while let Some(prefix) = bytes.first_chunk() {
            let size = u32::from_be_bytes(*prefix) as usize;
            if bytes.len() < SIZE_PREFIX + size {
                break;
            }
            let (frame, rest) = bytes.split_at_mut(SIZE_PREFIX + size);
            self.request(peer, &mut frame[SIZE_PREFIX..])?;
            bytes = rest;
        }
        peer.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn request(&mut self, peer: &mut Peer, frame: &mut [u8]) -> io::Result<()> {
        let header = barnabas_protocol::header::RequestHeader::decode(frame)
            .map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        match header.api_key {
            ApiKey::Produce => {
                let at = header.size;
                let request = ProduceRequest::parse(PRODUCE, &mut frame[at..])
                    .map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                for partition in request.partitions {
                    let batch = partition.records.unwrap_or_default();
                    let parsed =
                        records::Batch::parse(batch).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                    parsed
                        .verify_crc()
                        .map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                    self.append(batch)?;
                }
                if request.acks != 0 {
                    peer.out.extend_from_slice(&self.produce_answer);
                }
            }
            ApiKey::Fetch => {
                peer.out.extend_from_slice(&self.fetch_head);
                let at = self.next_fetch * self.fetch_bytes;
                self.next_fetch = (self.next_fetch + 1) % self.fetches;
                peer.file = Some(at..at + self.fetch_bytes);
                self.flush(peer)?;
            }
            _ => peer
                .out
                .extend_from_slice(&[0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        }
        Ok(())
    }

    fn append(&mut self, batch: &[u8]) -> io::Result<()> {
        if self.written > FILE_BYTES_MAX {
            self.begin_anew()?;
        }
        self.written += batch.len() as u64;
        self.log.write_all(batch)
    }

    /// Empties the file: after the last connection, so that no measurement pays for it.
    fn begin_anew(&mut self) -> io::Result<()> {
        rustix::fs::ftruncate(&self.log, 0)?;
        self.written = 0;
        io::Seek::rewind(&mut self.log)
    }

    /// Sends what waits; false if the socket took not all of it.
    fn flush(&mut self, peer: &mut Peer) -> io::Result<bool> {
        loop {
            if !peer.out.is_empty() {
                match peer.socket.write(&peer.out) {
                    Ok(count) => {
                        peer.out.drain(..count);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
                continue;
            }
            let Some(range) = &mut peer.file else {
                return Ok(true);
            };
            if range.start == range.end {
                peer.file = None;
                peer.out.extend_from_slice(&[0; FETCH_TRAILER]);
                continue;
            }
            let count = (range.end - range.start).min(SENDFILE_BYTES);
            match send_file(&peer.socket, &self.fetched, range.start as u64, count) {
                Ok(sent) => range.start += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Bytes that the start of a frame still lacks; 0 when there is no start.
fn missing(partial: &[u8]) -> usize {
    match partial.first_chunk() {
        Some(prefix) => (SIZE_PREFIX + u32::from_be_bytes(*prefix) as usize).saturating_sub(partial.len()),
        None if partial.is_empty() => 0,
        None => SIZE_PREFIX - partial.len(),
    }
}

/// Bytes behind the records of a Fetch's only partition: the tagged fields of partition, topic and response.
const FETCH_TRAILER: usize = 3;

/// The front of an answer with one partition and so many bytes of records, its size included.
fn fetch_head(records_bytes: usize) -> Result<Vec<u8>, Failure> {
    let partition = fetch_response::PartitionData::default()
        .with_high_watermark(i64::MAX)
        .with_aborted_transactions(None)
        .with_records(Some(bytes::Bytes::new()));
    let topic = fetch_response::FetchableTopicResponse::default().with_partitions(vec![partition]);
    let response = FetchResponse::default().with_responses(vec![topic]);
    let mut head = answer(ApiKey::Fetch, FETCH, &response)?;
    head.truncate(head.len() - FETCH_TRAILER - 1);
    let mut length = records_bytes as u64 + 1;
    while length >= 0x80 {
        head.push(length as u8 | 0x80);
        length >>= 7;
    }
    head.push(length as u8);
    let size = (head.len() - SIZE_PREFIX + records_bytes + FETCH_TRAILER) as i32;
    head[..SIZE_PREFIX].copy_from_slice(&size.to_be_bytes());
    Ok(head)
}

fn answer<T: barnabas_protocol::messages::Encodable>(
    api: ApiKey,
    version: i16,
    body: &T,
) -> Result<Vec<u8>, Failure> {
    let mut bytes = BytesMut::zeroed(SIZE_PREFIX);
    barnabas_protocol::header::encode_response_header(
        api,
        version,
        crate::frames::CORRELATION_ID,
        &mut bytes,
    );
    barnabas_protocol::codec::encode_response(body, version, &mut bytes)?;
    let size = (bytes.len() - SIZE_PREFIX) as i32;
    bytes[..SIZE_PREFIX].copy_from_slice(&size.to_be_bytes());
    Ok(bytes.to_vec())
}

#[cfg(target_os = "linux")]
fn send_file(socket: &TcpStream, file: &File, mut at: u64, count: usize) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(socket, file, Some(&mut at), count)?)
}

#[cfg(not(target_os = "linux"))]
fn send_file(mut socket: &TcpStream, file: &File, at: u64, count: usize) -> io::Result<usize> {
    let mut bytes = vec![0; count];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, at)?;
    socket.write(&bytes)
}
