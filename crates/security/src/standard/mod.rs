//! StandardAuthorizer: decides by the ACLs of the metadata (KIP-11, KIP-290, KIP-801).
//!
//! A principal that is a super user may do everything. Otherwise those ACLs count whose pattern covers the
//! resource, that are about the principal or `User:*`, and about its host or `*`: one that denies is enough
//! to be denied, else one that allows to be allowed. Where none applies the answer is no;
//! `allow.everyone.if.no.acl.found` makes it yes for resources that no ACL at all covers, whoever it is
//! about.
//!
//! ```text
//! principal ─→ type of resource ─→ name, its beginnings, * ─→ host, * ─→ rules that deny, rules that allow
//! ```
//! Decisions read one immutable index without a lock; a change makes a new one, which shares the principals
//! that didn't change.

mod audit;
mod patterns;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use uuid::Uuid;

use self::patterns::Patterns;
pub use self::rules::java_address;
use self::rules::{Found, PrincipalRules, allow_any};
use crate::acl_binding::WILDCARD;
use crate::{
    AclBinding, AclOperation, Action, Authorizer, InvalidPrincipal, KafkaPrincipal, PatternType,
    PermissionType, Requester, ResourceType,
};

/// Whoever may do everything (`super.users`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuperUsers(HashSet<KafkaPrincipal>);

impl SuperUsers {
    /// Reads the setting: principals with semicolons between them, since their names hold commas.
    ///
    /// # Errors
    /// One has no type.
    pub fn parse(setting: &str) -> Result<Self, InvalidPrincipal> {
        let named = setting.split(';').map(str::trim).filter(|user| !user.is_empty());
        named
            .map(KafkaPrincipal::parse)
            .collect::<Result<_, _>>()
            .map(SuperUsers)
    }
}

/// See the module.
pub struct StandardAuthorizer {
    super_users: SuperUsers,
    /// `allow.everyone.if.no.acl.found`.
    allows_without_acl: bool,
    index: ArcSwap<Index>,
    /// The ACLs by id; whoever holds it makes the next index.
    acls: Mutex<HashMap<Uuid, Arc<AclBinding>>>,
}

#[derive(Default)]
struct Index {
    principals: HashMap<KafkaPrincipal, Arc<PrincipalRules>>,
    /// Those of `User:*`.
    everybody: Option<Arc<PrincipalRules>>,
    /// Empty unless it is asked for.
    covered: HashMap<ResourceType, Patterns<()>>,
}

/// Why an action is allowed or denied.
#[derive(Clone, Copy, Debug)]
enum Reason<'a> {
    SuperUser,
    MatchingAcl(&'a AclBinding),
    DefaultAllow,
    DefaultDeny,
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::SuperUser => f.write_str("SuperUser"),
            Reason::MatchingAcl(acl) => write!(f, "MatchingAcl(acl={acl})"),
            Reason::DefaultAllow => f.write_str("DefaultAllow"),
            Reason::DefaultDeny => f.write_str("DefaultDeny"),
        }
    }
}

impl StandardAuthorizer {
    /// One without ACLs.
    pub fn new(super_users: SuperUsers, allows_without_acl: bool) -> Self {
        StandardAuthorizer {
            super_users,
            allows_without_acl,
            index: ArcSwap::default(),
            acls: Mutex::default(),
        }
    }

    /// Takes over ACLs that have come (`Some`) and gone.
    pub fn apply(&self, changes: impl IntoIterator<Item = (Uuid, Option<AclBinding>)>) {
        let mut acls = self.acls.lock();
        let mut principals = HashSet::new();
        for (id, change) in changes {
            let gone = match change {
                Some(come) => {
                    principals.insert(come.principal.clone());
                    acls.insert(id, Arc::new(come))
                }
                None => acls.remove(&id),
            };
            principals.extend(gone.map(|gone| gone.principal.clone()));
        }
        if !principals.is_empty() {
            let index = self
                .index
                .load()
                .with(&acls, &principals, self.allows_without_acl);
            self.index.store(Arc::new(index));
        }
    }

