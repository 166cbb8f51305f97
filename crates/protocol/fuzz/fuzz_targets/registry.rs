//! Records of the topic and requests to the registry, one after the other, whatever they say.
#![no_main]

use barnabas_registry::{Call, Method, Registry, answer};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut registry = Registry::default();
    for line in data.split(|byte| *byte == 10) {
        let Some((kind, rest)) = line.split_first() else { continue };
        let at = rest.iter().position(|byte| *byte == 9).unwrap_or(rest.len());
        let (first, second) = (&rest[..at], rest.get(at + 1..));
        let method = match kind % 5 {
            0 => {
                registry.replay(first, second);
                continue;
            }
            1 => Method::Get,
            2 => Method::Post,
            3 => Method::Put,
            _ => Method::Delete,
        };
        let address = String::from_utf8_lossy(first);
        let (path, query) = address.split_once('?').unwrap_or((&address, ""));
        let body = second.unwrap_or_default();
        let call = Call { method, path, query, body, cluster_id: "c", tells_all: method == Method::Post };
        let decided = answer(&registry, &call);
        assert!(decided.records.is_empty() || !call.only_reads());
        assert!((200..600).contains(&decided.answer.status));
        for record in decided.records {
            registry.replay(record.key.as_bytes(), record.value.as_deref().map(str::as_bytes));
        }
    }
});
