//! Whether messages that were written with one schema can be read with another: numbers count, names hardly.

use std::collections::{HashMap, HashSet};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};

use super::ProtobufSchema;
use crate::schema::Incompatibility;
use crate::schema::found::{Found, below};

/// Why `reader` can't read what was written with `writer`; nothing if it can.
pub fn reads(reader: &ProtobufSchema, writer: &ProtobufSchema) -> Vec<Incompatibility> {
    let mut found = Comparing(Found::default());
    let packages = (writer.file.package(), reader.file.package());
    found.messages(
        &writer.file.message_type,
        &reader.file.message_type,
        packages,
        "#/",
    );
    found.0.into_vec()
}

struct Comparing(Found);

impl Comparing {
    fn report(&mut self, kind: &'static str, path: &str, what: &str) {
        self.0.push(Incompatibility {
            kind,
            description: format!("The new schema differs from the old schema at path '{path}': {what}"),
            about: String::new(),
        });
    }

    fn messages(
        &mut self,
        old: &[DescriptorProto],
        new: &[DescriptorProto],
        packages: (&str, &str),
        path: &str,
    ) {
        let by_name: HashMap<&str, &DescriptorProto> =
            new.iter().map(|message| (message.name(), message)).collect();
        for was in old {
            let path = below(path, was.name());
            match by_name.get(was.name()) {
                Some(is) => self.message(was, is, packages, &path),
                None => self.report("MESSAGE_REMOVED", &path, "a message is gone"),
            }
        }
    }

    fn message(&mut self, old: &DescriptorProto, new: &DescriptorProto, packages: (&str, &str), path: &str) {
        self.messages(&old.nested_type, &new.nested_type, packages, path);
        let by_number = |message: &'_ DescriptorProto| -> HashMap<i32, usize> {
            let numbers = message.field.iter().enumerate();
            numbers.map(|(at, field)| (field.number(), at)).collect()
        };
        let (was, is) = (by_number(old), by_number(new));
        for before in &old.field {
            let path = format!("{path}/{}", before.number());
            match is.get(&before.number()).and_then(|at| new.field.get(*at)) {
                Some(now) => self.field(before, now, packages, &path),
                None if before.label() == Label::Required => {
                    self.report("REQUIRED_FIELD_REMOVED", &path, "a required field is gone");
                }
                None if oneof_of(before).is_some() => {
                    self.report("ONEOF_FIELD_REMOVED", &path, "a field of a oneof is gone");
                }
                None => {}
            }
        }
        for now in new.field.iter().filter(|now| !was.contains_key(&now.number())) {
            if now.label() == Label::Required {
                let path = format!("{path}/{}", now.number());
                self.report("REQUIRED_FIELD_ADDED", &path, "a required field is new");
            }
        }
        self.oneofs(old, new, path);
    }

    /// Fields that could be set together must not come into one oneof.
    fn oneofs(&mut self, old: &DescriptorProto, new: &DescriptorProto, path: &str) {
        let mut moved: HashMap<i32, HashSet<Option<i32>>> = HashMap::new();
        let mut loose: HashMap<i32, usize> = HashMap::new();
        let before: HashMap<i32, Option<i32>> = old
            .field
            .iter()
            .map(|field| (field.number(), oneof_of(field)))
            .collect();
        for field in &new.field {
            let Some(to) = oneof_of(field) else { continue };
            let Some(from) = before.get(&field.number()) else {
                continue;
            };
            moved.entry(to).or_default().insert(*from);
            if from.is_none() {
                *loose.entry(to).or_default() += 1;
            }
        }
        let collides = moved
            .iter()
            .any(|(to, from)| from.len() > 1 || loose.get(to).is_some_and(|count| *count > 1));
        if collides {
            let what = "fields that could be set together are in one oneof";
            self.report("MULTIPLE_FIELDS_MOVED_TO_ONEOF", path, what);
        }
    }

    fn field(
        &mut self,
        old: &FieldDescriptorProto,
        new: &FieldDescriptorProto,
        packages: (&str, &str),
        path: &str,
    ) {
        let is_required = |field: &FieldDescriptorProto| field.label() == Label::Required;
        match (is_required(old), is_required(new)) {
            (false, true) => self.report("REQUIRED_FIELD_ADDED", path, "a field is required now"),
            (true, false) => self.report("REQUIRED_FIELD_REMOVED", path, "a field is not required any more"),
            _ => {}
        }
        let (was, is) = (Wire::of(old.r#type()), Wire::of(new.r#type()));
        if was != is {
            let kind = match matches!(was, Wire::Message) == matches!(is, Wire::Message) {
                true => "FIELD_SCALAR_KIND_CHANGED",
                false => "FIELD_KIND_CHANGED",
            };
            return self.report(kind, path, "the type of a field is another");
        }
        if was == Wire::Message {
            let name = |field: &FieldDescriptorProto, package: &str| {
                let full = field.type_name().to_owned();
                let local = full.strip_prefix(&format!(".{package}.")).map(str::to_owned);
                local.unwrap_or(full)
            };
            if name(old, packages.0) != name(new, packages.1) {
                return self.report(
                    "FIELD_NAMED_TYPE_CHANGED",
                    path,
                    "the message of a field is another",
                );
            }
        }
        let is_list = |field: &FieldDescriptorProto| field.label() == Label::Repeated;
        if is_list(old) != is_list(new) && !matches!(was, Wire::Bytes | Wire::Message) {
            self.report(
                "FIELD_NUMERIC_LABEL_CHANGED",
                path,
                "a number is a list, or is none any more",
            );
        }
    }
}

/// Types that are written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Varint,
    ZigZag,
    Bytes,
    Fixed32,
    Fixed64,
    Float,
    Double,
    Message,
    Group,
}

impl Wire {
    fn of(of: Type) -> Wire {
        match of {
            Type::Int32 | Type::Int64 | Type::Uint32 | Type::Uint64 | Type::Bool | Type::Enum => Wire::Varint,
            Type::Sint32 | Type::Sint64 => Wire::ZigZag,
            Type::String | Type::Bytes => Wire::Bytes,
            Type::Fixed32 | Type::Sfixed32 => Wire::Fixed32,
            Type::Fixed64 | Type::Sfixed64 => Wire::Fixed64,
            Type::Float => Wire::Float,
            Type::Double => Wire::Double,
            Type::Message => Wire::Message,
            Type::Group => Wire::Group,
        }
    }
}

/// The oneof that a field stands in. That of an `optional` field is nobody's.
fn oneof_of(field: &FieldDescriptorProto) -> Option<i32> {
    field.oneof_index.filter(|_| !field.proto3_optional())
}
