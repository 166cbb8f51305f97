//! ProduceRequest 3–13, parsed from the connection's buffer.
//!
//! Each partition's records are a mutable slice of the buffer, so that the log can patch offsets in place.
//! The parser proves its own bounds; what comes out needs no guard.
//!
//! ```text
//! transactional_id │ acks i16 │ timeout_ms i32 │ topics: name (to v12) or id (from v13) │ partitions: index i32 │ records
//! ```
//!
//! Among the tagged fields of a partition is one of Barnabas' own, [`OnlyAt`].

use bytes::{BufMut, Bytes, BytesMut};

use crate::api::ApiKey;
use crate::guard::ELEMENTS_MAX;
use crate::malformed::Malformed;
use crate::reader::Reader;
use crate::topic_ref::{TOPIC_ID_SINCE, TopicRef};

/// Where alone a batch may go: what it says was decided on all records before that offset. Brokers send it to
/// each other; Apache Kafka's clients don't know it, and the tag is far from any of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlyAt {
    /// The leader epoch in which was read.
    pub leader_epoch: i32,
    /// The offset that the first record has to get.
    pub offset: i64,
}

impl OnlyAt {
    const TAG: u32 = 0x42_41_52;

    /// As an unknown tagged field of kafka-protocol's message.
    pub fn tagged(self) -> (i32, Bytes) {
        let mut field = BytesMut::new();
        field.put_i32(self.leader_epoch);
        field.put_i64(self.offset);
        (Self::TAG.cast_signed(), field.freeze())
    }
}

/// One partition's part of a Produce.
#[derive(Debug, PartialEq, Eq)]
pub struct ProducePartition<'a> {
    /// The partition's topic.
    pub topic: TopicRef<'a>,
    /// The partition's index in its topic.
    pub index: i32,
    /// The record batches as the client sent them; `None` where it sent null.
    pub records: Option<&'a mut [u8]>,
    /// Where alone they may go.
    pub only_at: Option<OnlyAt>,
}

/// A ProduceRequest, borrowed from its frame.
#[derive(Debug, PartialEq, Eq)]
pub struct ProduceRequest<'a> {
    /// The producer's transactional id, if it has one.
    pub transactional_id: Option<&'a str>,
    /// 0: no answer; 1: the leader has it; -1: all in-sync replicas have it. Other values are for the handler
    /// to refuse.
    pub acks: i16,
    /// How long the client waits for acknowledgments, in milliseconds.
    pub timeout_ms: i32,
    /// What is to be appended, in the order of the request. A topic without partitions leaves no trace, as in
    /// Apache Kafka.
    pub partitions: Vec<ProducePartition<'a>>,
}

impl<'a> ProduceRequest<'a> {
    /// Parses a request's body. Bytes after the message are ignored, as in Apache Kafka.
    pub fn parse(version: i16, body: &'a mut [u8]) -> Result<ProduceRequest<'a>, Malformed> {
        let api = ApiKey::Produce;
        if !api.supports(version) {
            return Err(Malformed::UnsupportedVersion { api, version });
        }
        let flexible = api.is_flexible(version);
        let mut parser = Parser { rest: body };
        let transactional_id = parser.nullable_string(flexible)?;
        let (acks, timeout_ms) = parser.read(|reader| Ok((reader.i16()?, reader.i32()?)))?;
        let mut partitions = Vec::new();
        for _ in 0..parser.count(flexible)? {
            let topic = if version >= TOPIC_ID_SINCE {
                TopicRef::Id(parser.read(|reader| reader.uuid())?)
            } else {
                TopicRef::Name(
                    parser
                        .nullable_string(flexible)?
                        .ok_or(Malformed::UnexpectedNull)?,
                )
            };
            for _ in 0..parser.count(flexible)? {
                let index = parser.read(|reader| reader.i32())?;
                let length = parser.read(|reader| reader.length(flexible))?;
                let records = length.map(|length| parser.take(length)).transpose()?;
                let only_at = parser.only_at(flexible)?;
                if partitions.len() == ELEMENTS_MAX {
                    return Err(Malformed::TooManyElements);
                }
                partitions.push(ProducePartition {
                    topic,
                    index,
                    records,
                    only_at,
                });
            }
            parser.skip_tagged_fields(flexible)?;
        }
        parser.skip_tagged_fields(flexible)?;
        Ok(ProduceRequest {
            transactional_id,
            acks,
            timeout_ms,
            partitions,
        })
    }
}

/// Takes a body apart from its front without losing the right to change it.
struct Parser<'a> {
    rest: &'a mut [u8],
}

impl<'a> Parser<'a> {
    fn take(&mut self, length: usize) -> Result<&'a mut [u8], Malformed> {
        let remaining = self.rest.len();
        match std::mem::take(&mut self.rest).split_at_mut_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Malformed::Truncated {
                needed: length,
                remaining,
            }),
        }
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        let mut reader = Reader::new(self.rest);
        let value = read(&mut reader)?;
        let position = reader.position();
        self.take(position)?;
        Ok(value)
    }

    fn nullable_string(&mut self, flexible: bool) -> Result<Option<&'a str>, Malformed> {
        let Some(length) = self.read(|reader| reader.string_length(flexible))? else {
            return Ok(None);
        };
        std::str::from_utf8(self.take(length)?)
            .map(Some)
            .map_err(|_| Malformed::NotUtf8)
    }

    /// An array's count, which can't exceed the bytes that remain.
    fn count(&mut self, flexible: bool) -> Result<usize, Malformed> {
        let count = self
            .read(|reader| reader.length(flexible))?
            .ok_or(Malformed::UnexpectedNull)?;
        let remaining = self.rest.len();
        if count > remaining {
            Err(Malformed::Truncated {
                needed: count,
                remaining,
            })
        } else {
            Ok(count)
        }
    }

    fn only_at(&mut self, flexible: bool) -> Result<Option<OnlyAt>, Malformed> {
        let mut found = None;
        if !flexible {
            return Ok(found);
        }
        self.read(|reader| {
            for _ in 0..reader.unsigned_varint()? {
                let tag = reader.unsigned_varint()?;
                let size = reader.unsigned_varint()?;
                let mut field = Reader::new(reader.take(size as usize)?);
                if tag == OnlyAt::TAG {
                    found = Some(OnlyAt {
                        leader_epoch: field.i32()?,
                        offset: field.i64()?,
                    });
                }
            }
            Ok(found)
        })
    }

    fn skip_tagged_fields(&mut self, flexible: bool) -> Result<(), Malformed> {
        if flexible {
            self.read(|reader| reader.skip_tagged_fields())
        } else {
            Ok(())
        }
    }
}
