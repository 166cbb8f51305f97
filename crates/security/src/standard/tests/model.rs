//! The index against a model that looks at every ACL.

use super::*;

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
