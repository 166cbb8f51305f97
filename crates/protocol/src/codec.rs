//! From a request's bytes to its struct, and from a response's struct to bytes.
//!
//! Handlers come through here, so that no body reaches a decoder unguarded.

use bytes::{Bytes, BytesMut};

use crate::api::ApiKey;
use crate::guard;
use crate::malformed::{Malformed, Unencodable};
use crate::messages::{Decodable, Encodable, Request};

/// Decodes a request's body after [`guard::check`] has proven it. Bytes after the message are ignored, as in
/// Apache Kafka.
///
/// Strings and bytes in the message share `body`'s memory: copy what outlives the request.
pub fn decode_request<T: Request>(version: i16, mut body: Bytes) -> Result<T, Malformed> {
    let api = ApiKey::from_key(T::KEY).ok_or(Malformed::UnknownApiKey(T::KEY))?;
    guard::check(api, version, &body)?;
    T::decode(&mut body, version).map_err(|_| Malformed::Undecodable)
}

/// Decodes a response's body (without its header) after [`guard::check_response`] has proven it.
pub fn decode_response<T: Request>(version: i16, mut body: Bytes) -> Result<T::Response, Malformed> {
    let api = ApiKey::from_key(T::KEY).ok_or(Malformed::UnknownApiKey(T::KEY))?;
    guard::check_response(api, version, &body)?;
    T::Response::decode(&mut body, version).map_err(|_| Malformed::Undecodable)
}

/// Appends a response's body (its header comes from [`crate::header::encode_response_header`]).
pub fn encode_response<T: Encodable>(
    response: &T,
    version: i16,
    buffer: &mut BytesMut,
) -> Result<(), Unencodable> {
    response
        .encode(buffer, version)
        .map_err(|error| Unencodable(error.to_string()))
}
