//! ACLs are added and removed, each once and each filter for itself.

use barnabas_metadata::controller::{ApiError, CreateAcls, DeleteAcls};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_request::AclCreation;
use barnabas_protocol::messages::delete_acls_request::DeleteAclsFilter;
use barnabas_protocol::messages::{CreateAclsRequest, DeleteAclsRequest, StrBytes};

use super::fixture::{Cluster, text};

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn creation() -> AclCreation {
    AclCreation::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_static_str("t"))
        .with_resource_pattern_type(3)
        .with_principal(StrBytes::from_static_str("User:bob"))
        .with_host(StrBytes::from_static_str("*"))
        .with_operation(3)
        .with_permission_type(3)
}

fn create(cluster: &mut Cluster, creations: Vec<AclCreation>) -> Vec<Result<(), ApiError>> {
    let asked = CreateAclsRequest::default().with_creations(creations);
    cluster.submit(CreateAcls(asked)).unwrap()
}

fn any() -> DeleteAclsFilter {
    DeleteAclsFilter::default()
        .with_resource_type_filter(1)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1)
        .with_resource_name_filter(None)
        .with_principal_filter(None)
        .with_host_filter(None)
}

#[test]
fn entries_that_make_no_sense_are_refused_in_kafkas_words() {
    let unparsable = "Could not parse principal from `bob` (no colon is present separating the principal type from \
                      the principal name)";
    let cluster = "The only valid name for the CLUSTER resource is kafka-cluster";
    let table = [
        (creation().with_resource_type(9), "Invalid resourceType UNKNOWN"),
        (creation().with_resource_type(1), "Invalid resourceType ANY"),
        (
            creation().with_resource_pattern_type(9),
            "Invalid patternType UNKNOWN",
        ),
        (
            creation().with_resource_pattern_type(2),
            "Invalid patternType MATCH",
        ),
        (creation().with_operation(99), "Invalid operation UNKNOWN"),
        (
            creation().with_permission_type(9),
            "Invalid permissionType UNKNOWN",
        ),
        (creation().with_principal(text("bob")), unparsable),
        (
            creation().with_host(text("")),
            "Host pattern cannot be null or empty",
        ),
        (
            creation().with_resource_name(text("")),
            "Invalid empty resource name",
        ),
        (creation().with_resource_type(4), cluster),
    ];
    for (creation, message) in table {
        let mut cluster = Cluster::of_one();
        let outcomes = create(&mut cluster, vec![creation]);
        assert_eq!(outcomes, [Err(invalid(message))]);
        assert!(cluster.image.acls.is_empty());
    }
    // Whatever operation, host and name: Kafka takes them.
    let taken = [
        creation().with_operation(12).with_host(text("nowhere")),
        creation().with_principal(text("User:")),
        creation().with_resource_name(text(&"x".repeat(300))),
    ];
    let mut cluster = Cluster::of_one();
    let outcomes = create(&mut cluster, taken.to_vec());
    assert_eq!((outcomes, cluster.image.acls.len()), (vec![Ok(()); 3], 3));
}

#[test]
fn an_entry_is_kept_once() {
    let mut cluster = Cluster::of_one();
    let outcomes = create(&mut cluster, vec![creation(), creation()]);
    assert_eq!((outcomes, cluster.image.acls.len()), (vec![Ok(()); 2], 1));
    let denied = creation().with_permission_type(2);
    create(&mut cluster, vec![creation(), denied]);
    assert_eq!(cluster.image.acls.len(), 2);
}

#[test]
fn filters_find_each_for_itself_and_an_entry_goes_once() {
    let other = creation().with_resource_name(text("other"));
    let mut cluster = Cluster::of_one();
    create(&mut cluster, vec![creation(), other]);
    let of_t = any().with_resource_name_filter(Some(text("t")));
    let unknown = any().with_operation(99);
    let filters = vec![of_t, any(), unknown, any().with_pattern_type_filter(9)];
    let decision = cluster.decide(DeleteAcls(DeleteAclsRequest::default().with_filters(filters)));
    let counts: Vec<_> = decision
        .reply
        .iter()
        .map(|found| found.as_ref().map(Vec::len))
        .collect();
    let (entry, pattern) = (invalid("Unknown entryFilter."), invalid("Unknown patternFilter."));
    assert_eq!(counts, [Ok(1), Ok(2), Err(&entry), Err(&pattern)]);
    assert_eq!(decision.records.len(), 2);
    cluster.apply(&decision.records);
    assert!(cluster.image.acls.is_empty());
}

#[test]
fn a_batch_that_is_too_large_changes_nothing() {
    let name = |i: i32| creation().with_resource_name(text(&format!("t{i}")));
    let asked = CreateAcls(CreateAclsRequest::default().with_creations((0..=10_000).map(name).collect()));
    let decision = Cluster::of_one().decide(asked);
    assert_eq!(decision.reply.unwrap_err().code, ErrorCode::PolicyViolation);
    assert!(decision.records.is_empty());
}
