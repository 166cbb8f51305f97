//! What keys and values of records say, by the decoder that was asked for.

use barnabas_protocol::described::{Described, Family, Node, by_key, by_name};
use barnabas_protocol::records::Record;

use super::json;
use crate::arguments::Options;
use crate::failure::{Outcome, said};

/// What is shown of a record's key and of its value.
type Shown = (Option<String>, Option<String>);

/// The decoders of internal topics, and what their records are.
const TOPICS: [(&str, Decoder); 4] = [
    (
        "offsets-decoder",
        Decoder::Coordinator(Family::GroupKey, Family::GroupValue),
    ),
    (
        "transaction-log-decoder",
        Decoder::Coordinator(Family::TransactionKey, Family::TransactionValue),
    ),
    ("cluster-metadata-decoder", Decoder::Metadata),
    (
        "share-group-state-decoder",
        Decoder::Coordinator(Family::ShareStateKey, Family::ShareStateValue),
    ),
];
/// Kafka's `TransactionState`, by number.
const TRANSACTION_STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

/// What keys and values are.
#[derive(Clone, Copy, Debug)]
pub enum Decoder {
    /// Of each kind, whatever the topic.
    Plain(Plain, Plain),
    /// A coordinator's, with messages of these families.
    Coordinator(Family, Family),
    /// The metadata log's: values alone.
    Metadata,
}

/// What bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Plain {
    /// Text.
    Text,
    /// A number of four bytes.
    Integer,
    /// A number of eight.
    Long,
}

impl Decoder {
    /// The one that the options ask for.
    ///
    /// # Errors
    /// There is none like it.
    pub fn chosen(options: &Options) -> Outcome<Decoder> {
        if let Some((_, decoder)) = TOPICS.iter().find(|(name, _)| options.has(name)) {
            return Ok(*decoder);
        }
        if options.has("remote-log-metadata-decoder") {
            return said("--remote-log-metadata-decoder is not served by this tool: there is no remote log");
        }
        let plain = |option| match options.value(option)? {
            None => Ok(Plain::Text),
            Some("org.apache.kafka.tools.api.StringDecoder") => Ok(Plain::Text),
            Some("org.apache.kafka.tools.api.IntegerDecoder") => Ok(Plain::Integer),
            Some("org.apache.kafka.tools.api.LongDecoder") => Ok(Plain::Long),
            Some(name) => said(format!("Failed to load decoder class {name}")),
        };
        Ok(Decoder::Plain(
            plain("key-decoder-class")?,
            plain("value-decoder-class")?,
        ))
    }

    /// Whether it is an internal topic's: then records are shown.
    pub fn is_of_topic(&self) -> bool {
        !matches!(self, Decoder::Plain(..))
    }

    /// What a record says.
    ///
    /// # Errors
    /// It lacks the key that every record of the topic has, or is none of the numbers that are looked for.
    pub fn decode(&self, record: &Record<'_>, offset: i64) -> Outcome<Shown> {
        match self {
            Decoder::Plain(key, value) => Ok((key.shown(record.key)?, value.shown(record.value)?)),
            Decoder::Metadata => {
                let shown = metadata(record.value.unwrap_or_default());
                Ok((
                    None,
                    Some(shown.unwrap_or_else(|why| format!("Error at {offset}, skipping. {why}"))),
                ))
            }
            Decoder::Coordinator(keys, values) => {
                let Some(key) = record.key else {
                    return said(format!(
                        "Failed to decode message at offset {offset} using the specified decoder (message had a \
                         missing key)"
                    ));
                };
                Ok(coordinator((*keys, *values), key, record.value, offset)
                    .unwrap_or_else(|why| (Some(why), None)))
            }
        }
    }
}

impl Plain {
    fn shown(self, bytes: Option<&[u8]>) -> Outcome<Option<String>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let number = match self {
            Plain::Text => return Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
            Plain::Integer => bytes
                .first_chunk()
                .map(|first| i64::from(i32::from_be_bytes(*first))),
            Plain::Long => bytes.first_chunk().map(|first| i64::from_be_bytes(*first)),
        };
        match number {
            Some(number) => Ok(Some(number.to_string())),
            None => said("a key or value has fewer bytes than the number that it is to be"),
        }
    }
}

