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
}

/// Decides who may do what. Asked on the threads of the connections, often many times for one request: it
/// must not wait.
pub trait Authorizer: Send + Sync {
    /// Whether `requester` may do `operation` to the resource of this type and name.
    fn authorize(
        &self,
        requester: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool;

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
}

/// The authorizer of a broker that has none: everybody may do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn authorize(&self, _: Requester<'_>, _: AclOperation, _: ResourceType, _: &str) -> bool {
        true
    }

    fn authorize_by_resource_type(&self, _: Requester<'_>, _: AclOperation, _: ResourceType) -> bool {
        true
    }

    fn allows_all(&self) -> bool {
        true
    }
}