    fn reason<'a>(&self, index: &'a Index, requester: Requester<'_>, action: Action<'_>) -> Reason<'a> {
        if self.super_users.0.contains(requester.principal) {
            return Reason::SuperUser;
        }
        let mut allowed = None;
        for rules in index.applying_to(requester.principal) {
            let host = requester.host.to_canonical();
            match rules.find(action.operation, action.resource_type, action.name, host) {
                Some(Found::Denied(acl)) => return Reason::MatchingAcl(acl),
                Some(Found::Allowed(acl)) => allowed = allowed.or(Some(acl)),
                None => {}
            }
        }
        match allowed {
            Some(acl) => Reason::MatchingAcl(acl),
            None if self.allows_without_acl && !index.is_covered(action) => Reason::DefaultAllow,
            None => Reason::DefaultDeny,
        }
    }
}

impl Index {
    /// The next one: the principals named are those of whom ACLs have come or gone.
    fn with(
        &self,
        acls: &HashMap<Uuid, Arc<AclBinding>>,
        changed: &HashSet<String>,
        needs_covered: bool,
    ) -> Index {
        let mut of_changed: HashMap<&str, Vec<Arc<AclBinding>>> = changed
            .iter()
            .map(|principal| (principal.as_str(), Vec::new()))
            .collect();
        for acl in acls.values() {
            if let Some(acls) = of_changed.get_mut(acl.principal.as_str()) {
                acls.push(acl.clone());
            }
        }
        let mut principals = self.principals.clone();
        for (principal, acls) in of_changed {
            // One without a type is nobody's.
            let Ok(principal) = KafkaPrincipal::parse(principal) else {
                continue;
            };
            if acls.is_empty() {
                principals.remove(&principal);
            } else {
                principals.insert(principal, Arc::new(PrincipalRules::new(acls)));
            }
        }
        Index {
            everybody: principals.get(&KafkaPrincipal::user(WILDCARD)).cloned(),
            principals,
            covered: if needs_covered {
                covered(acls)
            } else {
                HashMap::new()
            },
        }
    }

    /// The rules that apply to a principal.
    fn applying_to<'a>(&'a self, principal: &KafkaPrincipal) -> impl Iterator<Item = &'a PrincipalRules> {
        let own = self.principals.get(principal);
        own.into_iter().chain(&self.everybody).map(|rules| &**rules)
    }

    fn is_covered(&self, action: Action<'_>) -> bool {
        let patterns = self.covered.get(&action.resource_type);
        patterns.is_some_and(|patterns| patterns.covering(action.name).next().is_some())
    }
}

/// The patterns of all ACLs.
fn covered(acls: &HashMap<Uuid, Arc<AclBinding>>) -> HashMap<ResourceType, Patterns<()>> {
    let mut named = HashMap::<ResourceType, HashSet<(PatternType, String)>>::new();
    for acl in acls.values() {
        let pattern = (acl.pattern_type, acl.resource_name.clone());
        named.entry(acl.resource_type).or_default().insert(pattern);
    }
    let patterns = |names: HashSet<_>| Patterns::new(names.into_iter().map(|pattern| (pattern, ())));
    named
        .into_iter()
        .map(|(kind, names)| (kind, patterns(names)))
        .collect()
}

impl Authorizer for StandardAuthorizer {
    fn authorize(&self, requester: Requester<'_>, action: Action<'_>) -> bool {
        let index = self.index.load();
        let reason = self.reason(&index, requester, action);
        let is_allowed = match reason {
            Reason::SuperUser | Reason::DefaultAllow => true,
            Reason::MatchingAcl(acl) => acl.permission_type == PermissionType::Allow,
            Reason::DefaultDeny => false,
        };
        audit::log(requester, action, is_allowed, &reason);
        is_allowed
    }

    fn authorize_by_resource_type(
        &self,
        requester: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool {
        // A name as good as any: whoever may do it to whatever there is may do it to this, too.
        let some = Action::new(operation, resource_type, "hardcode")
            .named(0)
            .filtering();
        if self.authorize(requester, some) {
            return true;
        }
        let index = self.index.load();
        let rules: Vec<&PrincipalRules> = index.applying_to(requester.principal).collect();
        allow_any(&rules, operation, resource_type, requester.host.to_canonical())
    }

    fn allows_all(&self) -> bool {
        false
    }

    fn keeps_acls(&self) -> bool {
        true
    }
}
