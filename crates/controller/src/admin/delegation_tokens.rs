//! Who may ask for delegation tokens, and for whom, as the handlers of keys 38 to 41 judge it before the
//! controller does.

use barnabas_network::rpc::RequestContext;
use barnabas_protocol::messages::StrBytes;
use barnabas_protocol::security_protocol::SecurityProtocol;
use barnabas_security::KafkaPrincipal;

/// A time that there is none of.
pub const NEVER: i64 = -1;

/// Whether a client may ask: it has to be known, and not by a token, which would make itself immortal.
pub fn may_ask(context: &RequestContext) -> bool {
    let connection = &context.connection;
    if connection.came_with_token() {
        return false;
    }
    // Whoever has passed the request on has looked how the client came.
    if connection.is_forwarded() {
        return true;
    }
    match connection.listener.security_protocol {
        SecurityProtocol::Plaintext => false,
        SecurityProtocol::Ssl => *context.principal != KafkaPrincipal::anonymous(),
        SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl => true,
    }
}

/// A principal as requests have it.
pub fn principal(kind: &str, name: &str) -> KafkaPrincipal {
    KafkaPrincipal {
        principal_type: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// Type and name of a principal, as answers have them.
pub fn parts(principal: &KafkaPrincipal) -> (StrBytes, StrBytes) {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    (text(&principal.principal_type), text(&principal.name))
}
