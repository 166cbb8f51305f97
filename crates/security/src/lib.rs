//! Who a client is and what it may do: principals, the words of ACLs, and the one trait by which every
//! request is authorised. Pure: no IO, no clock.

mod acl;
mod authorized_operations;
mod authorizer;
mod principal;
mod rights;

pub use acl::{AclOperation, PatternType, PermissionType, ResourceType, are_known};
pub use authorized_operations::{NOT_ASKED, supported_operations};
pub use authorizer::{AllowAll, Authorizer, Requester};
pub use principal::KafkaPrincipal;
pub use rights::{CLUSTER_NAME, Rights};
