//! Proves a request's body before a decoder sees it.
//!
//! kafka-protocol's decoders allocate what a count asks for. The guard walks a body along its shape (`generated/shapes.rs`) and
//! holds every length, count, varint and string against the bytes that remain. What passes can be decoded with memory bounded by
//! the body's size and [`ELEMENTS_MAX`]. It allocates nothing, and it recurses along the shape only, never along the input.
//!
//! It accepts what Apache Kafka's parsers accept: bytes after the message, unknown tags, tags in any order or repeated, and a known
//! tag's size is ignored. It is stricter in what no client sends: strings that are not UTF-8, lengths below -1, more than
//! [`ELEMENTS_MAX`] elements.

use crate::api::ApiKey;
use crate::generated::shapes::REQUESTS;
use crate::malformed::Malformed;
use crate::reader::Reader;
use crate::shape::{Field, Kind, Shape};

/// The most elements in one request: array entries other than plain numbers, and unknown tagged fields.
///
/// An element may take 2 bytes on the wire and 200 decoded, so that the body's size alone is no bound worth the name. No client
/// comes near this number; a Fetch of every partition of a very large cluster has fewer.
pub const ELEMENTS_MAX: usize = 1 << 18;

/// Proves that `body` (a request without its header) is a request of this API and version, whatever may follow it.
pub fn check(api: ApiKey, version: i16, body: &[u8]) -> Result<(), Malformed> {
    let unsupported = Malformed::UnsupportedVersion { api, version };
    let shape = shape_of(api).ok_or(unsupported)?;
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

fn shape_of(api: ApiKey) -> Option<&'static Shape> {
    REQUESTS.get(usize::try_from(api.key()).ok()?)?.as_ref()
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
            match fields.iter().find(|field| field.tag == tag) {
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
        // A count never exceeds the bytes that remain, even where an element could be empty: so does Apache Kafka.
        let size_min = self.size_min(element).max(1);
        let (needed, remaining) = (count.saturating_mul(size_min), self.reader.remaining());
        if needed > remaining {
            return Err(Malformed::Truncated { needed, remaining });
        }
        if let Kind::Fixed(_) = element {
            self.reader.take(needed)?;
            return Ok(());
        }
        self.count_elements(count)?;
        for _ in 0..count {
            self.value(element, false)?;
        }
        Ok(())
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
                sizes.sum::<usize>() + usize::from(self.flexible)
            }
        }
    }
}
