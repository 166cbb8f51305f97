//! A share session's first answer.

use super::*;

#[test]
fn it_names_partitions_without_records_and_waits_only_if_it_is_to() {
    let node = node(&[]);
    let mut member = Member::join(&node, "a");
    // Longer than a test may take.
    member.max_wait_ms = 600_000;
    let request = member.request(&[]).with_min_bytes(0);
    let response = call(&mut member.client, FETCH, &request);
    assert_eq!(response.error_code, 0);
    assert_eq!(response.responses.len(), 1);
    let partitions = &response.responses[0].partitions;
    assert_eq!((partitions.len(), partitions[0].error_code), (1, 0));
    assert!(partitions[0].acquired_records.is_empty());
    let request = member.request(&[]).with_min_bytes(0);
    let response = call(&mut member.client, FETCH, &request);
    let told = (response.error_code, response.responses.len());
    assert_eq!(told, (0, 0), "it is known by now");
}
