//! Any text as a selector: read or refused with a place in it, and applied to a record without falling over.
#![no_main]

use barnabas_config::selector::{SelectedRecord, Selector};

struct Fuzzed<'a>(&'a [u8]);

impl SelectedRecord for Fuzzed<'_> {
    fn key(&self) -> Option<&[u8]> {
        Some(self.0)
    }

    fn topic(&self) -> &str {
        "topic"
    }

    fn timestamp(&self) -> i64 {
        i64::MIN
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        (name.len() < 3).then_some(b"-9223372036854775808")
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    match Selector::parse(&text) {
        Ok(selector) => drop(selector.selects(&Fuzzed(data))),
        Err(error) => assert!(error.position >= 1 && error.position <= text.chars().count() + 1),
    }
});
