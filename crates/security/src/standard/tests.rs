//! The index against a model that looks at every ACL, and what a decision costs.

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

/// A small generator of its own: what fails is named by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn acl(&mut self) -> AclBinding {
        let pattern = self.of(&["literal", "prefixed"]);
        acl(&format!(
            "{} {} {} {} {pattern} {} {}",
            self.of(&["allow", "allow", "deny"]),
            self.of(&["bob", "eve", "*"]),
            self.of(&[
                "ALL",
                "READ",
                "WRITE",
                "DESCRIBE",
                "ALTER_CONFIGS",
                "DESCRIBE_CONFIGS"
            ]),
            self.of(&["Topic", "Group"]),
            self.of(&["a", "aa", "ab", "abc", "b", "*", "hardcode", "h"]),
            self.of(&["*", "*", "127.0.0.1", "10.0.0.1"]),
        ))
    }
}

/// The ACLs that apply, in the words of KIP-11.
struct Model<'a>(&'a [AclBinding], bool);

impl Model<'_> {
    fn applying(&self, who: &str, kind: ResourceType) -> impl Iterator<Item = &AclBinding> {
        let who = format!("User:{who}");
        self.0.iter().filter(move |acl| {
            acl.resource_type == kind
                && (acl.principal == who || acl.principal == "User:*")
                && (acl.host == "*" || acl.host == "127.0.0.1")
        })
    }

    fn may(&self, who: &str, operation: AclOperation, kind: ResourceType, name: &str) -> bool {
        use AclOperation::*;
        let covering = |acl: &&AclBinding| acl.covers(name);
        let is = |acl: &AclBinding| acl.operation == operation || acl.operation == All;
        let denies = |acl: &AclBinding| acl.permission_type == PermissionType::Deny && is(acl);
        let implies = |acl: &AclBinding| match operation {
            Describe => [Read, Write, Delete, Alter].contains(&acl.operation),
            DescribeConfigs => acl.operation == AlterConfigs,
            _ => false,
        };
        let allows =
            |acl: &AclBinding| acl.permission_type == PermissionType::Allow && (is(acl) || implies(acl));
        if self.applying(who, kind).filter(covering).any(denies) {
            return false;
        }
        let uncovered = || {
            !self
                .0
                .iter()
                .any(|acl| acl.resource_type == kind && acl.covers(name))
        };
        self.applying(who, kind).filter(covering).any(allows) || self.1 && uncovered()
    }

    /// Whether there is a name, among all that make a difference.
    fn may_any(&self, who: &str, operation: AclOperation, kind: ResourceType) -> bool {
        if self.may(who, operation, kind, "hardcode") {
            return true;
        }
        let own = |acl: &&AclBinding| [operation, AclOperation::All].contains(&acl.operation);
        let of = |permission: PermissionType| {
            let acls = self.applying(who, kind).filter(own);
            acls.filter(move |acl| acl.permission_type == permission)
        };
        let is_everything =
            |acl: &AclBinding| acl.pattern_type == PatternType::Literal && acl.resource_name == "*";
        if of(PermissionType::Deny).any(is_everything) {
            return false;
        }
        of(PermissionType::Allow).any(|allow| {
            is_everything(allow)
                || !of(PermissionType::Deny).any(|deny| match deny.pattern_type {
                    PatternType::Prefixed => allow.resource_name.starts_with(&deny.resource_name),
                    _ => allow.pattern_type == deny.pattern_type && allow.resource_name == deny.resource_name,
                })
        })
    }
}

#[test]
fn the_index_decides_as_whoever_looks_at_every_acl() {
    use AclOperation::*;
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let open = dice.below(2) == 0;
        let index = authorizer(&[], open);
        let mut acls: Vec<(Uuid, AclBinding)> = Vec::new();
        for _ in 0..3 {
            // Some come and some go, as the metadata changes.
            let mut changes = Vec::new();
            for _ in 0..dice.below(8) {
                let id = Uuid::from_u128(u128::from(seed) << 32 | dice.below(1 << 20) as u128);
                acls.retain(|(other, _)| *other != id);
                acls.push((id, dice.acl()));
                changes.push((id, acls.last().map(|(_, acl)| acl.clone())));
            }
            for _ in 0..dice.below(3).min(acls.len()) {
                let at = dice.below(acls.len());
                changes.push((acls.swap_remove(at).0, None));
            }
            index.apply(changes);
            let bindings: Vec<AclBinding> = acls.iter().map(|(_, acl)| acl.clone()).collect();
            let model = Model(&bindings, open);
            for who in ["bob", "eve", "zoe"] {
                let principal = KafkaPrincipal::user(who);
                let requester = Requester {
                    principal: &principal,
                    host: HOME,
                    request: "Fetch",
                };
                for operation in [Read, Write, Describe, DescribeConfigs, AlterConfigs, Delete] {
                    for kind in [ResourceType::Topic, ResourceType::Group] {
                        for name in ["a", "aa", "abc", "abcd", "b", "x", "*", ""] {
                            let decided = index.authorize(requester, Action::new(operation, kind, name));
                            let expected = model.may(who, operation, kind, name);
                            let what =
                                || format!("seed {seed}: {who} {operation:?} {kind:?} {name} {bindings:#?}");
                            assert_eq!(decided, expected, "{}", what());
                        }
                        let decided = index.authorize_by_resource_type(requester, operation, kind);
                        let expected = model.may_any(who, operation, kind);
                        assert_eq!(
                            decided, expected,
                            "seed {seed}: {who} {operation:?} {kind:?} {bindings:#?}"
                        );
                    }
                }
            }
        }
    }
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
