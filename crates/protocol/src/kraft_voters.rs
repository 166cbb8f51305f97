//! The control record that lists the voters of a quorum that can change them (KIP-853), and those around it
//! in a snapshot.
//!
//! ```text
//! version, 16 bits = 0 │ voters: id, directory id, endpoints: name, host, port; supported kraft.version: from, to │ tagged fields
//! ```

use uuid::Uuid;

use crate::malformed::Malformed;
use crate::reader::Reader;
use crate::wire;

/// A voter's listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterEndpoint {
    /// The listener's name.
    pub name: String,
    /// Where.
    pub host: String,
    /// Where.
    pub port: u16,
}

/// A voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KRaftVoter {
    /// Its node id.
    pub id: i32,
    /// The id of its metadata's log directory.
    pub directory_id: Uuid,
    /// Its listeners.
    pub endpoints: Vec<VoterEndpoint>,
    /// The levels of kraft.version that it can run.
    pub kraft_versions: (i16, i16),
}

/// The value of a `KRaftVoters` control record.
pub fn encode(voters: &[KRaftVoter]) -> Vec<u8> {
    let mut out = vec![0, 0];
    put_count(&mut out, voters.len());
    for voter in voters {
        out.extend(voter.id.to_be_bytes());
        out.extend(voter.directory_id.as_bytes());
        put_count(&mut out, voter.endpoints.len());
        for endpoint in &voter.endpoints {
            put_text(&mut out, &endpoint.name);
            put_text(&mut out, &endpoint.host);
            out.extend(endpoint.port.to_be_bytes());
            out.push(0);
        }
        out.extend(voter.kraft_versions.0.to_be_bytes());
        out.extend(voter.kraft_versions.1.to_be_bytes());
        // No tagged fields, of the levels and of the voter.
        out.extend([0, 0]);
    }
    out.push(0);
    out
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    wire::put_unsigned_varint(out, u32::try_from(count + 1).unwrap_or(u32::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

/// Reads such a value.
///
/// # Errors
/// `UnsupportedRecordVersion` for one of a newer release; `Truncated`, `Undecodable`.
pub fn decode(value: &[u8]) -> Result<Vec<KRaftVoter>, Malformed> {
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if version != 0 {
        return Err(Malformed::UnsupportedRecordVersion(version));
    }
    let mut voters = Vec::new();
    for _ in 0..count(&mut reader)? {
        let id = reader.i32()?;
        let directory_id = reader.uuid()?;
        let mut endpoints = Vec::new();
        for _ in 0..count(&mut reader)? {
            endpoints.push(VoterEndpoint {
                name: text(&mut reader)?,
                host: text(&mut reader)?,
                port: reader.i16()? as u16,
            });
            skip_tagged_fields(&mut reader)?;
        }
        let kraft_versions = (reader.i16()?, reader.i16()?);
        skip_tagged_fields(&mut reader)?;
        skip_tagged_fields(&mut reader)?;
        voters.push(KRaftVoter {
            id,
            directory_id,
            endpoints,
            kraft_versions,
        });
    }
    Ok(voters)
}

/// A length with one added to it; what it counts must fit into what is left.
fn count(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    let count = reader
        .unsigned_varint()?
        .checked_sub(1)
        .ok_or(Malformed::Undecodable)? as usize;
    let remaining = reader.remaining();
    if count > remaining {
        return Err(Malformed::Truncated {
            needed: count,
            remaining,
        });
    }
    Ok(count)
}

fn text(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let length = count(reader)?;
    let bytes = reader.take(length)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::NotUtf8)
}

fn skip_tagged_fields(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    for _ in 0..reader.unsigned_varint()? {
        reader.unsigned_varint()?;
        let length = reader.unsigned_varint()? as usize;
        reader.take(length)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_written_as_kafkas_storage_tool_does() {
        let id = Uuid::from_u128(0x2445_d8e9_aab3_418f_b7d8_fe53_4adc_da16);
        let voters = vec![KRaftVoter {
            id: 1,
            directory_id: id,
            endpoints: vec![VoterEndpoint {
                name: "CONTROLLER".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: 19093,
            }],
            kraft_versions: (0, 1),
        }];
        let mut expected = vec![0, 0, 2, 0, 0, 0, 1];
        expected.extend(id.as_bytes());
        expected.extend(b"\x02\x0bCONTROLLER\x0a127.0.0.1\x4a\x95\x00\x00\x00\x00\x01\x00\x00\x00");
        assert_eq!(encode(&voters), expected);
        assert_eq!(decode(&expected), Ok(voters));
        for length in 0..expected.len() - 1 {
            assert!(decode(&expected[..length]).is_err(), "cut at {length}");
        }
    }
}
