//! Records in the form of Confluent's serializers (a zero, the id of a schema in four bytes, the value), as
//! JSON for people.

use crate::registry::Registry;
use crate::schema::avro::AvroSchema;
use crate::schema::protobuf::Messages;
use crate::schema::{SchemaType, resolve};
use crate::subject::DEFAULT_CONTEXT;

/// Reads the values of one schema.
pub struct Decoder(Kind);

enum Kind {
    Avro(AvroSchema),
    Json,
    Protobuf(Messages),
}

impl Decoder {
    /// That of an id.
    ///
    /// # Errors
    /// There is no such schema, or it can't be read; in words.
    pub fn of(registry: &Registry, id: i32) -> Result<Decoder, String> {
        let context = registry.context(DEFAULT_CONTEXT);
        let found = context.and_then(|context| context.schema(id));
        let (schema, uses) = found.ok_or_else(|| format!("there is no schema {id}"))?;
        let subject = uses.first().map_or("", |(subject, _)| subject);
        let references = resolve(registry, subject, &schema.references)?;
        Ok(Decoder(match schema.schema_type {
            SchemaType::Avro => Kind::Avro(AvroSchema::parse(&schema.text, &references, false)?),
            SchemaType::Json => Kind::Json,
            SchemaType::Protobuf => Kind::Protobuf(Messages::of(&schema.text, &references)?),
        }))
    }

    /// The language of the schema.
    pub fn schema_type(&self) -> SchemaType {
        match &self.0 {
            Kind::Avro(_) => SchemaType::Avro,
            Kind::Json => SchemaType::Json,
            Kind::Protobuf(_) => SchemaType::Protobuf,
        }
    }

    /// A value, which follows the id.
    ///
    /// # Errors
    /// The bytes are none of this schema, in words.
    pub fn decode(&self, value: &[u8]) -> Result<String, String> {
        match &self.0 {
            Kind::Avro(schema) => Ok(schema.decode(value)?.to_string()),
            Kind::Json => {
                let text = std::str::from_utf8(value);
                Ok(text.map_err(|_| "it is not UTF-8")?.to_owned())
            }
            Kind::Protobuf(messages) => Ok(messages.decode(value)?.to_string()),
        }
    }
}
