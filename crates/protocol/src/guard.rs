//! Proves a request's body before a decoder sees it.
//!
//! kafka-protocol's decoders allocate what a count asks for. The guard walks a body along its shape
//! (`generated/shapes.rs`) and holds every length, count, varint and string against the bytes that remain.
//! What passes can be decoded with memory bounded by the body's size and [`ELEMENTS_MAX`]. It allocates
//! nothing, and it recurses along the shape only, never along the input.
//!
//! It accepts what Apache Kafka's parsers accept: bytes after the message, unknown tags, tags in any order or
//! repeated, and a known tag's size is ignored. It is stricter in what no client sends: strings that are not
//! UTF-8, lengths below -1, more than [`ELEMENTS_MAX`] elements.

use crate::api::ApiKey;
use crate::generated::shapes::{REQUESTS, RESPONSES};
use crate::malformed::Malformed;
use crate::reader::Reader;
use crate::shape::{Field, Kind, Shape};

/// The most elements in one request: array entries other than plain numbers, and unknown tagged fields.
///
/// An element may take 2 bytes on the wire and 200 decoded, so that the body's size alone is no bound worth
/// the name. No client comes near this number; a Fetch of every partition of a very large cluster has fewer.
pub const ELEMENTS_MAX: usize = 1 << 18;

/// The least bytes of the count of tagged fields.
const TAG_COUNT_BYTES_MIN: usize = 1;

/// Proves that `body` (a request without its header) is a request of this API and version, whatever may
/// follow it.
pub fn check(api: ApiKey, version: i16, body: &[u8]) -> Result<(), Malformed> {
    check_shape(&REQUESTS, api, version, body)
}

/// Proves that `body` (a response without its header) is a response of this API and version, whatever may
/// follow it. What another node sends is trusted no more than what a client does.
pub fn check_response(api: ApiKey, version: i16, body: &[u8]) -> Result<(), Malformed> {
    check_shape(&RESPONSES, api, version, body)
}

fn check_shape(
    table: &'static [Option<Shape>],
    api: ApiKey,
    version: i16,
    body: &[u8],
) -> Result<(), Malformed> {
    let unsupported = Malformed::UnsupportedVersion { api, version };
    let shape = shape_of(table, api).ok_or(unsupported)?;
    if version < shape.first || version > shape.last {
        return Err(unsupported);
    }
    let flexible = version >= shape.flexible_from;
    Walk {
        reader: Reader::new(body),
        version,
        flexible,
        elements: 0,
    }
    .fields(shape.fields)
}

