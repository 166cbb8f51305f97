//! Protobuf's messages as JSON for people: fields by their names, those that the schema does not know by
//! their numbers, bytes as hexadecimal digits.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use super::names::{Names, scope_of};
use super::{ProtobufSchema, read};
use crate::json::{Json, Object};
use crate::schema::Resolved;
use crate::schema::decode::{Bytes, hex};

/// The messages of a schema, and of those that it imports.
pub struct Messages {
    schema: ProtobufSchema,
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, HashMap<i32, String>>,
}

/// One value of a field, and whether it came in a list of many.
enum Found {
    One(Json),
    Many(Vec<Json>),
}

impl Messages {
    /// Of a schema.
    ///
    /// # Errors
    /// It can't be read, in words.
    pub fn of(text: &str, references: &[Resolved]) -> Result<Messages, String> {
        let mut all = Messages {
            schema: ProtobufSchema::parse(text, references, false)?,
            messages: HashMap::new(),
            enums: HashMap::new(),
        };
        let mut names = Names::default();
        let mut files = Vec::new();
        for reference in references {
            let (file, _) = read(&reference.name, &reference.schema.text)?;
            names.add(&file)?;
            files.push(file);
        }
        for file in &mut files {
            names.resolve(file, false)?;
        }
        files.push((*all.schema.file).clone());
        for file in &files {
            all.add(&scope_of(file), &file.message_type, &file.enum_type);
        }
        Ok(all)
    }

    fn add(&mut self, scope: &str, messages: &[DescriptorProto], enums: &[EnumDescriptorProto]) {
        for of in enums {
            let values = of.value.iter();
            let values = values.map(|value| (value.number(), value.name().to_owned()));
            self.enums
                .insert(format!("{scope}.{}", of.name()), values.collect());
        }
        for message in messages {
            let full = format!("{scope}.{}", message.name());
            self.add(&full, &message.nested_type, &message.enum_type);
            self.messages.insert(full, message.clone());
        }
    }

    /// Reads a message as Confluent's serializers write it: after the places of its type in the file.
    ///
    /// # Errors
    /// The bytes are no such message, in words.
    pub fn decode(&self, bytes: &[u8]) -> Result<Json, String> {
        let mut bytes = Bytes::new(bytes);
        let places = match bytes.zigzag()? {
            0 => vec![0],
            count @ 1..100 => (0..count)
                .map(|_| bytes.zigzag())
                .collect::<Result<Vec<i64>, _>>()?,
            _ => return Err("the place of a message has too many parts".to_owned()),
        };
        let message = message_at(&self.schema.file, &places).ok_or("the schema has no such message")?;
        self.message(message, &mut bytes)
    }

    fn message(&self, of: &DescriptorProto, bytes: &mut Bytes<'_>) -> Result<Json, String> {
        let mut all = Object::new();
        bytes.within(|bytes| {
            while !bytes.is_empty() {
                let tag = bytes.varint()?;
                let (number, wire) = (tag >> 3, tag & 7);
                let field = of
                    .field
                    .iter()
                    .find(|field| u64::try_from(field.number()) == Ok(number));
                let Some(field) = field else {
                    all.insert(format!("#{number}"), raw(wire, bytes)?);
                    continue;
                };
                let found = self.field(field, wire, bytes)?;
                self.put(&mut all, field, found);
            }
            Ok(())
        })?;
        Ok(Json::Object(all))
    }

    fn put(&self, all: &mut Object, field: &FieldDescriptorProto, found: Found) {
        let name = field.name().to_owned();
        let is_list = field.label() == Label::Repeated;
        let values = match found {
            Found::One(value) if !is_list => return drop(all.insert(name, value)),
            Found::One(value) => vec![value],
            Found::Many(values) => values,
        };
        if self.is_map(field) {
            let map = all.entry(name).or_insert_with(|| Json::Object(Object::new()));
            for entry in values {
                let key = entry.get("key").map_or_else(String::new, |key| match key {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                });
                if let Json::Object(map) = map {
                    map.insert(key, entry.get("value").cloned().unwrap_or_default());
                }
            }
            return;
        }
        match all.entry(name).or_insert_with(|| Json::Array(Vec::new())) {
            Json::Array(list) => list.extend(values),
            other => *other = Json::Array(values),
        }
    }

    fn is_map(&self, field: &FieldDescriptorProto) -> bool {
        self.messages.get(field.type_name()).is_some_and(is_entry)
    }

    fn field(&self, field: &FieldDescriptorProto, wire: u64, bytes: &mut Bytes<'_>) -> Result<Found, String> {
        let of = field.r#type();
        let is_own = match of {
            Type::String | Type::Bytes | Type::Message => wire == 2,
            Type::Double | Type::Fixed64 | Type::Sfixed64 => wire == 1,
            Type::Float | Type::Fixed32 | Type::Sfixed32 => wire == 5,
            Type::Group => false,
            _ => wire == 0,
        };
        if is_own {
            return self.value(field, bytes).map(Found::One);
        }
        if wire == 2 && !matches!(of, Type::Group | Type::String | Type::Bytes | Type::Message) {
            let length = length(bytes)?;
            let mut all = Vec::new();
            bytes.part(length, |part| {
                while !part.is_empty() {
                    let value = part.within(|part| self.value(field, part))?;
                    all.push(value);
                }
                Ok(())
            })?;
            return Ok(Found::Many(all));
        }
        raw(wire, bytes).map(Found::One)
    }

