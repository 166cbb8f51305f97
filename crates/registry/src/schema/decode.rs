//! Reading values by schemas: what Avro and Protobuf share. The bytes are anybody's.

use std::fmt::Write as _;

/// Values in values.
const DEPTH_MAX: usize = 100;
/// Values of one record.
const STEPS_MAX: usize = 100_000;

/// Bytes that are taken from the front.
pub struct Bytes<'a> {
    rest: &'a [u8],
    depth: usize,
    steps: usize,
}

impl<'a> Bytes<'a> {
    /// All of them.
    pub fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes {
            rest: bytes,
            depth: 0,
            steps: 0,
        }
    }

    /// Whether there are none left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left over is an error.
    pub fn end(&self) -> Result<(), String> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes are left over")),
        }
    }

    /// Reads a value, within limits of their number and depth.
    pub fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err("there is too much in it".to_owned());
        }
        if self.depth == DEPTH_MAX {
            return Err("it is too deep".to_owned());
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Reads a part of the bytes by itself, with the same limits.
    pub fn part<T>(
        &mut self,
        length: usize,
        read: impl FnOnce(&mut Bytes<'a>) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut part = Bytes {
            rest: self.take(length)?,
            depth: self.depth,
            steps: self.steps,
        };
        let value = read(&mut part);
        self.steps = part.steps;
        value
    }

    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it has no end")?;
        self.rest = rest;
        Ok(taken)
    }

    /// As many as fit.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| "it has no end".to_owned())
    }

    /// A number of seven bits a byte.
    pub fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for at in 0..10 {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number has more than ten bytes".to_owned())
    }

    /// The same, with its sign in the last bit.
    pub fn zigzag(&mut self) -> Result<i64, String> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
