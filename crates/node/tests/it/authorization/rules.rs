//! An authorizer out of a list.

use std::sync::{Arc, Mutex};

use barnabas_security::{AclOperation, Action, Authorizer, Requester, ResourceType};

/// What is allowed: an operation on a resource of this type and name.
pub type Rule = (AclOperation, ResourceType, &'static str);

/// Allows everything until it is given its rules, and what they say from then on.
#[derive(Default)]
pub struct Rules(Mutex<Option<Vec<Rule>>>);

impl Rules {
    /// Nothing is forbidden yet.
    pub fn open() -> Arc<Rules> {
        Arc::new(Rules::default())
    }

    /// Allows this and nothing else.
    pub fn allow_only(&self, rules: &[Rule]) {
        *self.0.lock().unwrap() = Some(rules.to_vec());
    }

    fn allows(&self, allowed: impl Fn(&Rule) -> bool) -> bool {
        let rules = self.0.lock().unwrap();
        rules.as_ref().is_none_or(|rules| rules.iter().any(allowed))
    }
}

impl Authorizer for Rules {
    fn authorize(&self, requester: Requester<'_>, action: Action<'_>) -> bool {
        assert_eq!(requester.principal.to_string(), "User:ANONYMOUS");
        assert!(requester.host.is_loopback());
        self.allows(|rule| *rule == (action.operation, action.resource_type, action.name))
    }

    fn authorize_by_resource_type(
        &self,
        _: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool {
        self.allows(|rule| (rule.0, rule.1) == (operation, resource_type))
    }

    fn allows_all(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }
}
