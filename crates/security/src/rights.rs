//! What one requester may do: the form in which handlers ask the authorizer.

use crate::authorized_operations::bits;
use crate::{AclOperation, Action, Authorizer, Requester, ResourceType, supported_operations};

/// The name of the cluster as a resource.
pub const CLUSTER_NAME: &str = "kafka-cluster";

/// The rights of who sent a request.
#[derive(Clone, Copy)]
pub struct Rights<'a> {
    authorizer: &'a dyn Authorizer,
    requester: Requester<'a>,
}

impl<'a> Rights<'a> {
    /// Those that `authorizer` grants `requester`.
    pub fn new(authorizer: &'a dyn Authorizer, requester: Requester<'a>) -> Self {
        Rights {
            authorizer,
            requester,
        }
    }

    /// Whether there is no need to ask.
    pub fn are_unlimited(&self) -> bool {
        self.authorizer.allows_all()
    }

    /// Whether it may do `operation` to a resource.
    pub fn on(&self, operation: AclOperation, resource_type: ResourceType, name: &str) -> bool {
        self.to(Action::new(operation, resource_type, name))
    }

    /// Whether it may do this.
    pub fn to(&self, action: Action<'_>) -> bool {
        self.authorizer.authorize(self.requester, action)
    }

    /// Whether there are ACLs to look at and to change.
    pub fn come_from_acls(&self) -> bool {
        self.authorizer.keeps_acls()
    }

    /// Whether it may see a resource among all that there are: whether the rest is left out without a trace
    /// in the audit log.
    pub fn to_see(&self, resource_type: ResourceType, name: &str) -> bool {
        self.to(Action::new(AclOperation::Describe, resource_type, name).filtering())
    }

    /// Whether it may do `operation` to a topic.
    pub fn on_topic(&self, operation: AclOperation, name: &str) -> bool {
        self.on(operation, ResourceType::Topic, name)
    }

    /// Whether it may do `operation` to a group.
    pub fn on_group(&self, operation: AclOperation, id: &str) -> bool {
        self.on(operation, ResourceType::Group, id)
    }

    /// Whether it may do `operation` to the cluster.
    pub fn on_cluster(&self, operation: AclOperation) -> bool {
        self.on(operation, ResourceType::Cluster, CLUSTER_NAME)
    }

    /// Whether it may do `operation` to a transactional id.
    pub fn on_transactional_id(&self, operation: AclOperation, id: &str) -> bool {
        self.on(operation, ResourceType::TransactionalId, id)
    }

    /// Whether it may write as an idempotent producer: IDEMPOTENT_WRITE on the cluster, or WRITE on any topic
    /// (KIP-679).
    pub fn to_write_idempotently(&self) -> bool {
        self.on_cluster(AclOperation::IdempotentWrite)
            || self.authorizer.authorize_by_resource_type(
                self.requester,
                AclOperation::Write,
                ResourceType::Topic,
            )
    }

    /// All that it may do to the cluster, as a client that asks is told: nothing if it may not describe it.
    pub fn cluster_operations(&self) -> i32 {
        if self.on_cluster(AclOperation::Describe) {
            self.operations(ResourceType::Cluster, CLUSTER_NAME)
        } else {
            0
        }
    }

    /// All that it may do to a resource, as bits by the operations' codes (KIP-430).
    pub fn operations(&self, resource_type: ResourceType, name: &str) -> i32 {
        let supported = supported_operations(resource_type).iter().copied();
        let may = |operation: AclOperation| self.to(Action::new(operation, resource_type, name).telling());
        bits(supported.filter(|operation| may(*operation)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{AllowAll, KafkaPrincipal};

    /// Allows a principal to write to one topic and to describe all that begin alike.
    struct Writer;

    impl Authorizer for Writer {
        fn authorize(&self, requester: Requester<'_>, action: Action<'_>) -> bool {
            requester.principal.name == "alice"
                && action.resource_type == ResourceType::Topic
                && match action.operation {
                    AclOperation::Write => action.name == "orders",
                    AclOperation::Describe => action.name.starts_with("orders"),
                    _ => false,
                }
        }

        fn authorize_by_resource_type(
            &self,
            requester: Requester<'_>,
            operation: AclOperation,
            resource_type: ResourceType,
        ) -> bool {
            self.authorize(requester, Action::new(operation, resource_type, "orders"))
        }

        fn allows_all(&self) -> bool {
            false
        }
    }

    #[test]
    fn rights_are_those_of_the_requester() {
        let (alice, bob) = (KafkaPrincipal::user("alice"), KafkaPrincipal::user("bob"));
        let host = Ipv4Addr::LOCALHOST.into();
        let of = |principal| {
            let request = "Produce";
            Rights::new(
                &Writer,
                Requester {
                    principal,
                    host,
                    request,
                },
            )
        };
        assert!(of(&alice).on_topic(AclOperation::Write, "orders"));
        assert!(!of(&bob).on_topic(AclOperation::Write, "orders"));
        assert!(of(&alice).to_write_idempotently());
        assert!(!of(&bob).to_write_idempotently());
        let bit = |operation: AclOperation| 1 << operation.code();
        let both = bit(AclOperation::Write) | bit(AclOperation::Describe);
        assert_eq!(of(&alice).operations(ResourceType::Topic, "orders"), both);
        assert_eq!(
            of(&alice).operations(ResourceType::Topic, "orders-dead"),
            bit(AclOperation::Describe)
        );
        assert_eq!(of(&bob).operations(ResourceType::Cluster, CLUSTER_NAME), 0);
    }

    #[test]
    fn without_an_authorizer_everything_is_allowed() {
        let anonymous = KafkaPrincipal::anonymous();
        let requester = Requester {
            principal: &anonymous,
            host: Ipv4Addr::LOCALHOST.into(),
            request: "Produce",
        };
        let rights = Rights::new(&AllowAll, requester);
        assert!(rights.are_unlimited() && rights.to_write_idempotently());
        assert_eq!(rights.operations(ResourceType::Topic, "t"), 3576);
    }
}
