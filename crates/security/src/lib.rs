//! Who a client is and what it may do: principals, how they are proven by SASL or TLS, the words of ACLs, and
//! the one trait by which every request is authorised, with the one that decides by ACLs. Pure: no IO, no
//! clock.

mod acl;
mod acl_binding;
mod authorized_operations;
mod authorizer;
pub mod delegation_tokens;
mod principal;
pub mod quotas;
mod rights;
pub mod sasl;
pub mod standard;
pub mod tls;

pub use acl::{AclOperation, PatternType, PermissionType, ResourceType, are_known};
pub use acl_binding::{AclBinding, AclFilter};
pub use authorized_operations::{NOT_ASKED, supported_operations};
pub use authorizer::{Action, AllowAll, Authorizer, Requester};
pub use principal::{InvalidPrincipal, KafkaPrincipal};
pub use rights::{CLUSTER_NAME, Rights};
pub use standard::{StandardAuthorizer, SuperUsers};
