//! The primitive types of the protocol, read and written. The generated codecs stand on it.
//!
//! Reading is safe on any input: each value proves its bytes first, and an array grows with what is really
//! read.

use anyhow::anyhow;
use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::malformed::Malformed;
use crate::messages::{ByteBuf, ByteBufMut, Encodable, StrBytes};
use crate::reader::{Reader, STRING_BYTES_MAX};

/// Array entries to make room for before any has been read.
const ENTRIES_AT_FIRST: usize = 1024;

type Result<T> = std::result::Result<T, anyhow::Error>;

/// Reads off the front of `buf` with a [`Reader`]. (Every buffer that messages are decoded from is
/// contiguous.)
fn read<T, B: ByteBuf>(
    buf: &mut B,
    read: impl FnOnce(&mut Reader<'_>) -> std::result::Result<T, Malformed>,
) -> Result<T> {
    let mut reader = Reader::new(buf.chunk());
    let value = read(&mut reader)?;
    let position = reader.position();
    buf.advance(position);
    Ok(value)
}

macro_rules! fixed {
    ($($get:ident, $put:ident, $type:ident;)*) => {
        $(
            pub(crate) fn $get<B: ByteBuf>(buf: &mut B) -> Result<$type> {
                read(buf, |reader| reader.$type())
            }

            pub(crate) fn $put<B: ByteBufMut>(buf: &mut B, value: $type) {
                buf.put_slice(&value.to_be_bytes());
            }
        )*
    };
}

fixed! {
    get_int8, put_int8, i8;
    get_int16, put_int16, i16;
    get_int32, put_int32, i32;
    get_int64, put_int64, i64;
}

pub(crate) fn get_uint16<B: ByteBuf>(buf: &mut B) -> Result<u16> {
    Ok(get_int16(buf)? as u16)
}

pub(crate) fn put_uint16<B: ByteBufMut>(buf: &mut B, value: u16) {
    put_int16(buf, value as i16);
}

pub(crate) fn get_bool<B: ByteBuf>(buf: &mut B) -> Result<bool> {
    Ok(get_int8(buf)? != 0)
}

pub(crate) fn put_bool<B: ByteBufMut>(buf: &mut B, value: bool) {
    put_int8(buf, i8::from(value));
}

pub(crate) fn get_float64<B: ByteBuf>(buf: &mut B) -> Result<f64> {
    Ok(f64::from_bits(get_int64(buf)? as u64))
}

pub(crate) fn put_float64<B: ByteBufMut>(buf: &mut B, value: f64) {
    put_int64(buf, value.to_bits() as i64);
}

pub(crate) fn get_uuid<B: ByteBuf>(buf: &mut B) -> Result<Uuid> {
    read(buf, |reader| reader.uuid())
}

pub(crate) fn put_uuid<B: ByteBufMut>(buf: &mut B, value: Uuid) {
    buf.put_slice(value.as_bytes());
}

/// Appends an unsigned varint.
pub(crate) fn put_unsigned_varint<B: BufMut>(buf: &mut B, mut value: u32) {
    while value >= 0x80 {
        buf.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    buf.put_u8(value as u8);
}

/// Appends a length or count, `None` being null.
pub(crate) fn put_length<B: ByteBufMut>(buf: &mut B, flexible: bool, length: Option<usize>) -> Result<()> {
    match (flexible, length) {
        (true, None) => put_unsigned_varint(buf, 0),
        (false, None) => put_int32(buf, -1),
        (_, Some(length)) => {
            let length = i32::try_from(length)?;
            if flexible {
                put_unsigned_varint(buf, length as u32 + 1)
            } else {
                put_int32(buf, length)
            }
        }
    }
    Ok(())
}

pub(crate) fn get_string<B: ByteBuf>(buf: &mut B, flexible: bool) -> Result<Option<StrBytes>> {
    match read(buf, |reader| reader.string_length(flexible))? {
        Some(length) => Ok(Some(StrBytes::from_utf8(buf.try_get_bytes(length)?)?)),
        None => Ok(None),
    }
}

pub(crate) fn put_string<B: ByteBufMut>(buf: &mut B, flexible: bool, value: Option<&str>) -> Result<()> {
    match value {
        Some(text) if text.len() > STRING_BYTES_MAX => {
            return Err(Malformed::StringTooLong(text.len()).into());
        }
        Some(text) => {
            if flexible {
                put_unsigned_varint(buf, text.len() as u32 + 1)
            } else {
                put_int16(buf, text.len() as i16)
            }
            buf.put_slice(text.as_bytes());
        }
        None if flexible => put_unsigned_varint(buf, 0),
        None => put_int16(buf, -1),
    }
    Ok(())
}

pub(crate) fn get_bytes<B: ByteBuf>(buf: &mut B, flexible: bool) -> Result<Option<Bytes>> {
    match read(buf, |reader| reader.length(flexible))? {
        Some(length) => Ok(Some(buf.try_get_bytes(length)?)),
        None => Ok(None),
    }
}

pub(crate) fn put_bytes<B: ByteBufMut>(buf: &mut B, flexible: bool, value: Option<&[u8]>) -> Result<()> {
    put_length(buf, flexible, value.map(<[u8]>::len))?;
    buf.put_slice(value.unwrap_or_default());
    Ok(())
}

pub(crate) fn get_array<T, B: ByteBuf>(
    buf: &mut B,
    flexible: bool,
    mut get: impl FnMut(&mut B) -> Result<T>,
) -> Result<Option<Vec<T>>> {
    let Some(count) = read(buf, |reader| reader.length(flexible))? else {
        return Ok(None);
    };
    if count > buf.remaining() {
        return Err(Malformed::Truncated {
            needed: count,
            remaining: buf.remaining(),
        }
        .into());
    }
    let mut entries = Vec::with_capacity(count.min(ENTRIES_AT_FIRST));
    for _ in 0..count {
        entries.push(get(buf)?);
    }
    Ok(Some(entries))
}

pub(crate) fn put_array<T, B: ByteBufMut>(
    buf: &mut B,
    flexible: bool,
    entries: Option<&[T]>,
    mut put: impl FnMut(&mut B, &T) -> Result<()>,
) -> Result<()> {
    put_length(buf, flexible, entries.map(<[T]>::len))?;
    entries
        .unwrap_or_default()
        .iter()
        .try_for_each(|entry| put(buf, entry))
}

/// A nullable struct: a byte says whether it is there, -1 or in a tagged field 0 that it is not.
pub(crate) fn get_struct<T, B: ByteBuf>(
    buf: &mut B,
    get: impl FnOnce(&mut B) -> Result<T>,
) -> Result<Option<T>> {
    if get_int8(buf)? <= 0 {
        return Ok(None);
    }
    get(buf).map(Some)
}

pub(crate) fn put_struct<T, B: ByteBufMut>(
    buf: &mut B,
    value: Option<&T>,
    put: impl FnOnce(&mut B, &T) -> Result<()>,
) -> Result<()> {
    match value {
        Some(value) => {
            put_int8(buf, 1);
            put(buf, value)
        }
        None => {
            put_int8(buf, -1);
            Ok(())
        }
    }
}

/// The value, which its version doesn't allow to be null.
pub(crate) fn required<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Malformed::UnexpectedNull.into())
}

