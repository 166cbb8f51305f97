//! Who decides who may do what, and how it learns of the ACLs.

use std::sync::Arc;

use barnabas_config::{BrokerConfig, ConfigException, authorizer};
use barnabas_metadata::{MetadataDelta, MetadataImage};
use barnabas_security::{AllowAll, Authorizer, StandardAuthorizer, SuperUsers};

/// The authorizer of a node.
#[derive(Clone)]
pub enum NodeAuthorizer {
    /// The one that the settings ask for, which follows the ACLs of the metadata.
    Standard(Arc<StandardAuthorizer>),
    /// One that knows by itself.
    Other(Arc<dyn Authorizer>),
}

impl NodeAuthorizer {
    /// The one that the settings ask for.
    ///
    /// # Errors
    /// They ask for one that there isn't, or for super users without a type.
    pub fn of(config: &BrokerConfig) -> Result<Self, ConfigException> {
        if !authorizer::is_standard(config)? {
            return Ok(NodeAuthorizer::Other(Arc::new(AllowAll)));
        }
        let super_users = SuperUsers::parse(&config.super_users);
        let super_users = super_users.map_err(|error| ConfigException::new(error.to_string()))?;
        let authorizer = StandardAuthorizer::new(super_users, config.allow_everyone_if_no_acl_found);
        Ok(NodeAuthorizer::Standard(Arc::new(authorizer)))
    }

    /// As it is asked.
    pub fn shared(&self) -> Arc<dyn Authorizer> {
        match self {
            NodeAuthorizer::Standard(authorizer) => authorizer.clone(),
            NodeAuthorizer::Other(authorizer) => authorizer.clone(),
        }
    }

    /// Lets the ACLs of an image take effect.
    pub fn publish(&self, image: &MetadataImage, delta: &MetadataDelta) {
        if let NodeAuthorizer::Standard(authorizer) = self {
            let changed = delta.acls_changed.iter();
            authorizer.apply(changed.map(|id| (*id, image.acls.get(id).and_then(|entry| entry.binding()))));
        }
    }
}
