//! What ShareFetch and ShareAcknowledge are held to alike.

use barnabas_metadata::features::SHARE_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_security::AclOperation;

use super::sessions::SessionKey;
use crate::broker::Broker;
use crate::request::RequestContext;

/// Member ids are UUIDs in a form that is no longer than this.
const MEMBER_ID_CHARS_MAX: usize = 36;

/// Why a request is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The error.
    pub error: ErrorCode,
    /// In words, where there is more to say.
    pub message: Option<String>,
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Refused { error, message: None }
    }
}

impl Refused {
    /// INVALID_REQUEST, in words.
    pub fn invalid(message: &str) -> Self {
        Refused {
            error: ErrorCode::InvalidRequest,
            message: Some(message.to_owned()),
        }
    }
}

/// Who asks. In Apache Kafka's order: whether there are share groups, the group's name, the right to read it,
/// the member's id.
///
/// # Errors
/// UNSUPPORTED_VERSION, INVALID_REQUEST, GROUP_AUTHORIZATION_FAILED.
pub fn check_member(
    broker: &Broker,
    context: &RequestContext,
    group: Option<&str>,
    member: Option<&str>,
) -> Result<SessionKey, Refused> {
    if broker.image().features.level(SHARE_VERSION) == 0 {
        return Err(ErrorCode::UnsupportedVersion.into());
    }
    let group = group.ok_or_else(|| Refused::invalid("The request names no group."))?;
    if !broker.rights(context).on_group(AclOperation::Read, group) {
        return Err(ErrorCode::GroupAuthorizationFailed.into());
    }
    let is_id = |member: &&str| !member.is_empty() && member.encode_utf16().count() <= MEMBER_ID_CHARS_MAX;
    let member = member.filter(is_id);
    let member = member.ok_or_else(|| Refused::invalid("The member's id is none."))?;
    Ok(SessionKey {
        group: group.into(),
        member: member.into(),
    })
}
