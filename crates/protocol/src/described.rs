//! Messages of internal topics as trees of their fields, by the names that Apache Kafka's definitions give
//! them: what shows records to people (`kafka-dump-log`) walks these, whatever the message.
//!
//! The table is generated (`generated/described.rs`); the typed codecs beside it are what the broker uses.

use crate::generated::described::MESSAGES;
use crate::malformed::Malformed;
use crate::reader::Reader;

/// Whose messages are numbered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Records of the metadata log.
    Metadata,
    /// Keys of `__consumer_offsets`.
    GroupKey,
    /// Values of `__consumer_offsets`.
    GroupValue,
    /// Keys of `__transaction_state`.
    TransactionKey,
    /// Values of `__transaction_state`.
    TransactionValue,
    /// Keys of `__share_group_state`.
    ShareStateKey,
    /// Values of `__share_group_state`.
    ShareStateValue,
    /// Control records and what consumers say in their groups: found by name alone.
    Other,
}

/// What a value is on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    Int8,
    Int16,
    UInt16,
    Int32,
    Int64,
    Float64,
    Id,
    Text,
    Bytes,
    Struct(&'static [Field]),
    List(&'static Kind),
}

/// A field, in which versions it is there, may be null, and is a tagged one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    versions: (i16, i16),
    nullable: (i16, i16),
    tagged: (i16, i16),
    tag: u32,
}

const NEVER: (i16, i16) = (1, 0);

/// A field that is there, without a tag and never null, in versions `first` to `last`.
pub(crate) const fn field(name: &'static str, kind: Kind, first: i16, last: i16) -> Field {
    Field {
        name,
        kind,
        versions: (first, last),
        nullable: NEVER,
        tagged: NEVER,
        tag: 0,
    }
}

impl Field {
    pub(crate) const fn nullable(self, first: i16, last: i16) -> Field {
        Field {
            nullable: (first, last),
            ..self
        }
    }

    pub(crate) const fn tagged(self, tag: u32, first: i16, last: i16) -> Field {
        Field {
            tag,
            tagged: (first, last),
            ..self
        }
    }
}

fn covers(versions: (i16, i16), version: i16) -> bool {
    versions.0 <= version && version <= versions.1
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Its name, such as `PartitionRecord`.
    pub name: &'static str,
    /// Whose it is.
    pub family: Family,
    /// Its number among those; -1 where it has none.
    pub key: i16,
    pub(crate) first: i16,
    pub(crate) last: i16,
    pub(crate) flexible_from: i16,
    pub(crate) fields: &'static [Field],
}

/// A value of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Null.
    Null,
    /// A truth.
    Bool(bool),
    /// A number of any size.
    Number(i64),
    /// A number with a fraction.
    Float(f64),
    /// A string, or an id as Kafka writes it.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values of one kind.
    List(Vec<Node>),
    /// Fields in the order of the definition. Tagged fields are there where they were written.
    Struct(Vec<(&'static str, Node)>),
}

impl Node {
    /// A field of a struct.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Node> {
        match self {
            Node::Struct(fields) => fields
                .iter_mut()
                .find(|field| field.0 == name)
                .map(|field| &mut field.1),
            _ => None,
        }
    }
}

/// The message of a family that has this number.
pub fn by_key(family: Family, key: i16) -> Option<&'static Described> {
    MESSAGES
        .iter()
        .find(|message| message.family == family && message.key == key)
}

/// The message of this name.
pub fn by_name(name: &str) -> Option<&'static Described> {
    MESSAGES.iter().find(|message| message.name == name)
}

impl Described {
    /// The newest version.
    pub fn last_version(&self) -> i16 {
        self.last
    }

    /// Reads a body of this version, and answers how many bytes are left behind it.
    ///
    /// # Errors
    /// They are no such message.
    pub fn decode(&self, version: i16, bytes: &[u8]) -> Result<(Node, usize), Malformed> {
        if !covers((self.first, self.last), version) {
            return Err(Malformed::UnsupportedRecordVersion(version));
        }
        let mut walk = Walk {
            reader: Reader::new(bytes),
            version,
            is_flexible: version >= self.flexible_from,
        };
        let node = walk.fields(self.fields)?;
        Ok((node, walk.reader.remaining()))
    }
}

