//! The audit log: a line for each decision, under the name and in the words of Kafka's
//! `kafka.authorizer.logger`.

use std::fmt;

use super::Reason;
use super::rules::java_address;
use crate::{Action, Requester};

/// The target of the lines.
const TARGET: &str = "kafka.authorizer.logger";

/// Logs a decision: denials of what was asked for at INFO, what was granted at DEBUG, the rest at TRACE.
pub fn log(requester: Requester<'_>, action: Action<'_>, is_allowed: bool, reason: &Reason<'_>) {
    let line = Line {
        requester,
        action,
        is_allowed,
        reason,
    };
    match (is_allowed, action.log_if_allowed, action.log_if_denied) {
        (true, true, _) => tracing::debug!(target: TARGET, "{line}"),
        (false, _, true) => tracing::info!(target: TARGET, "{line}"),
        _ => tracing::trace!(target: TARGET, "{line}"),
    }
}

struct Line<'a> {
    requester: Requester<'a>,
    action: Action<'a>,
    is_allowed: bool,
    reason: &'a Reason<'a>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requester, action) = (self.requester, self.action);
        write!(
            f,
            "Principal = {} is {} operation = {} from host = {} on resource = {}:LITERAL:{} for request = {} with \
             resourceRefCount = {} based on rule {}",
            requester.principal,
            if self.is_allowed { "Allowed" } else { "Denied" },
            action.operation.name(),
            java_address(requester.host),
            action.resource_type.title(),
            action.name.escape_debug(),
            requester.request,
            action.reference_count,
            self.reason,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{AclOperation, KafkaPrincipal, ResourceType};

    #[test]
    fn a_line_is_what_apache_kafka_logs() {
        let principal = KafkaPrincipal::user("mal");
        let line = Line {
            requester: Requester {
                principal: &principal,
                host: Ipv4Addr::LOCALHOST.into(),
                request: "Produce",
            },
            action: Action::new(AclOperation::Write, ResourceType::Topic, "x"),
            is_allowed: false,
            reason: &Reason::DefaultDeny,
        };
        assert_eq!(
            line.to_string(),
            "Principal = User:mal is Denied operation = WRITE from host = 127.0.0.1 on resource = Topic:LITERAL:x for \
             request = Produce with resourceRefCount = 1 based on rule DefaultDeny"
        );
    }
}
