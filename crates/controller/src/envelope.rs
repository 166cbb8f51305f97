//! What nodes of a cluster say to each other in an API of their own, on the controller listener.
//!
//! ```text
//! request: header v1 with key 0x4261 │ kind:u8 │ sender:i32be │ cluster_id_bytes:u16be │ cluster_id │ body
//! answer:  correlation_id            │ body
//! ```
//! The key lies far beyond Kafka's and isn't advertised. What has no answer closes the connection.

use barnabas_metadata::quorum::FrameKind;
use barnabas_network::client::RawRequest;
use bytes::{BufMut, Bytes, BytesMut};

/// The key of the API.
pub const API_KEY: i16 = 0x4261;
/// The one version that there is.
pub const API_VERSION: i16 = 0;
/// A cluster id has 22 letters; nobody has many more.
const CLUSTER_ID_BYTES_MAX: usize = 256;

const FORWARD: u8 = 64;
const STATUS: u8 = 65;
const VOTERS: u8 = 66;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frame of the quorum.
    Quorum(FrameKind),
    /// A change of metadata, for the active controller to decide.
    Forward,
    /// How the quorum stands, as the active controller sees it.
    Status,
    /// A change of the voters, for the active controller to decide.
    Voters,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Quorum(kind) => kind.code(),
            Kind::Forward => FORWARD,
            Kind::Status => STATUS,
            Kind::Voters => VOTERS,
        }
    }

    fn from_code(code: u8) -> Option<Kind> {
        match code {
            FORWARD => Some(Kind::Forward),
            STATUS => Some(Kind::Status),
            VOTERS => Some(Kind::Voters),
            code => FrameKind::from_code(code).map(Kind::Quorum),
        }
    }
}

/// A request as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What is asked for.
    pub kind: Kind,
    /// The node that asks.
    pub sender: i32,
    /// The cluster that it belongs to.
    pub cluster_id: String,
    /// The rest.
    pub body: Bytes,
}

/// Why bytes are no envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They end too early, or a length lies.
    Truncated,
    /// Nobody knows what is asked for.
    UnknownKind(u8),
    /// No cluster has such an id.
    ClusterId,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Truncated => f.write_str("a length is wrong"),
            Unreadable::UnknownKind(code) => write!(f, "there is no kind {code}"),
            Unreadable::ClusterId => f.write_str("that is no cluster id"),
        }
    }
}

impl Envelope {
    /// The request to send.
    pub fn request(&self) -> RawRequest {
        let id = self.cluster_id.as_bytes();
        let id = &id[..id.len().min(CLUSTER_ID_BYTES_MAX)];
        let mut body = BytesMut::with_capacity(7 + id.len() + self.body.len());
        body.put_u8(self.kind.code());
        body.put_i32(self.sender);
        body.put_u16(id.len() as u16);
        body.put_slice(id);
        body.put_slice(&self.body);
        RawRequest {
            api_key: API_KEY,
            api_version: API_VERSION,
            has_tagged_fields: (false, false),
            body: body.freeze(),
        }
    }

    /// Reads what follows the header. Every length is proven before what it stands for is copied.
    ///
    /// # Errors
    /// It is no envelope.
    pub fn decode(bytes: &[u8]) -> Result<Envelope, Unreadable> {
        let (&[code], rest) = bytes.split_first_chunk().ok_or(Unreadable::Truncated)?;
        let (sender, rest) = rest.split_first_chunk().ok_or(Unreadable::Truncated)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Unreadable::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length > CLUSTER_ID_BYTES_MAX {
            return Err(Unreadable::ClusterId);
        }
        let (id, body) = rest.split_at_checked(length).ok_or(Unreadable::Truncated)?;
        let id = std::str::from_utf8(id).map_err(|_| Unreadable::ClusterId)?;
        Ok(Envelope {
            kind: Kind::from_code(code).ok_or(Unreadable::UnknownKind(code))?,
            sender: i32::from_be_bytes(*sender),
            cluster_id: id.to_owned(),
            body: Bytes::copy_from_slice(body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(kind: Kind) -> Envelope {
        Envelope {
            kind,
            sender: 3,
            cluster_id: "c1".into(),
            body: Bytes::from_static(b"xyz"),
        }
    }

    #[test]
    fn the_layout_is_fixed() {
        let sent = envelope(Kind::Quorum(FrameKind::AppendEntries)).request();
        assert_eq!((sent.api_key, sent.api_version), (0x4261, 0));
        assert_eq!(&*sent.body, [3, 0, 0, 0, 3, 0, 2, b'c', b'1', b'x', b'y', b'z']);
    }

    #[test]
    fn envelopes_are_the_same_at_the_other_end() {
        for kind in [
            Kind::Quorum(FrameKind::PreVote),
            Kind::Forward,
            Kind::Status,
            Kind::Voters,
        ] {
            let sent = envelope(kind);
            assert_eq!(Envelope::decode(&sent.request().body), Ok(sent));
        }
    }

    #[test]
    fn what_lies_about_its_lengths_is_refused() {
        let sent = envelope(Kind::Forward).request().body;
        for cut in 0..9 {
            assert_eq!(
                Envelope::decode(&sent[..cut]),
                Err(Unreadable::Truncated),
                "{cut}"
            );
        }
        let cases: [(&[u8], Unreadable); 4] = [
            (&[64, 0, 0, 0, 3, 0xff, 0xff, b'c'], Unreadable::ClusterId),
            (&[64, 0, 0, 0, 3, 0, 2, b'c'], Unreadable::Truncated),
            (&[64, 0, 0, 0, 3, 0, 1, 0xff], Unreadable::ClusterId),
            (&[9, 0, 0, 0, 3, 0, 0], Unreadable::UnknownKind(9)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Envelope::decode(bytes), Err(expected), "{bytes:?}");
        }
    }
}
