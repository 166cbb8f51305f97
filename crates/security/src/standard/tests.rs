//! What ACLs decide, and what a decision costs.

mod model;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::*;

fn acl(text: &str) -> AclBinding {
    let words: Vec<&str> = text.split(' ').collect();
    let [permission, principal, named, resource, pattern, name, host] = words[..] else {
        panic!("{text}");
    };
    let mut operations = (1..=15).filter_map(AclOperation::from_code);
    AclBinding {
        resource_type: (1..=7)
            .filter_map(ResourceType::from_code)
            .find(|kind| kind.title() == resource)
            .unwrap(),
        resource_name: name.to_owned(),
        pattern_type: if pattern == "prefixed" {
            PatternType::Prefixed
        } else {
            PatternType::Literal
        },
        operation: operations.find(|operation| operation.name() == named).unwrap(),
        principal: format!("User:{principal}"),
        host: host.to_owned(),
        permission_type: if permission == "deny" {
            PermissionType::Deny
        } else {
            PermissionType::Allow
        },
    }
}

fn authorizer(acls: &[AclBinding], allows_without_acl: bool) -> StandardAuthorizer {
    let super_users = SuperUsers::parse("User:admin;User:CN=root,O=x").unwrap();
    let authorizer = StandardAuthorizer::new(super_users, allows_without_acl);
    let come = (1..)
        .zip(acls)
        .map(|(id, acl)| (Uuid::from_u128(id), Some(acl.clone())));
    authorizer.apply(come);
    authorizer
}

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What `who` may do: an operation on a topic.
fn may(authorizer: &StandardAuthorizer, who: &str, operation: AclOperation, topic: &str) -> bool {
    let principal = KafkaPrincipal::user(who);
    let requester = Requester {
        principal: &principal,
        host: HOME,
        request: "Fetch",
    };
    authorizer.authorize(requester, Action::new(operation, ResourceType::Topic, topic))
}

#[test]
fn acls_decide_as_in_apache_kafka() {
    use AclOperation::*;
    let table: &[(&[&str], &str, AclOperation, &str, bool)] = &[
        (&[], "bob", Read, "t", false),
        (&[], "admin", Read, "t", true),
        (&["deny * ALL Topic literal * *"], "admin", Read, "t", true),
        (&[], "CN=root,O=x", Read, "t", true),
        (&["allow bob READ Topic literal t *"], "bob", Read, "t", true),
        (&["allow bob READ Topic literal t *"], "bob", Read, "tt", false),
        (&["allow bob READ Topic literal t *"], "eve", Read, "t", false),
        (&["allow bob READ Group literal t *"], "bob", Read, "t", false),
        (&["allow * READ Topic literal t *"], "bob", Read, "t", true),
        (
            &["allow bob ALL Topic literal * *"],
            "bob",
            Delete,
            "anything",
            true,
        ),
        (&["allow bob READ Topic prefixed t- *"], "bob", Read, "t-1", true),
        (&["allow bob READ Topic prefixed t- *"], "bob", Read, "t", false),
        (&["allow bob READ Topic prefixed * *"], "bob", Read, "t", false),
        (
            &["allow bob READ Topic literal t 127.0.0.1"],
            "bob",
            Read,
            "t",
            true,
        ),
        (
            &["allow bob READ Topic literal t 10.0.0.1"],
            "bob",
            Read,
            "t",
            false,
        ),
        (&["allow bob READ Topic literal t home"], "bob", Read, "t", false),
        // Reading and the like imply DESCRIBE, altering configs DESCRIBE_CONFIGS.
        (&["allow bob READ Topic literal t *"], "bob", Describe, "t", true),
        (&["allow bob ALTER Topic literal t *"], "bob", Describe, "t", true),
        (
            &["allow bob CREATE Topic literal t *"],
            "bob",
            Describe,
            "t",
            false,
        ),
        (
            &["allow bob ALTER_CONFIGS Topic literal t *"],
            "bob",
            DescribeConfigs,
            "t",
            true,
        ),
        (
            &["allow bob ALTER_CONFIGS Topic literal t *"],
            "bob",
            Describe,
            "t",
            false,
        ),
        (&["allow bob DESCRIBE Topic literal t *"], "bob", Read, "t", false),
        // What is denied implies nothing, and beats whatever is allowed.
        (
            &[
                "allow bob READ Topic literal t *",
                "deny bob DESCRIBE Topic literal t *",
            ],
            "bob",
            Read,
            "t",
            true,
        ),
        (
            &[
                "allow bob READ Topic literal t *",
                "deny bob DESCRIBE Topic literal t *",
            ],
            "bob",
            Describe,
            "t",
            false,
        ),
        (
            &[
                "allow bob ALL Topic literal t *",
                "deny bob READ Topic literal t *",
            ],
            "bob",
            Describe,
            "t",
            true,
        ),
        (
            &[
                "allow bob READ Topic literal tt *",
                "deny bob READ Topic prefixed t *",
            ],
            "bob",
            Read,
            "tt",
            false,
        ),
        (
            &[
                "allow bob READ Topic literal t *",
                "deny * READ Topic literal * *",
            ],
            "bob",
            Read,
            "t",
            false,
        ),
        (
            &[
                "allow bob READ Topic literal t *",
                "deny bob READ Topic literal t 10.0.0.1",
            ],
            "bob",
            Read,
            "t",
            true,
        ),
    ];
    for (acls, who, operation, topic, expected) in table {
        let acls: Vec<AclBinding> = acls.iter().map(|text| acl(text)).collect();
        let decided = may(&authorizer(&acls, false), who, *operation, topic);
        assert_eq!(decided, *expected, "{who} {operation:?} {topic} {acls:?}");
    }
}

