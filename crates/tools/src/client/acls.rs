//! The access control lists of a cluster.

use barnabas_protocol::messages::create_acls_request::AclCreation;
use barnabas_protocol::messages::delete_acls_request::DeleteAclsFilter;
use barnabas_protocol::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};
use barnabas_security::{AclBinding, AclFilter, AclOperation, PatternType, PermissionType, ResourceType};

use super::{Cluster, KafkaError, To, wire};

impl Cluster {
    /// The ACLs that a filter finds.
    ///
    /// # Errors
    /// They can't be read.
    pub fn acls(&self, filter: &AclFilter) -> Result<Vec<AclBinding>, KafkaError> {
        let request = DescribeAclsRequest::default()
            .with_resource_type_filter(filter.resource_type.code())
            .with_resource_name_filter(filter.resource_name.as_deref().map(wire))
            .with_pattern_type_filter(filter.pattern_type.code())
            .with_principal_filter(filter.principal.as_deref().map(wire))
            .with_host_filter(filter.host.as_deref().map(wire))
            .with_operation(filter.operation.code())
            .with_permission_type(filter.permission_type.code());
        let answer = self.ask(To::Any, "describeAcls", &request)?;
        KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
        let mut found = Vec::new();
        for resource in &answer.resources {
            for acl in &resource.acls {
                let binding = (|| {
                    Some(AclBinding {
                        resource_type: ResourceType::from_code(resource.resource_type)?,
                        resource_name: resource.resource_name.to_string(),
                        pattern_type: PatternType::from_code(resource.pattern_type)?,
                        operation: AclOperation::from_code(acl.operation)?,
                        principal: acl.principal.to_string(),
                        host: acl.host.to_string(),
                        permission_type: PermissionType::from_code(acl.permission_type)?,
                    })
                })();
                // What a newer cluster has and this tool has no word for is passed over.
                found.extend(binding);
            }
        }
        Ok(found)
    }

    /// Adds ACLs.
    ///
    /// # Errors
    /// The first that is refused.
    pub fn create_acls(&self, acls: &[AclBinding]) -> Result<(), KafkaError> {
        let creations = acls.iter().map(|acl| {
            AclCreation::default()
                .with_resource_type(acl.resource_type.code())
                .with_resource_name(wire(&acl.resource_name))
                .with_resource_pattern_type(acl.pattern_type.code())
                .with_principal(wire(&acl.principal))
                .with_host(wire(&acl.host))
                .with_operation(acl.operation.code())
                .with_permission_type(acl.permission_type.code())
        });
        let request = CreateAclsRequest::default().with_creations(creations.collect());
        let answer = self.ask(To::Any, "createAcls", &request)?;
        let mut results = answer.results.iter();
        results.try_for_each(|result| KafkaError::check(result.error_code, result.error_message.as_deref()))
    }

    /// Takes away all ACLs that these filters find.
    ///
    /// # Errors
    /// The first that is refused.
    pub fn delete_acls(&self, filters: &[AclFilter]) -> Result<(), KafkaError> {
        let filters = filters.iter().map(|filter| {
            DeleteAclsFilter::default()
                .with_resource_type_filter(filter.resource_type.code())
                .with_resource_name_filter(filter.resource_name.as_deref().map(wire))
                .with_pattern_type_filter(filter.pattern_type.code())
                .with_principal_filter(filter.principal.as_deref().map(wire))
                .with_host_filter(filter.host.as_deref().map(wire))
                .with_operation(filter.operation.code())
                .with_permission_type(filter.permission_type.code())
        });
        let request = DeleteAclsRequest::default().with_filters(filters.collect());
        let answer = self.ask(To::Any, "deleteAcls", &request)?;
        for result in &answer.filter_results {
            KafkaError::check(result.error_code, result.error_message.as_deref())?;
            for acl in &result.matching_acls {
                KafkaError::check(acl.error_code, acl.error_message.as_deref())?;
            }
        }
        Ok(())
    }
}
