//! A version and any bytes as the body of a Produce: the parser takes what the guard takes, and its records
//! lie within the body.
#![no_main]

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::guard;
use barnabas_protocol::produce::ProduceRequest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [version, body @ ..] = data else { return };
    let version = 3 + i16::from(version % 11);
    let guarded = guard::check(ApiKey::Produce, version, body);
    let mut body = body.to_vec();
    let size = body.len();
    let parsed = ProduceRequest::parse(version, &mut body);
    assert_eq!(parsed.is_ok(), guarded.is_ok(), "v{version}: {parsed:?} {guarded:?}");
    let records = parsed.into_iter().flat_map(|request| request.partitions).filter_map(|partition| partition.records);
    assert!(records.map(|records| records.len()).sum::<usize>() <= size);
});
