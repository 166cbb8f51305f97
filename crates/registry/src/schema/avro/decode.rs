//! Avro's binary encoding, as JSON for people: a union is just its value, bytes are hexadecimal digits.

use super::{AvroSchema, Body, Primitive, Type};
use crate::json::{Json, Object};
use crate::schema::decode::{Bytes, hex};

impl AvroSchema {
    /// Reads a value, which has to be all there is.
    ///
    /// # Errors
    /// The bytes are no such value, in words.
    pub fn decode(&self, bytes: &[u8]) -> Result<Json, String> {
        let mut bytes = Bytes::new(bytes);
        let value = self.value(&self.root, &mut bytes)?;
        bytes.end()?;
        Ok(value)
    }

    fn value(&self, of: &Type, bytes: &mut Bytes<'_>) -> Result<Json, String> {
        bytes.within(|bytes| match of {
            Type::Primitive(primitive, _) => primitive_value(*primitive, bytes),
            Type::Array(items, _) => {
                let mut all = Vec::new();
                blocks(bytes, |bytes| {
                    all.push(self.value(items, bytes)?);
                    Ok(())
                })?;
                Ok(Json::Array(all))
            }
            Type::Map(values, _) => {
                let mut all = Object::new();
                blocks(bytes, |bytes| {
                    let name = text(bytes)?;
                    all.insert(name, self.value(values, bytes)?);
                    Ok(())
                })?;
                Ok(Json::Object(all))
            }
            Type::Union(branches) => {
                let at = usize::try_from(bytes.zigzag()?).ok();
                let branch = at.and_then(|at| branches.get(at));
                self.value(branch.ok_or("a union has no such branch")?, bytes)
            }
            Type::Named(name) => self.named(name, bytes),
        })
    }

    fn named(&self, name: &str, bytes: &mut Bytes<'_>) -> Result<Json, String> {
        let definition = self.definition(name).ok_or("a type is not defined")?;
        match &definition.body {
            Body::Record { fields, .. } => {
                let mut all = Object::new();
                for field in fields {
                    all.insert(field.name.clone(), self.value(&field.value_type, bytes)?);
                }
                Ok(Json::Object(all))
            }
            Body::Enum { symbols, .. } => {
                let at = usize::try_from(bytes.zigzag()?).ok();
                let symbol = at.and_then(|at| symbols.get(at));
                Ok(symbol.ok_or("an enum has no such symbol")?.as_str().into())
            }
            Body::Fixed { size } => {
                let size = usize::try_from(*size).map_err(|_| "a size is too large")?;
                Ok(hex(bytes.take(size)?).into())
            }
        }
    }
}

fn primitive_value(primitive: Primitive, bytes: &mut Bytes<'_>) -> Result<Json, String> {
    Ok(match primitive {
        Primitive::Null => Json::Null,
        Primitive::Boolean => match bytes.take(1)? {
            [0] => Json::Bool(false),
            [1] => Json::Bool(true),
            _ => return Err("a boolean is neither 0 nor 1".to_owned()),
        },
        Primitive::Int | Primitive::Long => Json::Number(bytes.zigzag()?.into()),
        Primitive::Float => Json::of_f64(f64::from(f32::from_le_bytes(bytes.array()?))),
        Primitive::Double => Json::of_f64(f64::from_le_bytes(bytes.array()?)),
        Primitive::Bytes => {
            let length = length(bytes)?;
            hex(bytes.take(length)?).into()
        }
        Primitive::String => text(bytes)?.into(),
    })
}

fn length(bytes: &mut Bytes<'_>) -> Result<usize, String> {
    usize::try_from(bytes.zigzag()?).map_err(|_| "a length is negative".to_owned())
}

fn text(bytes: &mut Bytes<'_>) -> Result<String, String> {
    let length = length(bytes)?;
    let text = std::str::from_utf8(bytes.take(length)?);
    Ok(text.map_err(|_| "a string is not UTF-8")?.to_owned())
}

/// Arrays and maps come in blocks; of one with a negative count the size in bytes is told, too.
fn blocks(
    bytes: &mut Bytes<'_>,
    mut item: impl FnMut(&mut Bytes<'_>) -> Result<(), String>,
) -> Result<(), String> {
    loop {
        let count = bytes.zigzag()?;
        if count < 0 {
            bytes.zigzag()?;
        }
        if count == 0 {
            return Ok(());
        }
        // Each takes a step, so that there is an end to items without bytes.
        for _ in 0..count.unsigned_abs() {
            item(bytes)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        let record = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"b","type":["null","string"]},
            {"name":"c","type":{"type":"array","items":{"type":"enum","name":"e","symbols":["X","Y"]}}},
            {"name":"d","type":{"type":"map","values":"double"}},{"name":"e","type":{"type":"fixed","name":"f","size":2}},{"name":"n","type":["null","r"]}]}"#;
        let empty = r#"{"type":"array","items":"null"}"#;
        for (schema, bytes, expected) in [
            (r#""int""#, &b"\x03"[..], Ok("-2")),
            (r#""float""#, b"\0\0\xc0\x3f", Ok("1.5")),
            (r#""double""#, b"\0\0\0\0\0\0\xf8\x7f", Ok("\"NaN\"")),
            (r#""bytes""#, b"\x04\xff\x01", Ok("\"ff01\"")),
            (r#""string""#, b"\x02a\0", Err("left over")),
            (r#""string""#, b"\x7fa", Err("negative")),
            (r#""string""#, b"\x10a", Err("end")),
            (r#""boolean""#, b"\x02", Err("boolean")),
            (r#"["null","int"]"#, b"\x04", Err("branch")),
            (
                record,
                b"\x80\x02\x02\x02x\x03\x02\x00\x02\x00\x02\x02k\0\0\0\0\0\0\xf8\x3f\0\xab\xcd\0",
                Ok(r#"{"a":128,"b":"x","c":["X","Y"],"d":{"k":1.5},"e":"abcd","n":null}"#),
            ),
            // As many nulls as a number can say, in no bytes.
            (
                empty,
                b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0",
                Err("too much"),
            ),
        ] {
            let bytes = match schema == record {
                // The block of two has its size told.
                true => [b"\x80\x02\x02\x02x\x03\x04\0\x02\0".as_slice(), &bytes[10..]].concat(),
                false => bytes.to_vec(),
            };
            let schema = AvroSchema::parse(schema, &[], true).unwrap();
            let found = schema.decode(&bytes);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                _ => panic!("{bytes:?}: {found:?}, not {expected:?}"),
            }
        }
        // A list that goes on for ever ends.
        let list = r#"{"type":"record","name":"l","fields":[{"name":"n","type":["null","l"]}]}"#;
        let list = AvroSchema::parse(list, &[], true).unwrap();
        assert!(list.decode(&[2; 100_000]).unwrap_err().contains("deep"));
    }
}
