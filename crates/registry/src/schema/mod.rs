//! Schemas: their three languages, and what is the same for all.

pub mod avro;
mod decode;
mod found;
pub mod json_schema;
pub mod protobuf;
mod references;

use std::fmt;

pub(crate) use references::in_context;
pub use references::{Resolved, resolve};

use crate::json::{Json, object};
use crate::registry::Schema;
use avro::AvroSchema;
use json_schema::JsonSchema;
use protobuf::ProtobufSchema;

/// Bytes of a full name.
const NAME_BYTES_MAX: usize = 1_000;

/// The language of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaType {
    /// Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protocol Buffers.
    Protobuf,
}

impl SchemaType {
    /// The type of that name; Avro where none is named.
    pub fn named(name: Option<&str>) -> Option<SchemaType> {
        match name {
            None | Some("AVRO") => Some(SchemaType::Avro),
            Some("JSON") => Some(SchemaType::Json),
            Some("PROTOBUF") => Some(SchemaType::Protobuf),
            Some(_) => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            SchemaType::Avro => "AVRO",
            SchemaType::Json => "JSON",
            SchemaType::Protobuf => "PROTOBUF",
        }
    }
}

/// That a schema names another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// As what: a type's name in Avro, an address in JSON Schema, an imported file in Protobuf.
    pub name: String,
    /// The subject of the other one.
    pub subject: String,
    /// Its version.
    pub version: i32,
}

impl Reference {
    /// Those of a request or a record.
    pub fn list(given: Option<&Json>) -> Vec<Reference> {
        let given = given.and_then(Json::as_array).unwrap_or_default();
        let read = |reference: &Json| {
            Some(Reference {
                name: reference.get("name")?.as_str()?.to_owned(),
                subject: reference.get("subject")?.as_str()?.to_owned(),
                version: reference.get("version")?.as_i32()?,
            })
        };
        given.iter().filter_map(read).collect()
    }

    /// As it is told.
    pub fn json(&self) -> Json {
        object([
            ("name", self.name.as_str().into()),
            ("subject", self.subject.as_str().into()),
            ("version", self.version.into()),
        ])
    }
}

/// Why what was written with one schema can't be read with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incompatibility {
    /// What kind of reason, in the words of its language.
    pub kind: &'static str,
    /// In words, with the place.
    pub description: String,
    /// What it is about.
    pub about: String,
}

impl Incompatibility {
    /// The same where the schema that reads is the older of the two.
    pub fn from_old_to_new(&self) -> Incompatibility {
        let swapped = self
            .description
            .replace("new schema", "\u{1}")
            .replace("old schema", "new schema");
        Incompatibility {
            description: swapped.replace('\u{1}', "old schema"),
            ..self.clone()
        }
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{{errorType:\"{}\", description:\"{}\"",
            self.kind, self.description
        )?;
        if !self.about.is_empty() {
            write!(to, ", additionalInfo:\"{}\"", self.about)?;
        }
        to.write_str("}")
    }
}

/// A schema that was understood.
pub enum Parsed {
    /// Avro.
    Avro(AvroSchema),
    /// JSON Schema.
    Json(JsonSchema),
    /// Protocol Buffers.
    Protobuf(ProtobufSchema),
}

impl Parsed {
    /// Reads a schema that names others. A new one is held to more than one that is kept already.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(
        schema_type: SchemaType,
        text: &str,
        references: &[Resolved],
        is_new: bool,
    ) -> Result<Parsed, String> {
        match schema_type {
            SchemaType::Avro => AvroSchema::parse(text, references, is_new).map(Parsed::Avro),
            SchemaType::Json => JsonSchema::parse(text, references, is_new).map(Parsed::Json),
            SchemaType::Protobuf => ProtobufSchema::parse(text, references, is_new).map(Parsed::Protobuf),
        }
    }

    /// Its language.
    pub fn schema_type(&self) -> SchemaType {
        match self {
            Parsed::Avro(_) => SchemaType::Avro,
            Parsed::Json(_) => SchemaType::Json,
            Parsed::Protobuf(_) => SchemaType::Protobuf,
        }
    }

    /// The text that is kept.
    pub fn canonical(&self) -> String {
        match self {
            Parsed::Avro(schema) => schema.canonical(),
            Parsed::Json(schema) => schema.canonical(),
            Parsed::Protobuf(schema) => schema.canonical(),
        }
    }

    /// The text that is kept where schemas are brought into their normal form.
    pub fn normalized(&self) -> String {
        match self {
            Parsed::Avro(schema) => schema.normalized(),
            Parsed::Json(schema) => schema.normalized(),
            Parsed::Protobuf(schema) => schema.normalized(),
        }
    }

    fn formatted(&self, format: &str) -> String {
        match self {
            Parsed::Avro(schema) => schema.resolved(),
            Parsed::Protobuf(schema) if format == "serialized" => schema.serialized(),
            Parsed::Protobuf(schema) => schema.without_extensions(),
            Parsed::Json(schema) => schema.canonical(),
        }
    }

    /// Why this schema can't read what was written with another one; nothing if it can.
    pub fn reads(&self, writer: &Parsed) -> Vec<Incompatibility> {
        match (self, writer) {
            (Parsed::Avro(reader), Parsed::Avro(writer)) => avro::compatibility::reads(reader, writer),
            (Parsed::Json(reader), Parsed::Json(writer)) => json_schema::compatibility::reads(reader, writer),
            (Parsed::Protobuf(reader), Parsed::Protobuf(writer)) => {
                protobuf::compatibility::reads(reader, writer)
            }
            (reader, writer) => vec![Incompatibility {
                kind: "SCHEMA_TYPE_CHANGED",
                description: format!(
                    "The new schema is {}, and the old schema is {}",
                    reader.schema_type().name(),
                    writer.schema_type().name()
                ),
                about: String::new(),
            }],
        }
    }
}

/// The text of a schema in a form that is asked for: an Avro schema `resolved` names no others, of a Protobuf
/// schema there are the descriptor, `serialized`, and the text that will `ignore_extensions`. One that its
/// language does not know is the text as it is kept.
///
/// # Errors
/// It can't be read, in words.
pub fn formatted(schema: &Schema, references: &[Resolved], format: &str) -> Result<String, String> {
    let read = || Parsed::parse(schema.schema_type, &schema.text, references, false);
    match (schema.schema_type, format) {
        (SchemaType::Avro, "resolved") | (SchemaType::Protobuf, "serialized" | "ignore_extensions") => {
            Ok(read()?.formatted(format))
        }
        _ => Ok(schema.text.clone()),
    }
}
