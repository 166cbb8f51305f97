//! StandardAuthorizer: ACLs that come and go by requests take effect at once, and survive a restart.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_acls_request::AclCreation;
use barnabas_protocol::messages::delete_acls_request::DeleteAclsFilter;
use barnabas_protocol::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};
use tempfile::TempDir;

use super::requests::*;
use super::{NONE, OF_TOPIC, codes, errors};
use crate::node::{Client, Node};

const STANDARD: (&str, &str) = (
    "authorizer.class.name",
    "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
);
/// Nobody has to be told who may begin.
const OPEN: (&str, &str) = ("allow.everyone.if.no.acl.found", "true");

/// An ACL on all topics.
fn acl(principal: &str, operation: i8, permission: i8) -> CreateAclsRequest {
    let creation = AclCreation::default()
        .with_resource_type(2)
        .with_resource_name(text("*"))
        .with_resource_pattern_type(3)
        .with_principal(text(principal))
        .with_host(text("*"))
        .with_operation(operation)
        .with_permission_type(permission);
    CreateAclsRequest::default().with_creations(vec![creation])
}

fn of_principal(principal: &str) -> DeleteAclsRequest {
    let filter = DeleteAclsFilter::default()
        .with_resource_type_filter(1)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1)
        .with_resource_name_filter(None)
        .with_principal_filter(Some(text(principal)))
        .with_host_filter(None);
    DeleteAclsRequest::default().with_filters(vec![filter])
}

fn all() -> DescribeAclsRequest {
    DescribeAclsRequest::default()
        .with_resource_type_filter(1)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1)
        .with_resource_name_filter(None)
        .with_principal_filter(None)
        .with_host_filter(None)
}

#[test]
fn acls_take_effect_as_they_come_and_go_and_outlive_a_restart() {
    let node = Node::start_in(TempDir::new().unwrap(), &[STANDARD, OPEN]);
    node.create_topic(TOPIC, 1);
    let mut client = node.connect();
    let produced = |client: &mut Client| errors(&ask(client, 12, produce(-1)));
    assert_eq!(produced(&mut client), codes(NONE));
    // Somebody may read, so nobody else may do anything any more.
    ask(&mut client, 3, acl("User:alice", 3, 3));
    assert_eq!(produced(&mut client), codes(OF_TOPIC));
    ask(&mut client, 3, acl("User:*", 4, 3));
    assert_eq!(produced(&mut client), codes(NONE));
    assert_eq!(errors(&ask(&mut client, 12, fetch())), codes(OF_TOPIC));
    ask(&mut client, 3, acl("User:ANONYMOUS", 2, 2));
    assert_eq!(produced(&mut client), codes(OF_TOPIC));

    let node = Node::start_in(node.stop(), &[STANDARD, OPEN]);
    let mut client = node.connect();
    assert_eq!(produced(&mut client), codes(OF_TOPIC));
    let listed = ask(&mut client, 3, all());
    assert!(
        listed.contains("User:alice") && listed.contains("User:ANONYMOUS"),
        "{listed}"
    );
    let deleted = ask(&mut client, 3, of_principal("User:ANONYMOUS"));
    assert!(deleted.contains("permission_type: 2"), "{deleted}");
    assert_eq!(produced(&mut client), codes(NONE));
    assert!(!ask(&mut client, 3, all()).contains("ANONYMOUS"));
}

#[test]
fn only_super_users_may_begin_where_nothing_is_allowed() {
    let super_users = ("super.users", "User:admin;User:ANONYMOUS");
    let node = Node::start_in(TempDir::new().unwrap(), &[STANDARD, super_users]);
    let mut client = node.connect();
    assert_eq!(errors(&ask(&mut client, 3, acl("User:alice", 3, 3))), codes(NONE));
    let node = Node::start_in(node.stop(), &[STANDARD, ("super.users", "User:admin")]);
    let mut client = node.connect();
    let refused = codes(&[ErrorCode::ClusterAuthorizationFailed]);
    assert_eq!(errors(&ask(&mut client, 3, acl("User:ANONYMOUS", 2, 3))), refused);
    assert_eq!(errors(&ask(&mut client, 3, all())), refused);
}

#[test]
fn without_an_authorizer_there_are_no_acls() {
    let node = Node::start();
    let mut client = node.connect();
    let disabled = codes(&[ErrorCode::SecurityDisabled]);
    assert_eq!(errors(&ask(&mut client, 3, acl("User:alice", 3, 3))), disabled);
    assert_eq!(errors(&ask(&mut client, 3, of_principal("User:alice"))), disabled);
    assert_eq!(errors(&ask(&mut client, 3, all())), disabled);
}
