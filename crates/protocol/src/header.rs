//! The headers in front of every request and response.
//!
//! ```text
//! request v1:  api_key i16 │ api_version i16 │ correlation_id i32 │ client_id nullable string
//! request v2:  … the same │ tagged fields          client_id keeps its two-byte length: it stays readable across versions
//! response v0: correlation_id i32
//! response v1: … the same │ tagged fields
//! ```
//!
//! Connections decode the request's header in place before anything else; which header version applies
//! follows from key and version.

use bytes::{BufMut, BytesMut};

use crate::api::ApiKey;
use crate::malformed::{Malformed, Unencodable};
use crate::reader::Reader;

/// A request's header, borrowed from its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// The API that is asked.
    pub api_key: ApiKey,
    /// The version of the body; it may lie out of the API's range, what to do then is the dispatcher's
    /// choice.
    pub api_version: i16,
    /// Comes back in the response's header.
    pub correlation_id: i32,
    /// Who asks; empty where the client sent null, as in Apache Kafka.
    pub client_id: &'a str,
    /// Bytes the header takes; the body begins there.
    pub size: usize,
}

impl<'a> RequestHeader<'a> {
    /// Decodes the header at the front of `frame` (without its size prefix). Unknown tagged fields are
    /// skipped.
    pub fn decode(frame: &'a [u8]) -> Result<RequestHeader<'a>, Malformed> {
        let mut reader = Reader::new(frame);
        let key = reader.i16()?;
        let api_version = reader.i16()?;
        let api_key = ApiKey::from_key(key).ok_or(Malformed::UnknownApiKey(key))?;
        let correlation_id = reader.i32()?;
        let client_id = reader.nullable_string(false)?.unwrap_or("");
        if api_key.request_header_version(api_version) >= 2 {
            reader.skip_tagged_fields()?;
        }
        Ok(RequestHeader {
            api_key,
            api_version,
            correlation_id,
            client_id,
            size: reader.position(),
        })
    }
}

/// The header, version 1, of a request whose API may not be one of Kafka's: what nodes of a cluster say to
/// each other in APIs of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRequestHeader<'a> {
    /// The API that is asked.
    pub api_key: i16,
    /// The version of the body.
    pub api_version: i16,
    /// Comes back in the response's header.
    pub correlation_id: i32,
    /// Who asks; empty where the client sent null.
    pub client_id: &'a str,
    /// Bytes the header takes; the body begins there.
    pub size: usize,
}

