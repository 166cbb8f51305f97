//! Avro schemas, by its specification and with what Avro for Java makes of them.

pub mod compatibility;
mod decode;
mod defaults;
mod parse;
mod write;

use std::collections::{HashMap, HashSet};

use crate::json::{Json, Object};

/// A schema: its type, and what the names in it stand for.
pub struct AvroSchema {
    root: Type,
    names: HashMap<String, Definition>,
    /// Of `names`: those that are defined by schemas that this one refers to.
    foreign: HashSet<String>,
}

/// A type.
#[derive(Clone, Debug)]
enum Type {
    Primitive(Primitive, Object),
    Array(Box<Type>, Object),
    Map(Box<Type>, Object),
    Union(Vec<Type>),
    /// By its full name.
    Named(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

const PRIMITIVES: [(&str, Primitive); 8] = [
    ("null", Primitive::Null),
    ("boolean", Primitive::Boolean),
    ("int", Primitive::Int),
    ("long", Primitive::Long),
    ("float", Primitive::Float),
    ("double", Primitive::Double),
    ("bytes", Primitive::Bytes),
    ("string", Primitive::String),
];

impl Primitive {
    fn named(name: &str) -> Option<Primitive> {
        let found = PRIMITIVES.iter().find(|(known, _)| *known == name);
        found.map(|(_, primitive)| *primitive)
    }

    fn name(self) -> &'static str {
        let found = PRIMITIVES.iter().find(|(_, primitive)| *primitive == self);
        found.map_or("null", |(name, _)| name)
    }
}

/// What a full name stands for.
#[derive(Clone, Debug)]
struct Definition {
    doc: Option<String>,
    /// Full names.
    aliases: Vec<String>,
    properties: Object,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Record {
        fields: Vec<Field>,
        is_error: bool,
    },
    Enum {
        symbols: Vec<String>,
        default: Option<String>,
    },
    Fixed {
        size: i64,
    },
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    doc: Option<String>,
    value_type: Type,
    default: Option<Json>,
    order: Option<String>,
    aliases: Vec<String>,
    properties: Object,
}

/// A full name, apart: the namespace is empty where there is none.
fn split(full: &str) -> (&str, &str) {
    full.rsplit_once('.').unwrap_or(("", full))
}

impl AvroSchema {
    fn definition(&self, name: &str) -> Option<&Definition> {
        self.names.get(name)
    }

    /// What two branches of a union may not share: the kind, or the full name.
    fn branch_name<'a>(&self, of: &'a Type) -> &'a str {
        match of {
            Type::Primitive(primitive, _) => primitive.name(),
            Type::Array(..) => "array",
            Type::Map(..) => "map",
            Type::Union(_) => "union",
            Type::Named(name) => name,
        }
    }

    /// The kind of a type as it is told to people.
    fn kind(&self, of: &Type) -> &'static str {
        match of {
            Type::Primitive(primitive, _) => match primitive {
                Primitive::Null => "NULL",
                Primitive::Boolean => "BOOLEAN",
                Primitive::Int => "INT",
                Primitive::Long => "LONG",
                Primitive::Float => "FLOAT",
                Primitive::Double => "DOUBLE",
                Primitive::Bytes => "BYTES",
                Primitive::String => "STRING",
            },
            Type::Array(..) => "ARRAY",
            Type::Map(..) => "MAP",
            Type::Union(_) => "UNION",
            Type::Named(name) => match self.definition(name).map(|found| &found.body) {
                Some(Body::Enum { .. }) => "ENUM",
                Some(Body::Fixed { .. }) => "FIXED",
                _ => "RECORD",
            },
        }
    }
}

#[cfg(test)]
mod tests;
