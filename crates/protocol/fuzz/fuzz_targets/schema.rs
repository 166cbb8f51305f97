//! Any text as a schema of each language: read or refused; what was read is written as a text that says the
//! same.
#![no_main]

use barnabas_registry::schema::{Parsed, SchemaType};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((language, text)) = data.split_first() else { return };
    let schema_type = match language % 3 {
        0 => SchemaType::Avro,
        1 => SchemaType::Json,
        _ => SchemaType::Protobuf,
    };
    let text = String::from_utf8_lossy(text);
    let Ok(parsed) = Parsed::parse(schema_type, &text, &[], true) else { return };
    let _ = parsed.reads(&parsed);
    let canonical = parsed.canonical();
    let again = Parsed::parse(schema_type, &canonical, &[], false).expect("what was written is read again");
    assert_eq!(again.canonical(), canonical);
    let normalized = parsed.normalized();
    assert_eq!(again.normalized(), normalized);
});
