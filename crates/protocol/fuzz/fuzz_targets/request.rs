//! Any bytes as a whole request: what the guard lets pass is decoded, and what is decoded can be encoded.
#![no_main]

use barnabas_protocol::guard;
use barnabas_protocol::header::RequestHeader;

#[path = "../../tests/it/any_message.rs"]
#[allow(dead_code, reason = "the tests use the rest of it")]
mod any_message;

libfuzzer_sys::fuzz_target!(|frame: &[u8]| {
    let Ok(header) = RequestHeader::decode(frame) else { return };
    let (api, version, body) = (header.api_key, header.api_version, &frame[header.size..]);
    let guarded = guard::check(api, version, body);
    if let Some(decoded) = any_message::request_round_trip(api, version, body) {
        assert_eq!(decoded.map(drop), guarded, "{api} v{version}");
    }
});
