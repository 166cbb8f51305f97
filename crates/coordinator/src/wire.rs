//! Strings, bytes and tagged fields of Kafka's records, read without trusting a length.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error::CoordinatorError;

type Result<T> = std::result::Result<T, CoordinatorError>;

fn take<'a>(buf: &mut &'a [u8], length: i64) -> Result<&'a [u8]> {
    let length = usize::try_from(length).map_err(|_| CoordinatorError::Malformed)?;
    let (taken, rest) = buf.split_at_checked(length).ok_or(CoordinatorError::Malformed)?;
    *buf = rest;
    Ok(taken)
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| CoordinatorError::Malformed)
}

pub(crate) fn get_string(buf: &mut &[u8]) -> Result<String> {
    let length = buf.try_get_i16()?;
    text(take(buf, length.into())?)
}

pub(crate) fn get_nullable_string(buf: &mut &[u8]) -> Result<Option<String>> {
    match buf.try_get_i16()? {
        -1 => Ok(None),
        length => text(take(buf, length.into())?).map(Some),
    }
}

pub(crate) fn get_bytes(buf: &mut &[u8]) -> Result<Bytes> {
    let length = buf.try_get_i32()?;
    Ok(Bytes::copy_from_slice(take(buf, length.into())?))
}

/// An unsigned varint of 32 bits.
pub(crate) fn get_varint(buf: &mut &[u8]) -> Result<u32> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = buf.try_get_u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| CoordinatorError::Malformed);
        }
    }
    Err(CoordinatorError::Malformed)
}

pub(crate) fn get_compact_string(buf: &mut &[u8]) -> Result<String> {
    let length = i64::from(get_varint(buf)?) - 1;
    text(take(buf, length)?)
}

pub(crate) fn get_nullable_compact_string(buf: &mut &[u8]) -> Result<Option<String>> {
    match get_varint(buf)? {
        0 => Ok(None),
        length => text(take(buf, i64::from(length) - 1)?).map(Some),
    }
}

pub(crate) fn get_compact_bytes(buf: &mut &[u8]) -> Result<Bytes> {
    let length = i64::from(get_varint(buf)?) - 1;
    Ok(Bytes::copy_from_slice(take(buf, length)?))
}

/// Passes over the tagged fields, showing each to `seen`.
pub(crate) fn skip_tagged_fields(buf: &mut &[u8], mut seen: impl FnMut(u32, &[u8])) -> Result<()> {
    for _ in 0..get_varint(buf)? {
        let tag = get_varint(buf)?;
        let length = get_varint(buf)?;
        seen(tag, take(buf, length.into())?);
    }
    Ok(())
}

pub(crate) fn put_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

pub(crate) fn put_string(out: &mut BytesMut, text: &str) -> Result<()> {
    out.put_i16(i16::try_from(text.len()).map_err(|_| CoordinatorError::TooLong)?);
    out.put_slice(text.as_bytes());
    Ok(())
}

pub(crate) fn put_nullable_string(out: &mut BytesMut, text: Option<&str>) -> Result<()> {
    match text {
        Some(text) => put_string(out, text),
        None => {
            out.put_i16(-1);
            Ok(())
        }
    }
}

pub(crate) fn put_compact_string(out: &mut BytesMut, text: &str) {
    put_varint(
        out,
        u32::try_from(text.len()).unwrap_or(u32::MAX).saturating_add(1),
    );
    out.put_slice(text.as_bytes());
}

pub(crate) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) -> Result<()> {
    out.put_i32(i32::try_from(bytes.len()).map_err(|_| CoordinatorError::TooLong)?);
    out.put_slice(bytes);
    Ok(())
}
