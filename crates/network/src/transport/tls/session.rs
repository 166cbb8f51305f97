//! Records of TLS in and out of buffers: rustls without sockets.

use std::fmt;
use std::io;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::CertificateDer;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};

/// The keys and the state of one connection, of either end.
pub(super) enum Session {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Session::Server(_) => "Server",
            Session::Client(_) => "Client",
        })
    }
}

/// What came of the records that were given.
pub(super) struct Processed {
    /// Bytes of records that are done with.
    pub used: usize,
    /// Whether the other side sends nothing more.
    pub closed: bool,
}

impl Session {
    /// Whether nothing may be said yet.
    pub fn is_handshaking(&self) -> bool {
        match self {
            Session::Server(connection) => connection.is_handshaking(),
            Session::Client(connection) => connection.is_handshaking(),
        }
    }

    /// What the other side has shown, its own certificate first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        match self {
            Session::Server(connection) => connection.peer_certificates(),
            Session::Client(connection) => connection.peer_certificates(),
        }
    }

    /// Takes the whole records of `received`: what they say goes to `said`, answers to them to `answers`.
    pub fn process(
        &mut self,
        received: &mut [u8],
        said: &mut dyn FnMut(&[u8]),
        answers: &mut Vec<u8>,
    ) -> io::Result<Processed> {
        match self {
            Session::Server(connection) => process(&mut **connection, received, said, answers),
            Session::Client(connection) => process(&mut **connection, received, said, answers),
        }
    }

    /// Puts `plain` into records, behind what `out` has up to `filled`; answers where those end. `pending` is
    /// the start of a record that has not fully arrived.
    pub fn encrypt(
        &mut self,
        pending: &mut [u8],
        plain: &[u8],
        out: &mut [u8],
        filled: usize,
    ) -> io::Result<usize> {
        match self {
            Session::Server(connection) => write(&mut **connection, pending, out, filled, |traffic, out| {
                traffic.encrypt(plain, out)
            }),
            Session::Client(connection) => write(&mut **connection, pending, out, filled, |traffic, out| {
                traffic.encrypt(plain, out)
            }),
        }
    }

    /// Says in `out` that nothing more comes; answers its length.
    pub fn close(&mut self, pending: &mut [u8], out: &mut [u8]) -> io::Result<usize> {
        match self {
            Session::Server(connection) => write(&mut **connection, pending, out, 0, |traffic, out| {
                traffic.queue_close_notify(out)
            }),
            Session::Client(connection) => write(&mut **connection, pending, out, 0, |traffic, out| {
                traffic.queue_close_notify(out)
            }),
        }
    }
}

/// What the two ends have in common, which rustls has no trait for.
trait Records {
    type Data;

    fn records<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether something is due to the other side.
    fn has_answers(&self) -> bool;
}

impl Records for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn records<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(received)
    }

    fn has_answers(&self) -> bool {
        self.wants_write()
    }
}

impl Records for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn records<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(received)
    }

    fn has_answers(&self) -> bool {
        self.wants_write()
    }
}

fn process<R: Records>(
    connection: &mut R,
    received: &mut [u8],
    said: &mut dyn FnMut(&[u8]),
    answers: &mut Vec<u8>,
) -> io::Result<Processed> {
    let (mut used, mut closed) = (0, false);
    loop {
        let UnbufferedStatus { mut discard, state } = connection.records(&mut received[used..]);
        let done = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(broken)?;
                    discard += record.discard;
                    said(record.payload);
                }
                false
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                encode(|out| data.encode(out), answers)?;
                false
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                false
            }
            Ok(ConnectionState::PeerClosed) => {
                closed = true;
                false
            }
            Ok(ConnectionState::Closed) => {
                closed = true;
                true
            }
            // More bytes are needed for anything else to happen.
            Ok(_) => true,
            Err(error) => {
                alert(connection, &mut received[used..], answers);
                return Err(broken(error));
            }
        };
        used += discard;
        if done {
            return Ok(Processed { used, closed });
        }
    }
}

/// What the other side is told of an error. (What has been received is shown again: rustls may still point
/// into it. It must not judge that again, so this ends with what it has to say.)
fn alert<R: Records>(connection: &mut R, received: &mut [u8], answers: &mut Vec<u8>) {
    while connection.has_answers() {
        let Ok(ConnectionState::EncodeTlsData(mut data)) = connection.records(received).state else {
            return;
        };
        if encode(|out| data.encode(out), answers).is_err() {
            return;
        }
    }
}

/// Appends what `encode` writes to `answers`.
fn encode(
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
    answers: &mut Vec<u8>,
) -> io::Result<()> {
    let start = answers.len();
    let mut wanted = FIRST_ENCODED_BYTES;
    loop {
        answers.resize(start + wanted, 0);
        match encode(&mut answers[start..]) {
            Ok(written) => {
                answers.truncate(start + written);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(size)) if size.required_size > wanted => {
                wanted = size.required_size;
            }
            Err(error) => {
                answers.truncate(start);
                return Err(broken(error));
            }
        }
    }
}

/// Most answers of a handshake fit.
const FIRST_ENCODED_BYTES: usize = 2048;

/// Has `put` write records behind what `out` has up to `filled`, once those that are due have gone before.
fn write<R: Records>(
    connection: &mut R,
    pending: &mut [u8],
    out: &mut [u8],
    mut filled: usize,
    put: impl Fn(&mut WriteTraffic<'_, R::Data>, &mut [u8]) -> Result<usize, EncryptError>,
) -> io::Result<usize> {
    loop {
        let UnbufferedStatus { discard, state } = connection.records(pending);
        debug_assert_eq!(discard, 0, "only the start of a record is pending");
        match state.map_err(broken)? {
            ConnectionState::WriteTraffic(mut traffic) => {
                return Ok(filled + put(&mut traffic, &mut out[filled..]).map_err(broken)?);
            }
            ConnectionState::EncodeTlsData(mut data) => {
                filled += data.encode(&mut out[filled..]).map_err(broken)?;
            }
            ConnectionState::TransmitTlsData(transmit) => transmit.done(),
            ConnectionState::PeerClosed => {}
            _ => return Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