impl<'a> RawRequestHeader<'a> {
    /// Decodes the header at the front of `frame` (without its size prefix).
    pub fn decode(frame: &'a [u8]) -> Result<RawRequestHeader<'a>, Malformed> {
        let mut reader = Reader::new(frame);
        Ok(RawRequestHeader {
            api_key: reader.i16()?,
            api_version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: reader.nullable_string(false)?.unwrap_or(""),
            size: reader.position(),
        })
    }
}

/// Appends the header of a request, as whoever passes it on has it from the client.
///
/// # Errors
/// The client id is too long.
pub fn encode_request_header(
    (api_key, version): (ApiKey, i16),
    correlation_id: i32,
    client_id: &str,
    buffer: &mut BytesMut,
) -> Result<(), Unencodable> {
    let length = i16::try_from(client_id.len());
    let length = length.map_err(|_| Unencodable("the client id is too long".to_owned()))?;
    buffer.put_i16(api_key.key());
    buffer.put_i16(version);
    buffer.put_i32(correlation_id);
    buffer.put_i16(length);
    buffer.put_slice(client_id.as_bytes());
    if api_key.request_header_version(version) >= 2 {
        buffer.put_u8(0); // no tagged fields
    }
    Ok(())
}

/// Appends the header of a response to a request of this API and version.
pub fn encode_response_header(api_key: ApiKey, version: i16, correlation_id: i32, buffer: &mut BytesMut) {
    buffer.put_i32(correlation_id);
    if api_key.response_header_version(version) >= 1 {
        buffer.put_u8(0); // no tagged fields
    }
}

/// Reads the header of a response: its correlation id, and how many bytes it takes. `has_tagged_fields` says
/// which version it has, see [`ApiKey::response_header_version`].
pub fn decode_response_header(frame: &[u8], has_tagged_fields: bool) -> Result<(i32, usize), Malformed> {
    let mut reader = Reader::new(frame);
    let correlation_id = reader.i32()?;
    if has_tagged_fields {
        reader.skip_tagged_fields()?;
    }
    Ok((correlation_id, reader.position()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_version_1() {
        // Metadata v8, correlation 7, client "kcat", then a body byte
        let frame = [0, 3, 0, 8, 0, 0, 0, 7, 0, 4, b'k', b'c', b'a', b't', 0xee];
        let header = RequestHeader::decode(&frame).unwrap();
        assert_eq!((header.api_key, header.api_version), (ApiKey::Metadata, 8));
        assert_eq!((header.correlation_id, header.client_id), (7, "kcat"));
        assert_eq!(frame[header.size..], [0xee]);
    }

    #[test]
    fn version_2_keeps_the_short_client_id_and_skips_tags() {
        // Metadata v9: the client id's length has two bytes, then one tagged field (tag 3, 2 bytes)
        let frame = [0, 3, 0, 9, 0, 0, 0, 7, 0, 1, b'c', 1, 3, 2, 9, 9, 0xee];
        let header = RequestHeader::decode(&frame).unwrap();
        assert_eq!(header.client_id, "c");
        assert_eq!(frame[header.size..], [0xee]);
    }

    #[test]
    fn a_null_client_id_reads_as_empty() {
        let frame = [0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff];
        assert_eq!(RequestHeader::decode(&frame).unwrap().client_id, "");
    }

    #[test]
    fn a_version_out_of_range_still_has_a_header() {
        let frame = [0, 18, 0x7f, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0];
        assert_eq!(RequestHeader::decode(&frame).unwrap().api_version, i16::MAX);
    }

    #[test]
    fn what_is_written_is_read() {
        for version in [8, 9] {
            let mut frame = BytesMut::new();
            encode_request_header((ApiKey::Metadata, version), 7, "kcat", &mut frame).unwrap();
            let header = RequestHeader::decode(&frame).unwrap();
            assert_eq!((header.api_version, header.correlation_id), (version, 7));
            assert_eq!((header.client_id, header.size), ("kcat", frame.len()));
        }
        let long = "x".repeat(40_000);
        encode_request_header((ApiKey::Metadata, 8), 7, &long, &mut BytesMut::new()).unwrap_err();
    }

    #[test]
    fn every_cut_and_unknown_keys_are_malformed() {
        let frame = [0, 3, 0, 9, 0, 0, 0, 7, 0, 1, b'c', 1, 3, 2, 9, 9];
        for cut in 0..frame.len() {
            assert!(
                matches!(
                    RequestHeader::decode(&frame[..cut]),
                    Err(Malformed::Truncated { .. })
                ),
                "{cut}"
            );
        }
        assert_eq!(
            RequestHeader::decode(&[0, 7, 0, 0]),
            Err(Malformed::UnknownApiKey(7))
        );
    }

    #[test]
    fn response_headers_have_tags_only_where_the_body_is_flexible() {
        // (api, version, bytes)
        let cases: [(ApiKey, i16, &[u8]); 3] = [
            (ApiKey::Metadata, 8, &[0, 0, 0, 5]),
            (ApiKey::Metadata, 9, &[0, 0, 0, 5, 0]),
            (ApiKey::ApiVersions, 4, &[0, 0, 0, 5]),
        ];
        for (api, version, expected) in cases {
            let mut buffer = BytesMut::new();
            encode_response_header(api, version, 5, &mut buffer);
            assert_eq!(buffer, expected, "{api} v{version}");
        }
    }
}
