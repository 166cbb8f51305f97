//! Any bytes as a request's header.
#![no_main]

use barnabas_protocol::header::RequestHeader;

libfuzzer_sys::fuzz_target!(|frame: &[u8]| {
    if let Ok(header) = RequestHeader::decode(frame) {
        assert!(header.size <= frame.len());
    }
});
