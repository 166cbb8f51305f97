//! Users, what they may do, and their tokens: SCRAM credentials, ACLs, delegation tokens.

use barnabas_inspect::cluster::Cluster;
use barnabas_metadata::records::{
    AccessControlEntryRecord, DelegationTokenRecord, ScramCredentialRecord, ScramMechanism,
};

use super::Plan;

impl Plan {
    pub(super) fn security_of_cluster(&mut self, cluster: &Cluster) {
        for ((user, code), known) in &cluster.scram {
            match ScramMechanism::from_code(*code) {
                Some(mechanism) => self.scram.push(ScramCredentialRecord {
                    name: user.clone(),
                    mechanism,
                    salt: known.salt.to_vec(),
                    stored_key: known.stored_key.to_vec(),
                    server_key: known.server_key.to_vec(),
                    iterations: known.iterations,
                }),
                None => self
                    .left_out
                    .push(format!("a SCRAM credential of {user}, of mechanism {code}")),
            }
        }
        // Codes that this release doesn't know are kept as they are.
        let acls = cluster.acls.values().map(|acl| AccessControlEntryRecord {
            id: acl.id,
            resource_type: acl.resource_type,
            resource_name: acl.resource_name.to_string(),
            pattern_type: acl.pattern_type,
            principal: acl.principal.to_string(),
            host: acl.host.to_string(),
            operation: acl.operation,
            permission_type: acl.permission_type,
        });
        self.acls = acls.collect();
        let tokens = cluster.delegation_tokens.values();
        self.delegation_tokens = tokens
            .map(|token| DelegationTokenRecord {
                token_id: token.token_id.to_string(),
                owner: token.owner.to_string(),
                requester: token.requester.to_string(),
                renewers: token.renewers.iter().map(ToString::to_string).collect(),
                issue_timestamp: token.issue_timestamp,
                max_timestamp: token.max_timestamp,
                expiration_timestamp: token.expiration_timestamp,
            })
            .collect();
        if !self.acls.is_empty() {
            self.remarks
                .push("ACLs hold where authorizer.class.name is set".to_owned());
        }
        if !self.delegation_tokens.is_empty() {
            self.remarks.push(
                "delegation tokens are good where delegation.token.secret.key is what it was".to_owned(),
            );
        }
    }
}