fn shape_of(table: &'static [Option<Shape>], api: ApiKey) -> Option<&'static Shape> {
    table.get(usize::try_from(api.key()).ok()?)?.as_ref()
}

/// A walk along one body.
struct Walk<'a> {
    reader: Reader<'a>,
    version: i16,
    flexible: bool,
    elements: usize,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Result<(), Malformed> {
        let version = self.version;
        for field in fields.iter().filter(|field| field.is_positional(version)) {
            self.field(field)?;
        }
        if self.flexible {
            self.tagged_fields(fields)
        } else {
            Ok(())
        }
    }

    fn tagged_fields(&mut self, fields: &[Field]) -> Result<(), Malformed> {
        for _ in 0..self.reader.unsigned_varint()? {
            let tag = self.reader.unsigned_varint()?;
            let size = self.reader.unsigned_varint()?;
            match fields.iter().find(|field| field.tag == Some(tag)) {
                Some(field) if field.tagged.contains(self.version) => self.field(field)?,
                Some(_) => return Err(Malformed::UnexpectedTag(tag)),
                None => {
                    self.count_elements(1)?;
                    self.reader.take(size as usize)?;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field) -> Result<(), Malformed> {
        self.value(&field.kind, field.nullable.contains(self.version))
    }

    fn value(&mut self, kind: &Kind, nullable: bool) -> Result<(), Malformed> {
        let is_null = match *kind {
            Kind::Fixed(size) => {
                self.reader.take(usize::from(size))?;
                false
            }
            Kind::Text => self.reader.nullable_string(self.flexible)?.is_none(),
            Kind::Blob => self.reader.nullable_bytes(self.flexible)?.is_none(),
            Kind::Struct(fields) => {
                let present = !nullable || self.reader.presence()?;
                if present {
                    self.fields(fields)?;
                }
                !present
            }
            Kind::Array(element) => match self.reader.length(self.flexible)? {
                Some(count) => {
                    self.elements(element, count)?;
                    false
                }
                None => true,
            },
        };
        if is_null && !nullable {
            Err(Malformed::UnexpectedNull)
        } else {
            Ok(())
        }
    }

    fn elements(&mut self, element: &Kind, count: usize) -> Result<(), Malformed> {
        let size_min = self.size_min(element);
        // A count never exceeds the bytes that remain, even where an element could be empty: so does Apache
        // Kafka.
        let (needed, remaining) = (count.saturating_mul(size_min.max(1)), self.reader.remaining());
        if needed > remaining {
            return Err(Malformed::Truncated { needed, remaining });
        }
        match element {
            Kind::Fixed(_) => self.reader.take(count * size_min).map(drop),
            Kind::Struct(fields) if self.is_flat(fields) => {
                self.count_elements(count)?;
                if !self.flexible {
                    return self.reader.take(count * size_min).map(drop);
                }
                for _ in 0..count {
                    self.reader.take(size_min - TAG_COUNT_BYTES_MIN)?;
                    self.tagged_fields(fields)?;
                }
                Ok(())
            }
            _ => {
                self.count_elements(count)?;
                (0..count).try_for_each(|_| self.value(element, false))
            }
        }
    }

    /// Whether a struct's untagged fields have one size: most partitions do, and are many.
    fn is_flat(&self, fields: &[Field]) -> bool {
        let mut positional = fields.iter().filter(|field| field.is_positional(self.version));
        positional.all(|field| matches!(field.kind, Kind::Fixed(_)))
    }

    fn count_elements(&mut self, count: usize) -> Result<(), Malformed> {
        self.elements += count;
        if self.elements > ELEMENTS_MAX {
            Err(Malformed::TooManyElements)
        } else {
            Ok(())
        }
    }

    /// The least bytes a value takes, none being null.
    fn size_min(&self, kind: &Kind) -> usize {
        match *kind {
            Kind::Fixed(size) => usize::from(size),
            Kind::Text => {
                if self.flexible {
                    1
                } else {
                    2
                }
            }
            Kind::Blob | Kind::Array(_) => {
                if self.flexible {
                    1
                } else {
                    4
                }
            }
            Kind::Struct(fields) => {
                let sizes = fields
                    .iter()
                    .filter(|field| field.is_positional(self.version))
                    .map(|field| {
                        let present =
                            matches!(field.kind, Kind::Struct(_)) && field.nullable.contains(self.version);
                        if present { 1 } else { self.size_min(&field.kind) }
                    });
                sizes.sum::<usize>() + if self.flexible { TAG_COUNT_BYTES_MIN } else { 0 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata v1 is one array of topic names that may be null.
    fn metadata_1(body: &[u8]) -> Result<(), Malformed> {
        check(ApiKey::Metadata, 1, body)
    }

    #[test]
    fn null_stands_only_where_the_version_allows_it() {
        let null = [0xff; 4];
        assert_eq!(metadata_1(&null), Ok(()));
        assert_eq!(check(ApiKey::Metadata, 0, &null), Err(Malformed::UnexpectedNull));
        // one topic without a name
        assert_eq!(
            metadata_1(&[0, 0, 0, 1, 0xff, 0xff]),
            Err(Malformed::UnexpectedNull)
        );
        // ListOffsets v6: compact topics, null
        let list_offsets = [0, 0, 0, 0, 0, 0x00, 0];
        assert_eq!(
            check(ApiKey::ListOffsets, 6, &list_offsets),
            Err(Malformed::UnexpectedNull)
        );
    }

    #[test]
    fn a_count_is_held_against_the_bytes_that_remain() {
        // 4 bytes that made kafka-protocol's decoder ask for 155 GB
        let error = metadata_1(&[0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(
            error,
            Err(Malformed::Truncated {
                needed: 2 * 0x7fff_ffff,
                remaining: 0
            })
        );
        // two names announced, room for one and a half
        assert_eq!(
            metadata_1(&[0, 0, 0, 2, 0, 0, 0]),
            Err(Malformed::Truncated {
                needed: 4,
                remaining: 3
            })
        );
        assert_eq!(metadata_1(&[0, 0, 0, 2, 0, 0, 0, 0]), Ok(()));
    }

    #[test]
    fn elements_are_limited_however_many_bytes_come() {
        let mut body = (ELEMENTS_MAX as i32).to_be_bytes().to_vec();
        body.resize(4 + 2 * ELEMENTS_MAX, 0);
        assert_eq!(metadata_1(&body), Ok(()));
        body[..4].copy_from_slice(&(ELEMENTS_MAX as i32 + 1).to_be_bytes());
        body.extend_from_slice(&[0, 0]);
        assert_eq!(metadata_1(&body), Err(Malformed::TooManyElements));
        // Heartbeat v4 with empty strings and as many unknown tagged fields
        let mut heartbeat = vec![1, 0, 0, 0, 0, 1, 0, 0x81, 0x80, 0x10];
        heartbeat.resize(heartbeat.len() + 2 * (ELEMENTS_MAX + 1), 0);
        assert_eq!(
            check(ApiKey::Heartbeat, 4, &heartbeat),
            Err(Malformed::TooManyElements)
        );
    }

    #[test]
    fn plain_numbers_are_no_elements() {
        // OffsetFetch v1: a group, one topic, a million partitions
        let partitions: usize = 1_000_000;
        let mut body = vec![0, 1, b'g', 0, 0, 0, 1, 0, 1, b't'];
        body.extend_from_slice(&(partitions as i32).to_be_bytes());
        body.resize(body.len() + 4 * partitions, 0);
        assert_eq!(check(ApiKey::OffsetFetch, 1, &body), Ok(()));
        assert!(check(ApiKey::OffsetFetch, 1, &body[..body.len() - 1]).is_err());
    }

    #[test]
    fn tagged_fields_come_in_any_order_but_in_their_versions() {
        // Fetch v12 and v15: no topics, forgotten topics or rack; then tagged fields
        let fetch = |version, tags: &[u8]| {
            let replica_id: usize = if version < 15 { 4 } else { 0 };
            let mut body = vec![0; replica_id + 4 + 4 + 4 + 1 + 4 + 4];
            body.extend_from_slice(&[1, 1, 1]);
            body.extend_from_slice(tags);
            check(ApiKey::Fetch, version, &body)
        };
        let cluster_id = [0, 2, 2, b'c'];
        let replica_state = [1, 13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        let unknown = [9, 2, 0xaa, 0xbb];
        assert_eq!(fetch(12, &[&[1][..], &cluster_id].concat()), Ok(()));
        assert_eq!(
            fetch(15, &[&[3][..], &unknown, &replica_state, &cluster_id].concat()),
            Ok(())
        );
        assert_eq!(
            fetch(12, &[&[1][..], &replica_state].concat()),
            Err(Malformed::UnexpectedTag(1))
        );
        // a known tag's size is not looked at, as in Apache Kafka
        assert_eq!(fetch(12, &[1, 0, 99, 2, b'c']), Ok(()));
        assert!(fetch(12, &[1, 9, 99, 0]).is_err());
        // the largest tag is an unknown one like any other
        assert_eq!(fetch(12, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), Ok(()));
    }

    #[test]
    fn a_struct_that_may_be_null_has_a_byte_in_front() {
        // DescribeTopicPartitions v0: no topics, a limit, a cursor (topic, partition)
        let describe = |cursor: &[u8]| {
            let body = [&[1, 0, 0, 0, 1][..], cursor, &[0]].concat();
            check(ApiKey::DescribeTopicPartitions, 0, &body)
        };
        assert_eq!(describe(&[0xff]), Ok(()));
        assert_eq!(describe(&[1, 2, b't', 0, 0, 0, 0, 0]), Ok(()));
        assert_eq!(
            describe(&[2, 2, b't', 0, 0, 0, 0, 0]),
            Err(Malformed::BadLength(2))
        );
    }

    #[test]
    fn strings_are_utf8() {
        assert_eq!(metadata_1(&[0, 0, 0, 1, 0, 2, 0xc3, 0xa9]), Ok(()));
        assert_eq!(
            metadata_1(&[0, 0, 0, 1, 0, 2, 0xc3, 0x28]),
            Err(Malformed::NotUtf8)
        );
    }

    #[test]
    fn every_api_has_a_shape_of_its_versions() {
        for api in ApiKey::ALL {
            let shape = shape_of(&REQUESTS, *api).unwrap();
            assert_eq!(
                (shape.first, shape.last),
                (api.min_version(), api.max_version()),
                "{api}"
            );
            for version in shape.first..=shape.last {
                assert_eq!(
                    version >= shape.flexible_from,
                    api.is_flexible(version),
                    "{api} v{version}"
                );
            }
        }
        assert_eq!(REQUESTS.iter().flatten().count(), ApiKey::ALL.len());
    }
}