fn coordinator(
    (keys, values): (Family, Family),
    key: &[u8],
    value: Option<&[u8]>,
    offset: i64,
) -> Result<Shown, String> {
    let wrong = |why: String| format!("Error at offset {offset}, skipping. {why}");
    let versioned = |bytes: &[u8]| bytes.first_chunk().map(|first| i16::from_be_bytes(*first));
    let number = versioned(key).ok_or_else(|| wrong("the key is cut off".to_owned()))?;
    let unknown = || format!("Unknown record type {number} at offset {offset}, skipping.");
    let (key_message, value_message) = by_key(keys, number)
        .zip(by_key(values, number))
        .ok_or_else(unknown)?;
    // Keys have one version each.
    let read = |what: &str, message, version, bytes| {
        whole(message, version, bytes).map_err(|why| {
            wrong(format!(
                "Could not read record with version {version} from {what}'s buffer due to: {why}"
            ))
        })
    };
    let key = read("key", key_message, key_message.last_version(), &key[2..])?;
    let key = format!(
        "{{\"type\":{},\"data\":{}}}",
        json::quoted(&number.to_string()),
        json::text(&key)
    );
    let Some(value) = value else {
        return Ok((Some(key), Some("<DELETE>".to_owned())));
    };
    let version = versioned(value).ok_or_else(|| wrong("the value is cut off".to_owned()))?;
    let mut node = read("value", value_message, version, &value[2..])?;
    match value_message.name {
        "GroupMetadataValue" => of_consumers(&mut node),
        "TransactionLogValue" => with_state(&mut node),
        _ => {}
    }
    let value = format!(
        "{{\"version\":{},\"data\":{}}}",
        json::quoted(&version.to_string()),
        json::text(&node)
    );
    Ok((Some(key), Some(value)))
}

/// A message that takes all of its bytes.
fn whole(message: &Described, version: i16, bytes: &[u8]) -> Result<Node, String> {
    match message.decode(version, bytes) {
        Ok((node, 0)) => Ok(node),
        Ok((_, left)) => Err(format!("there are {left} bytes behind {}", message.name)),
        Err(why) => Err(format!("{} of version {version}: {why}", message.name)),
    }
}

/// What members of a classic group of consumers say is bytes to the group; here it is read.
fn of_consumers(group: &mut Node) {
    if group.field_mut("protocolType") != Some(&mut Node::Text("consumer".to_owned())) {
        return;
    }
    let Some(Node::List(members)) = group.field_mut("members") else {
        return;
    };
    for member in members {
        for (field, name) in [
            ("subscription", "ConsumerProtocolSubscription"),
            ("assignment", "ConsumerProtocolAssignment"),
        ] {
            if let Some(said) = member.field_mut(field)
                && let Node::Bytes(bytes) = said
                && let Some((version, body)) = bytes.split_first_chunk()
                && let Some(message) = by_name(name)
                && let Ok((read, _)) = message.decode(i16::from_be_bytes(*version), body)
            {
                *said = read;
            }
        }
    }
}

/// The state of a transaction by its name.
fn with_state(transaction: &mut Node) {
    if let Some(status) = transaction.field_mut("transactionStatus")
        && let Node::Number(number) = status
    {
        let name = usize::try_from(*number)
            .ok()
            .and_then(|number| TRANSACTION_STATES.get(number));
        *status = Node::Text(name.map_or_else(|| number.to_string(), |name| (*name).to_owned()));
    }
}

/// ```text
/// frame version uvarint (1) │ record type uvarint │ version uvarint │ message
/// ```
fn metadata(value: &[u8]) -> Result<String, String> {
    let mut bytes = value;
    let mut number = || {
        let (number, rest) = unsigned_varint(bytes)?;
        bytes = rest;
        i16::try_from(number).ok()
    };
    let (frame, kind, version) = (number(), number(), number());
    let (Some(1), Some(kind), Some(version)) = (frame, kind, version) else {
        return Err("the record does not begin as one of the metadata log".to_owned());
    };
    let message = by_key(Family::Metadata, kind).ok_or_else(|| format!("Unknown metadata id {kind}"))?;
    let node = whole(message, version, bytes)?;
    Ok(format!(
        "{{\"type\":{},\"version\":{version},\"data\":{}}}",
        json::quoted(&upper(message.name)),
        json::text(&node)
    ))
}

fn unsigned_varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// `PartitionRecord` as Kafka's enum has it: `PARTITION_RECORD`.
fn upper(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_broken_is_told_in_its_place() {
        let told = |key: &[u8], value: Option<&[u8]>| {
            coordinator((Family::GroupKey, Family::GroupValue), key, value, 7)
        };
        assert_eq!(
            told(&[0, 99], None),
            Err("Unknown record type 99 at offset 7, skipping.".to_owned())
        );
        assert!(
            told(&[0], None)
                .unwrap_err()
                .starts_with("Error at offset 7, skipping. ")
        );
        let gone = told(&[0, 2, 0, 1, b'g'], None).unwrap();
        assert_eq!(gone.0.unwrap(), r#"{"type":"2","data":{"group":"g"}}"#);
        assert_eq!(gone.1.unwrap(), "<DELETE>");
        assert!(
            told(&[0, 2, 0, 1, b'g'], Some(&[0, 77]))
                .unwrap_err()
                .contains("77")
        );
        assert!(
            metadata(&[1, 0x7f, 0])
                .unwrap_err()
                .contains("Unknown metadata id 127")
        );
        assert!(metadata(&[]).is_err());
        assert_eq!(upper("NoOpRecord"), "NO_OP_RECORD");
    }
}
