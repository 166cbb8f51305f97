//! Writing, in the order in which Avro for Java writes a schema.

use std::collections::HashSet;

use super::{AvroSchema, Body, Definition, Field, Type, split};
use crate::json::{Json, Object};

impl AvroSchema {
    /// The schema without spaces and without what says nothing.
    pub fn canonical(&self) -> String {
        self.write(Some(&self.foreign), false)
    }

    /// As [`AvroSchema::canonical`], with what other schemas define written where it is named first.
    pub fn resolved(&self) -> String {
        self.write(None, false)
    }

    /// As [`AvroSchema::canonical`], with full names and with properties in the order of their names.
    pub fn normalized(&self) -> String {
        self.write(Some(&self.foreign), true)
    }

    fn write<'a>(&'a self, foreign: Option<&'a HashSet<String>>, is_normal: bool) -> String {
        let mut writing = Writing {
            schema: self,
            written: foreign.into_iter().flatten().map(String::as_str).collect(),
            is_normal,
        };
        writing.json(&self.root, "").to_string()
    }
}

struct Writing<'a> {
    schema: &'a AvroSchema,
    written: HashSet<&'a str>,
    is_normal: bool,
}

impl<'a> Writing<'a> {
    fn json(&mut self, of: &'a Type, namespace: &str) -> Json {
        match of {
            Type::Primitive(primitive, properties) if properties.is_empty() => primitive.name().into(),
            Type::Primitive(primitive, properties) => self.with(primitive.name(), None, properties),
            Type::Array(items, properties) => {
                let items = self.json(items, namespace);
                self.with("array", Some(("items", items)), properties)
            }
            Type::Map(values, properties) => {
                let values = self.json(values, namespace);
                self.with("map", Some(("values", values)), properties)
            }
            Type::Union(branches) => {
                let branches = branches.iter().map(|branch| self.json(branch, namespace));
                Json::Array(branches.collect())
            }
            Type::Named(name) => {
                let defined = self.schema.definition(name).filter(|_| self.written.insert(name));
                match defined {
                    Some(definition) => self.definition(name, definition, namespace),
                    None => self.relative(name, namespace).into(),
                }
            }
        }
    }

    fn with(&self, kind: &str, of: Option<(&str, Json)>, properties: &Object) -> Json {
        let mut object = Object::new();
        object.insert("type".to_owned(), kind.into());
        if let Some((name, value)) = of {
            object.insert(name.to_owned(), value);
        }
        self.add(&mut object, properties);
        Json::Object(object)
    }

    fn definition(&mut self, full: &'a str, definition: &'a Definition, outer: &str) -> Json {
        let (namespace, name) = split(full);
        let mut object = Object::new();
        let kind = match &definition.body {
            Body::Record { is_error: false, .. } => "record",
            Body::Record { is_error: true, .. } => "error",
            Body::Enum { .. } => "enum",
            Body::Fixed { .. } => "fixed",
        };
        object.insert("type".to_owned(), kind.into());
        match self.is_normal {
            true => drop(object.insert("name".to_owned(), full.into())),
            false => {
                object.insert("name".to_owned(), name.into());
                if namespace != outer {
                    object.insert("namespace".to_owned(), namespace.into());
                }
            }
        }
        if let Some(doc) = &definition.doc {
            object.insert("doc".to_owned(), doc.as_str().into());
        }
        match &definition.body {
            Body::Record { fields, .. } => {
                let fields = fields.iter().map(|field| self.field(field, namespace));
                object.insert("fields".to_owned(), Json::Array(fields.collect()));
            }
            Body::Enum { symbols, default } => {
                object.insert("symbols".to_owned(), symbols.iter().map(String::as_str).collect());
                if let Some(default) = default {
                    object.insert("default".to_owned(), default.as_str().into());
                }
            }
            Body::Fixed { size } => {
                object.insert("size".to_owned(), Json::Number((*size).into()));
            }
        }
        self.add(&mut object, &definition.properties);
        if !definition.aliases.is_empty() {
            let aliases = definition
                .aliases
                .iter()
                .map(|alias| self.relative(alias, namespace));
            object.insert("aliases".to_owned(), aliases.collect());
        }
        Json::Object(object)
    }

    fn field(&mut self, field: &'a Field, namespace: &str) -> Json {
        let mut object = Object::new();
        object.insert("name".to_owned(), field.name.as_str().into());
        object.insert("type".to_owned(), self.json(&field.value_type, namespace));
        if let Some(doc) = &field.doc {
            object.insert("doc".to_owned(), doc.as_str().into());
        }
        if let Some(default) = &field.default {
            object.insert("default".to_owned(), default.clone());
        }
        if let Some(order) = &field.order {
            object.insert("order".to_owned(), order.as_str().into());
        }
        if !field.aliases.is_empty() {
            object.insert(
                "aliases".to_owned(),
                field.aliases.iter().map(String::as_str).collect(),
            );
        }
        self.add(&mut object, &field.properties);
        Json::Object(object)
    }

    fn relative(&self, full: &str, namespace: &str) -> String {
        match split(full) {
            (of, name) if of == namespace && !self.is_normal => name.to_owned(),
            _ => full.to_owned(),
        }
    }

    fn add(&self, to: &mut Object, properties: &Object) {
        let mut properties = properties.clone();
        if self.is_normal {
            properties.sort_unstable_keys();
        }
        to.extend(properties);
    }
}
