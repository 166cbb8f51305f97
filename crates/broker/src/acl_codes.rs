//! The codes of ACL requests. Apache Kafka closes the connection of a client that sends one it doesn't know.

/// Kinds of resource: ANY, TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, DELEGATION_TOKEN, USER.
const RESOURCE_TYPE_MAX: i8 = 7;
/// Ways to name resources: ANY, MATCH, LITERAL, PREFIXED.
const PATTERN_TYPE_MAX: i8 = 4;
/// Operations, from ANY to TWO_PHASE_COMMIT.
const OPERATION_MAX: i8 = 15;
/// ANY, DENY, ALLOW.
const PERMISSION_TYPE_MAX: i8 = 3;

/// Whether all four codes stand for something.
pub fn are_known(resource_type: i8, pattern_type: i8, operation: i8, permission_type: i8) -> bool {
    let known = |code: i8, max: i8| (1..=max).contains(&code);
    known(resource_type, RESOURCE_TYPE_MAX)
        && known(pattern_type, PATTERN_TYPE_MAX)
        && known(operation, OPERATION_MAX)
        && known(permission_type, PERMISSION_TYPE_MAX)
}
