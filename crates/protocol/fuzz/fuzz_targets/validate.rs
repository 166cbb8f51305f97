//! A Produce's records through the leader's validation: what is accepted can be read back.
//!
//! The first byte chooses the topic's settings; the CRC is put right so that the records behind it are
//! reached.
#![no_main]

use barnabas_protocol::records::compression::decompress;
use barnabas_protocol::records::{Batch, Compression, TimestampType, seal};
use barnabas_storage::AppendOrigin;
use barnabas_storage::validate::{
    TargetCompression, ValidationSettings, check_produce, starts_transactional, validate,
};
use libfuzzer_sys::fuzz_target;

const NOW_MS: i64 = 1_800_000_000_000;

fuzz_target!(|data: &[u8]| {
    let [choice, records @ ..] = data else { return };
    let settings = ValidationSettings {
        max_message_bytes: 1 << 16,
        timestamp_type: if choice & 1 == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime },
        compacted: choice & 2 != 0,
        compression: match Compression::from_id(choice >> 2 & 7) {
            Ok(codec) => TargetCompression::Fixed(codec, None),
            Err(_) => TargetCompression::Producer,
        },
        ..ValidationSettings::default()
    };
    let _ = (starts_transactional(records), check_produce(9, records));
    let mut records = records.to_vec();
    if let Ok(batch) = Batch::parse(&records) {
        let size = batch.bytes.len();
        seal(&mut records[..size]);
    }
    let Ok(valid) = validate(&mut records, "topic", 0, &settings, NOW_MS, AppendOrigin::Client) else { return };
    let batch = Batch::parse(valid.bytes()).expect("an accepted batch parses");
    batch.verify_crc().expect("an accepted batch is sealed");
    assert!(batch.bytes.len() == valid.bytes().len() && batch.bytes.len() <= settings.max_message_bytes);
    let codec = batch.header.compression().expect("an accepted batch has a codec");
    let mut plain = Vec::new();
    if decompress(codec, batch.payload(), 1 << 24, &mut plain).is_ok() {
        let read = batch.records_in(&plain).inspect(|record| assert!(record.is_ok(), "{record:?}")).count();
        assert_eq!(Ok(read), usize::try_from(batch.header.records_count));
    }
});
