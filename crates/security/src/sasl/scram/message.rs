//! The messages of an exchange, as text and taken apart. All are printable ASCII; what Kafka's patterns don't
//! match is refused.
//!
//! ```text
//! client first   n,,n=alice,r=NONCE
//! server first   r=NONCE+NONCE,s=SALT,i=4096
//! client final   c=biws,r=NONCE+NONCE,p=PROOF
//! server final   v=SIGNATURE
//! ```

use crate::sasl::base64;

/// What a client begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirstMessage {
    /// Whom it wants to be; empty if nobody else than who it is.
    pub authorization_id: String,
    /// Who it is, or the id of its delegation token.
    pub user: String,
    /// The client's nonce.
    pub nonce: String,
    /// What follows the nonce, by name.
    pub extensions: Vec<(String, String)>,
    /// The part that proofs are made over.
    pub bare: String,
}

impl ClientFirstMessage {
    /// Reads one. A channel binding (`p=`, `y`) is not understood.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let rest = text(message)?.strip_prefix("n,")?;
        let (authorization, rest) = rest.split_once(',')?;
        let authorization_id = match authorization {
            "" => String::new(),
            named => name(named.strip_prefix("a=")?)?,
        };
        let rest = without_reserved(rest)?;
        let mut parts = rest.split(',');
        let user = name(parts.next()?.strip_prefix("n=")?)?;
        let nonce = nonce(parts.next()?)?;
        let extensions = parts.map(extension).collect::<Option<_>>()?;
        Some(ClientFirstMessage {
            authorization_id,
            user,
            nonce,
            extensions,
            bare: rest.to_owned(),
        })
    }
}

/// What a server answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFirstMessage {
    /// The client's nonce with the server's behind it.
    pub nonce: String,
    /// The credential's salt.
    pub salt: Vec<u8>,
    /// The credential's iterations.
    pub iterations: i32,
}

impl ServerFirstMessage {
    /// Reads one.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mut parts = without_reserved(text(message)?)?.split(',');
        let nonce = nonce(parts.next()?)?;
        let salt = base64::decode(parts.next()?.strip_prefix("s=")?)?;
        let iterations = parts.next()?.strip_prefix("i=")?;
        let is_number = iterations.bytes().all(|byte| byte.is_ascii_digit());
        let iterations = is_number.then(|| iterations.parse().ok())??;
        parts.map(extension).collect::<Option<Vec<_>>>()?;
        (iterations > 0).then_some(ServerFirstMessage {
            nonce,
            salt,
            iterations,
        })
    }

    /// Its text.
    pub fn write(&self) -> String {
        format!(
            "r={},s={},i={}",
            self.nonce,
            base64::encode(&self.salt),
            self.iterations
        )
    }
}

/// What a client proves its password with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFinalMessage {
    /// Both nonces.
    pub nonce: String,
    /// The proof.
    pub proof: Vec<u8>,
    /// The part that proofs are made over.
    pub without_proof: String,
}

impl ClientFinalMessage {
    /// Reads one. The channel binding is part of what is proven, and is not compared with anything.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let (before, proof) = text(message)?.rsplit_once(",p=")?;
        let proof = base64::decode(proof)?;
        let mut parts = before.split(',');
        let binding = parts.next()?.strip_prefix("c=")?;
        base64::decode(binding)?;
        let nonce = nonce(parts.next()?)?;
        parts.map(extension).collect::<Option<Vec<_>>>()?;
        Some(ClientFinalMessage {
            without_proof: format!("c={binding},r={nonce}"),
            nonce,
            proof,
        })
    }
}

/// What a server proves with that it knows the credential: the signature, if `message` has one.
pub fn parse_server_final(message: &[u8]) -> Option<Vec<u8>> {
    let mut parts = text(message)?.split(',');
    let signature = base64::decode(parts.next()?.strip_prefix("v=")?)?;
    parts.map(extension).collect::<Option<Vec<_>>>()?;
    Some(signature)
}

/// A name as it is written in a message: commas and equals signs have codes.
pub fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn text(message: &[u8]) -> Option<&str> {
    let is_ascii = message.iter().all(|byte| (1..=0x7f).contains(byte));
    is_ascii.then(|| std::str::from_utf8(message).ok())?
}

/// What follows the extension `m=`, which is passed over if it is there.
fn without_reserved(text: &str) -> Option<&str> {
    match text.strip_prefix("m=") {
        Some(reserved) => {
            let (value, rest) = reserved.split_once(',')?;
            (!value.is_empty()).then_some(rest)
        }
        None => Some(text),
    }
}

/// The name that is written so; `None` where it isn't written as one.
pub fn name(written: &str) -> Option<String> {
    let mut name = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, code)) = rest.split_once('=') {
        name.push_str(before);
        let (sign, after) = match (code.strip_prefix("2C"), code.strip_prefix("3D")) {
            (Some(after), _) => (',', after),
            (_, Some(after)) => ('=', after),
            _ => return None,
        };
        name.push(sign);
        rest = after;
    }
    name.push_str(rest);
    (!name.is_empty()).then_some(name)
}

fn nonce(part: &str) -> Option<String> {
    let nonce = part.strip_prefix("r=")?;
    let is_printable = nonce.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    (is_printable && !nonce.is_empty()).then(|| nonce.to_owned())
}

fn extension(part: &str) -> Option<(String, String)> {
    let (name, value) = part.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_name && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
}