/// The value, which may only be null where `nullable` is true.
pub(crate) fn required_unless<T>(nullable: bool, value: Option<T>) -> Result<Option<T>> {
    if nullable {
        Ok(value)
    } else {
        required(value).map(Some)
    }
}

/// How many tagged fields follow. (Each takes two bytes at least, so a lie ends where the bytes end.)
pub(crate) fn get_tagged_count<B: ByteBuf>(buf: &mut B) -> Result<u32> {
    read(buf, |reader| reader.unsigned_varint())
}

/// A tagged field's tag and size.
pub(crate) fn get_tag<B: ByteBuf>(buf: &mut B) -> Result<(u32, usize)> {
    read(buf, |reader| {
        Ok((reader.unsigned_varint()?, reader.unsigned_varint()? as usize))
    })
}

pub(crate) fn skip<B: ByteBuf>(buf: &mut B, size: usize) -> Result<()> {
    read(buf, |reader| reader.take(size).map(drop))
}

pub(crate) fn skip_tagged_fields<B: ByteBuf>(buf: &mut B) -> Result<()> {
    read(buf, |reader| reader.skip_tagged_fields())
}

pub(crate) fn put_no_tagged_fields<B: ByteBufMut>(buf: &mut B) {
    put_unsigned_varint(buf, 0);
}

/// Tagged fields on their way out, in ascending order of their tags.
#[derive(Default)]
pub(crate) struct TaggedFields {
    count: u32,
    encoded: BytesMut,
}

impl TaggedFields {
    pub(crate) fn put(&mut self, tag: u32, put: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
        let mut value = BytesMut::new();
        put(&mut value)?;
        self.count += 1;
        put_unsigned_varint(&mut self.encoded, tag);
        put_unsigned_varint(&mut self.encoded, u32::try_from(value.len())?);
        self.encoded.put_slice(&value);
        Ok(())
    }

    pub(crate) fn write<B: ByteBufMut>(self, buf: &mut B) {
        put_unsigned_varint(buf, self.count);
        buf.put_slice(&self.encoded);
    }
}

pub(crate) fn check_version(version: i16, first: i16, last: i16) -> Result<()> {
    if (first..=last).contains(&version) {
        Ok(())
    } else {
        Err(anyhow!("version {version} is not in {first} to {last}"))
    }
}

pub(crate) fn not_in_version(field: &str, version: i16) -> anyhow::Error {
    anyhow!("{field} is set, and version {version} doesn't have it")
}

pub(crate) fn null_in_version(field: &str, version: i16) -> anyhow::Error {
    anyhow!("{field} is null, and version {version} doesn't allow it")
}

pub(crate) fn size_of<T: Encodable>(message: &T, version: i16) -> Result<usize> {
    let mut buffer = BytesMut::new();
    message.encode(&mut buffer, version)?;
    Ok(buffer.len())
}
