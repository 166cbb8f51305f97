//! Any text as a JAAS configuration, of a setting and of a file: read or refused, and never more than it was.
#![no_main]

use barnabas_security::sasl::{JaasFile, parse_jaas};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    drop(JaasFile::parse(&text));
    if let Ok(entry) = parse_jaas(&text) {
        let options = entry.options.iter();
        let size: usize = options.map(|(name, value)| name.len() + value.len()).sum();
        assert!(size <= 2 * text.len());
    }
});