struct Walk<'a> {
    reader: Reader<'a>,
    version: i16,
    is_flexible: bool,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &'static [Field]) -> Result<Node, Malformed> {
        let mut found: Vec<Option<Node>> = vec![None; fields.len()];
        for (field, place) in fields.iter().zip(&mut found) {
            if covers(field.versions, self.version) && !covers(field.tagged, self.version) {
                *place = Some(self.value(field.kind, covers(field.nullable, self.version))?);
            }
        }
        if self.is_flexible {
            for _ in 0..self.reader.unsigned_varint()? {
                let (tag, size) = (self.reader.unsigned_varint()?, self.reader.unsigned_varint()?);
                let bytes = self.reader.take(size as usize)?;
                let known = fields
                    .iter()
                    .position(|field| covers(field.tagged, self.version) && field.tag == tag);
                if let Some(at) = known {
                    let mut inside = Walk {
                        reader: Reader::new(bytes),
                        ..*self
                    };
                    let nullable = covers(fields[at].nullable, self.version);
                    found[at] = Some(inside.value(fields[at].kind, nullable)?);
                }
            }
        }
        let named = fields.iter().zip(found);
        Ok(Node::Struct(
            named
                .filter_map(|(field, node)| Some((field.name, node?)))
                .collect(),
        ))
    }

    fn value(&mut self, kind: Kind, nullable: bool) -> Result<Node, Malformed> {
        let null = |is_there: Option<Node>| match is_there {
            Some(node) => Ok(node),
            None if nullable => Ok(Node::Null),
            None => Err(Malformed::UnexpectedNull),
        };
        let reader = &mut self.reader;
        Ok(match kind {
            Kind::Bool => Node::Bool(reader.i8()? != 0),
            Kind::Int8 => Node::Number(reader.i8()?.into()),
            Kind::Int16 => Node::Number(reader.i16()?.into()),
            Kind::UInt16 => Node::Number(reader.i16()?.cast_unsigned().into()),
            Kind::Int32 => Node::Number(reader.i32()?.into()),
            Kind::Int64 => Node::Number(reader.i64()?),
            Kind::Float64 => Node::Float(f64::from_bits(reader.i64()?.cast_unsigned())),
            Kind::Id => Node::Text(crate::kafka_uuid::encode(reader.uuid()?)),
            Kind::Text => {
                let text = reader.nullable_string(self.is_flexible)?;
                null(text.map(|text| Node::Text(text.to_owned())))?
            }
            Kind::Bytes => {
                let bytes = reader.nullable_bytes(self.is_flexible)?;
                null(bytes.map(|bytes| Node::Bytes(bytes.to_vec())))?
            }
            Kind::Struct(fields) if nullable => match reader.i8()? {
                // -1, or in a tagged field 0.
                ..=0 => Node::Null,
                _ => self.fields(fields)?,
            },
            Kind::Struct(fields) => self.fields(fields)?,
            Kind::List(of) => match reader.length(self.is_flexible)? {
                None => null(None)?,
                Some(count) => {
                    // A count that lies is found out by the bytes that lack: nothing is reserved for it.
                    let mut list = Vec::new();
                    for _ in 0..count {
                        if self.reader.remaining() == 0 {
                            return Err(Malformed::Truncated {
                                needed: 1,
                                remaining: 0,
                            });
                        }
                        list.push(self.value(*of, false)?);
                    }
                    Node::List(list)
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::internal_records::{ShareSnapshotValue, encode_value};

    #[test]
    fn names_and_numbers_tell_messages_apart() {
        for (at, message) in MESSAGES.iter().enumerate() {
            let others = &MESSAGES[..at];
            assert!(
                others.iter().all(|other| other.name != message.name),
                "{message:?}"
            );
            let is_numbered = message.family != Family::Other;
            assert_eq!(is_numbered, message.key >= 0, "{}", message.name);
            let same = |other: &&Described| other.family == message.family && other.key == message.key;
            assert!(
                !is_numbered || !others.iter().any(|other| same(&other)),
                "{}",
                message.name
            );
        }
    }

    #[test]
    fn what_the_codecs_write_is_read() {
        let snapshot = by_key(Family::ShareStateValue, 0).unwrap();
        let written = ShareSnapshotValue {
            start_offset: 17,
            ..ShareSnapshotValue::default()
        };
        let bytes = encode_value(&written, 0).unwrap();
        let (mut read, left) = snapshot.decode(0, &bytes[2..]).unwrap();
        assert_eq!(left, 0);
        assert_eq!(read.field_mut("startOffset"), Some(&mut Node::Number(17)));
    }

    #[test]
    fn no_bytes_make_it_panic_or_take_more_than_they_are() {
        for message in MESSAGES {
            for version in message.first..=message.last {
                for fill in [0x00, 0x01, 0x7f, 0xff] {
                    for len in 0..64 {
                        drop(message.decode(version, &vec![fill; len]));
                    }
                }
            }
            assert!(message.decode(message.last + 1, &[]).is_err(), "{}", message.name);
        }
    }
}