    fn value(&self, field: &FieldDescriptorProto, bytes: &mut Bytes<'_>) -> Result<Json, String> {
        Ok(match field.r#type() {
            Type::Double => Json::of_f64(f64::from_le_bytes(bytes.array()?)),
            Type::Float => Json::of_f64(f64::from(f32::from_le_bytes(bytes.array()?))),
            Type::Fixed32 => Json::Number(u32::from_le_bytes(bytes.array()?).into()),
            Type::Sfixed32 => Json::Number(i32::from_le_bytes(bytes.array()?).into()),
            Type::Fixed64 => Json::Number(u64::from_le_bytes(bytes.array()?).into()),
            Type::Sfixed64 => Json::Number(i64::from_le_bytes(bytes.array()?).into()),
            Type::Bool => Json::Bool(bytes.varint()? != 0),
            Type::Uint32 | Type::Uint64 => Json::Number(bytes.varint()?.into()),
            Type::Int32 | Type::Int64 => Json::Number(bytes.varint()?.cast_signed().into()),
            Type::Sint32 | Type::Sint64 => Json::Number(bytes.zigzag()?.into()),
            Type::Enum => {
                let number = bytes.varint()?.cast_signed();
                let values = self.enums.get(field.type_name());
                let name = values.and_then(|values| values.get(&i32::try_from(number).ok()?));
                name.map_or(Json::Number(number.into()), |name| name.as_str().into())
            }
            Type::String => {
                let length = length(bytes)?;
                let text = std::str::from_utf8(bytes.take(length)?);
                text.map_err(|_| "a string is not UTF-8")?.into()
            }
            Type::Bytes => {
                let length = length(bytes)?;
                hex(bytes.take(length)?).into()
            }
            Type::Message => {
                let length = length(bytes)?;
                match self.messages.get(field.type_name()) {
                    Some(message) => bytes.part(length, |part| self.message(message, part))?,
                    None => hex(bytes.take(length)?).into(),
                }
            }
            Type::Group => return Err("groups are not read".to_owned()),
        })
    }
}

fn message_at<'f>(file: &'f FileDescriptorProto, places: &[i64]) -> Option<&'f DescriptorProto> {
    let (first, rest) = places.split_first()?;
    let first = file.message_type.get(usize::try_from(*first).ok()?)?;
    rest.iter().try_fold(first, |message, place| {
        let place = usize::try_from(*place).ok()?;
        let nested = &message.nested_type;
        let found = nested.get(place).filter(|nested| !is_entry(nested));
        // Some serializers count what maps are made of, and some do not.
        found.or_else(|| nested.iter().filter(|nested| !is_entry(nested)).nth(place))
    })
}

fn is_entry(message: &DescriptorProto) -> bool {
    message
        .options
        .as_ref()
        .is_some_and(|options| options.map_entry())
}

/// What the schema does not know.
fn raw(wire: u64, bytes: &mut Bytes<'_>) -> Result<Json, String> {
    bytes.within(|bytes| match wire {
        0 => Ok(Json::Number(bytes.varint()?.into())),
        1 => Ok(hex(bytes.take(8)?).into()),
        2 => {
            let length = length(bytes)?;
            Ok(hex(bytes.take(length)?).into())
        }
        5 => Ok(hex(bytes.take(4)?).into()),
        other => Err(format!("a field has the wire type {other}")),
    })
}

fn length(bytes: &mut Bytes<'_>) -> Result<usize, String> {
    usize::try_from(bytes.varint()?).map_err(|_| "a length is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_are_written() {
        let text = "syntax = \"proto3\"; package p; message Other { } message M { int32 a = 1; repeated sint32 b = 2; map<string, E> c = 3; \
                    M d = 4; oneof o { string e = 5; bytes f = 6; } double g = 7; google.protobuf.Timestamp t = 8; message N { bool h = 1; } enum E { Z = 0; Y = 2; } }";
        let messages = Messages::of(text, &[]).unwrap();
        for (bytes, expected) in [
            (&b"\x02\x02"[..], Ok("{}")),
            (b"\0", Ok("{}")),
            (
                b"\x02\x02\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                Ok(r#"{"a":-1}"#),
            ),
            (b"\x02\x02\x12\x02\x01\x04\x10\x03", Ok(r#"{"b":[-1,2,-2]}"#)),
            (
                b"\x02\x02\x1a\x05\x0a\x01k\x10\x02\x22\x02\x08\x07\x2a\x01x",
                Ok(r#"{"c":{"k":"Y"},"d":{"a":7},"e":"x"}"#),
            ),
            (
                b"\x02\x02\x42\x01\x08\x4a\x01\xff\x50\x05",
                Ok(r##"{"t":"08","#9":"ff","#10":5}"##),
            ),
            (b"\x04\x02\0\x08\x01", Ok(r#"{"h":true}"#)),
            (b"\x02\x08", Err("no such message")),
            (b"\x02\x02\x2a\x05x", Err("no end")),
            (b"\x02\x02\x0b", Err("wire type 3")),
        ] {
            let found = messages.decode(bytes);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.to_string(), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                _ => panic!("{bytes:?}: {found:?}, not {expected:?}"),
            }
        }
    }
}