#[test]
fn everyone_may_what_no_acl_covers() {
    let acls = [
        acl("allow bob READ Topic literal owned *"),
        acl("allow bob READ Topic prefixed team- *"),
    ];
    let open = authorizer(&acls, true);
    assert!(may(&open, "eve", AclOperation::Write, "free"));
    assert!(!may(&open, "eve", AclOperation::Write, "owned"));
    assert!(!may(&open, "eve", AclOperation::Write, "team-1"));
    assert!(!may(&open, "bob", AclOperation::Write, "owned"));
    let all = (Uuid::from_u128(9), Some(acl("allow bob READ Topic literal * *")));
    open.apply([all]);
    assert!(!may(&open, "eve", AclOperation::Write, "free"));
    open.apply([(Uuid::from_u128(9), None)]);
    assert!(may(&open, "eve", AclOperation::Write, "free"));
}

#[test]
fn hosts_are_compared_as_java_writes_them() {
    let bob = KafkaPrincipal::user("bob");
    let from = |host: IpAddr, written: &str| {
        let acls = [acl(&format!("allow bob READ Topic literal t {written}"))];
        let requester = Requester {
            principal: &bob,
            host,
            request: "Fetch",
        };
        let read = Action::new(AclOperation::Read, ResourceType::Topic, "t");
        authorizer(&acls, false).authorize(requester, read)
    };
    let (six, mapped) = (
        Ipv6Addr::LOCALHOST.into(),
        Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
    );
    assert!(from(six, "0:0:0:0:0:0:0:1"));
    assert!(!from(six, "::1"));
    assert!(from(mapped, "127.0.0.1"));
    assert!(from(six, "*"));
}

#[test]
fn super_users_have_a_type() {
    assert!(SuperUsers::parse("User:a; User:b;").is_ok());
    assert_eq!(SuperUsers::parse(""), Ok(SuperUsers::default()));
    let error = SuperUsers::parse("User:a;b").unwrap_err().to_string();
    assert_eq!(
        error,
        "expected a string in format principalType:principalName but got b"
    );
}

/// Ten thousand ACLs in the forms that they have: of many users on topics of their own, of one user on many
/// topics, of many users and hosts on one topic, and prefixes within prefixes.
fn many() -> Vec<AclBinding> {
    let mut acls = Vec::new();
    for i in 0..2500 {
        acls.push(acl(&format!("allow user-{i} READ Topic prefixed team-{i}- *")));
        acls.push(acl(&format!("allow bob READ Topic literal topic-{i} *")));
        acls.push(acl(&format!("allow user-{i} READ Topic literal shared *")));
        acls.push(acl(&format!(
            "allow * READ Topic literal shared 10.0.{}.{}",
            i / 250,
            i % 250
        )));
    }
    acls
}

#[test]
fn a_decision_does_not_look_at_ten_thousand_acls() {
    let full = authorizer(&many(), false);
    let lean = authorizer(&many()[..4], false);
    // Time on a busy machine says little, a comparison enough: with a look at all it would be a thousandfold.
    let best = |authorizer: &StandardAuthorizer| {
        let time = || {
            let started = Instant::now();
            for (who, topic) in [
                ("bob", "topic-0"),
                ("user-0", "team-0-x"),
                ("zoe", "shared"),
                ("user-0", "shared"),
            ] {
                std::hint::black_box(may(authorizer, who, AclOperation::Read, topic));
            }
            started.elapsed()
        };
        (0..2000).map(|_| time()).min().unwrap()
    };
    let (full, lean) = (best(&full), best(&lean));
    assert!(
        full < lean * 10,
        "{full:?} with ten thousand ACLs, {lean:?} with four"
    );
}
