//! The trait by which every request is authorised.

use std::net::IpAddr;

use crate::{AclOperation, KafkaPrincipal, ResourceType};

/// Who asks for something.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// Who the client was when its request began.
    pub principal: &'a KafkaPrincipal,
    /// Where it connects from.
    pub host: IpAddr,
    /// The name of the API by which it asks: for the audit log.
    pub request: &'static str,
}

/// What is to be done to a resource, and what the audit log is told of the decision.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// What is done.
    pub operation: AclOperation,
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: &'a str,
    /// How often the request names the resource.
    pub reference_count: usize,
    /// Whether access is granted by being allowed, not only told of: it is logged at DEBUG, else at TRACE.
    pub log_if_allowed: bool,
    /// Whether the client asked for this resource, not for whatever it may have: it is logged at INFO, else
    /// at TRACE.
    pub log_if_denied: bool,
}

impl<'a> Action<'a> {
    /// An operation that a client asks for once.
    pub fn new(operation: AclOperation, resource_type: ResourceType, name: &'a str) -> Self {
        Action {
            operation,
            resource_type,
            name,
            reference_count: 1,
            log_if_allowed: true,
            log_if_denied: true,
        }
    }

    /// Of what the client may see, when it has asked for all there is: that the rest is left out is no
    /// refusal.
    pub fn filtering(self) -> Self {
        Action {
            log_if_denied: false,
            ..self
        }
    }

    /// Only to tell the client whether it could.
    pub fn telling(self) -> Self {
        Action {
            log_if_allowed: false,
            log_if_denied: false,
            ..self
        }
    }

    /// Of a resource that the request names so often.
    pub fn named(self, reference_count: usize) -> Self {
        Action {
            reference_count,
            ..self
        }
    }
}

/// Decides who may do what. Asked on the threads of the connections, often many times for one request: it
/// must not wait.
pub trait Authorizer: Send + Sync {
    /// Whether `requester` may do this.
    fn authorize(&self, requester: Requester<'_>, action: Action<'_>) -> bool;

    /// Whether there can be a resource of this type, whatever its name, that `requester` may do `operation`
    /// to (KIP-679).
    fn authorize_by_resource_type(
        &self,
        requester: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool;

    /// Whether nobody is ever refused anything: whoever would filter a list need not.
    fn allows_all(&self) -> bool;

    /// Whether it decides by the ACLs of the metadata, so that there is sense in describing and altering
    /// them.
    fn keeps_acls(&self) -> bool {
        false
    }
}

/// The authorizer of a broker that has none: everybody may do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn authorize(&self, _: Requester<'_>, _: Action<'_>) -> bool {
        true
    }

    fn authorize_by_resource_type(&self, _: Requester<'_>, _: AclOperation, _: ResourceType) -> bool {
        true
    }

    fn allows_all(&self) -> bool {
        true
    }
}
