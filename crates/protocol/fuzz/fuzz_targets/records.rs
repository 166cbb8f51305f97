//! Any bytes as record batches: headers, CRC, decompression under a cap, records and their headers; skimming
//! agrees with reading.
#![no_main]

use barnabas_protocol::records::compression::{Decompressor, decompress};
use barnabas_protocol::records::{Compression, Skim, batches};

const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for batch in batches(bytes) {
        let Ok(batch) = batch else { return };
        let _ = batch.verify_crc();
        let Ok(codec) = batch.header.compression() else { continue };
        let skimmed = skim(codec, batch.payload(), batch.header.records_count);
        let mut payload = Vec::new();
        if decompress(codec, batch.payload(), DECOMPRESSED_BYTES_MAX, &mut payload).is_err() {
            assert!(skimmed.is_none(), "skimmed what can't be decompressed");
            continue;
        }
        let mut read = Some(0);
        for record in batch.records_in(&payload) {
            match record {
                Ok(record) => {
                    read = read.map(|count| count + 1);
                    record.headers().for_each(drop);
                }
                Err(_) => read = None,
            }
        }
        assert_eq!(skimmed, read, "{codec} {:?}", batch.header);
    }
});

/// How many records a batch has, if all of it is sound.
fn skim(codec: Compression, payload: &[u8], declared: i32) -> Option<i32> {
    let reader = Decompressor::new(codec, payload).ok()?;
    let mut skim = Skim::new(reader, codec, declared, DECOMPRESSED_BYTES_MAX);
    let mut count = 0;
    while skim.next_record().ok()?.is_some() {
        count += 1;
    }
    Some(count)
}
