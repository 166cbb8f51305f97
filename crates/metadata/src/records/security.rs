//! Credentials, access control and delegation tokens.

use barnabas_security::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A SCRAM mechanism by its hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(i8)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256 = 1,
    /// SCRAM-SHA-512.
    Sha512 = 2,
}

impl ScramMechanism {
    /// The mechanism that `code` stands for on the wire.
    pub fn from_code(code: i8) -> Option<Self> {
        [Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|mechanism| mechanism.code() == code)
    }

    /// The code on the wire.
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// What the broker keeps to check a user's password (RFC 5802); the password doesn't follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramCredentialRecord {
    /// The user.
    pub name: String,
    /// The mechanism.
    pub mechanism: ScramMechanism,
    /// The salt.
    pub salt: Vec<u8>,
    /// Proves that the client knows the password.
    pub stored_key: Vec<u8>,
    /// Proves that the broker knows the credential.
    pub server_key: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: i32,
}

/// One entry of the access control lists. The codes are those of Kafka's requests (KIP-140): a code that this
/// version doesn't know stays what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessControlEntryRecord {
    /// The entry's id.
    pub id: Uuid,
    /// The kind of resource: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    /// The resource's name, or `*`.
    pub resource_name: String,
    /// 3 the name itself, 4 a prefix.
    pub pattern_type: i8,
    /// The principal, such as `User:alice`.
    pub principal: String,
    /// The host it comes from, or `*`.
    pub host: String,
    /// The operation: 2 all, 3 read, 4 write, …
    pub operation: i8,
    /// 2 deny, 3 allow.
    pub permission_type: i8,
}

impl AccessControlEntryRecord {
    /// The entry as a record.
    pub fn new(id: Uuid, acl: AclBinding) -> Self {
        AccessControlEntryRecord {
            id,
            resource_type: acl.resource_type.code(),
            resource_name: acl.resource_name,
            pattern_type: acl.pattern_type.code(),
            principal: acl.principal,
            host: acl.host,
            operation: acl.operation.code(),
            permission_type: acl.permission_type.code(),
        }
    }

    /// The entry; `None` where a code is one that this version doesn't know.
    pub fn binding(&self) -> Option<AclBinding> {
        Some(AclBinding {
            resource_type: ResourceType::from_code(self.resource_type)?,
            resource_name: self.resource_name.clone(),
            pattern_type: PatternType::from_code(self.pattern_type)?,
            operation: AclOperation::from_code(self.operation)?,
            principal: self.principal.clone(),
            host: self.host.clone(),
            permission_type: PermissionType::from_code(self.permission_type)?,
        })
    }
}

/// A delegation token (KIP-48); what proves it follows from its id and the cluster's secret key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationTokenRecord {
    /// The token's id.
    pub token_id: String,
    /// Whose it is, such as `User:alice`.
    pub owner: String,
    /// Who asked for it.
    pub requester: String,
    /// Who may renew it besides its owner.
    #[serde(default)]
    pub renewers: Vec<String>,
    /// When it was made, in milliseconds since the epoch.
    pub issue_timestamp: i64,
    /// Until when it can be renewed at most.
    pub max_timestamp: i64,
    /// When it expires unless it is renewed.
    pub expiration_timestamp: i64,
}
