//! The codes of ACL requests. Apache Kafka closes the connection of a client that sends the code UNKNOWN; other codes that don't
//! exist it lets pass, as without an authorizer nobody looks at them.

/// `UNKNOWN` among the kinds of resource, the pattern types, the operations and the permission types.
const UNKNOWN: i8 = 0;

/// Whether none of an ACL's codes is UNKNOWN.
pub fn are_known(resource_type: i8, pattern_type: i8, operation: i8, permission_type: i8) -> bool {
    ![resource_type, pattern_type, operation, permission_type].contains(&UNKNOWN)
}
