//! The id that a schema has everywhere: a digest of what it says, as Confluent's registry makes it. Clients
//! write it into a record's header in place of the context's number.

use std::fmt;

use md5::{Digest, Md5};

use crate::json::Json;
use crate::registry::Schema;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

impl Guid {
    /// A schema's.
    pub fn of(schema: &Schema) -> Guid {
        let mut digest = Md5::new();
        digest.update(&schema.text);
        for reference in &schema.references {
            digest.update(&reference.name);
            digest.update(&reference.subject);
            digest.update(reference.version.to_be_bytes());
        }
        for given in [&schema.metadata, &schema.rule_set] {
            if let Some(given) = Json::parse(given.as_bytes()).ok().filter(|_| !given.is_empty()) {
                // What is there and empty is another schema than what is not there.
                digest.update([1]);
                add(&mut digest, &given);
            }
        }
        Guid(digest.finalize().into())
    }

    /// As it is written; `None` for what is none.
    pub fn parse(text: &str) -> Option<Guid> {
        let lengths = text.split('-').map(str::len);
        if !lengths.eq([8, 4, 4, 4, 12]) || !text.is_ascii() {
            return None;
        }
        let digits: String = text.split('-').collect();
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2)?;
            *byte = u8::from_str_radix(pair, 16)
                .ok()
                .filter(|_| !pair.contains('+'))?;
        }
        Some(Guid(bytes))
    }
}

/// Names and texts, one after the other.
fn add(digest: &mut Md5, json: &Json) {
    match json {
        Json::Null => {}
        Json::String(text) => digest.update(text),
        Json::Array(items) => items.iter().for_each(|item| add(digest, item)),
        Json::Object(fields) => {
            for (name, field) in fields {
                digest.update(name);
                add(digest, field);
            }
        }
        other => digest.update(other.to_string()),
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::SchemaType;

    #[test]
    fn the_guid_is_confluents() {
        let mut schema = Schema {
            schema_type: SchemaType::Avro,
            text: r#"{"type":"record","name":"myrecord","fields":[{"type":"string","default":null,"name":"f"}]}"#
                .to_owned(),
            references: Vec::new(),
            metadata: String::new(),
            rule_set: String::new(),
        };
        let plain = Guid::of(&schema);
        assert_eq!(plain.to_string(), "1d20cbb9-e5e3-5e97-54e7-da170b6e5ddb");
        assert_eq!(Guid::parse(&plain.to_string()), Some(plain));
        schema.metadata = r#"{"properties":{}}"#.to_owned();
        assert_ne!(Guid::of(&schema), plain);
        for text in [
            "",
            "1d20cbb9",
            "1d20cbb9-e5e3-5e97-54e7-da170b6e5dd",
            "1d20cbb9-e5e3-5e97-54e7-da170b6e5dd\u{e9}",
            "+d20cbb9-e5e3-5e97-54e7-da170b6e5ddb",
            "-----",
            "1d20cbb9-e5e3-5e97-54e7-da170b6e5ddbb",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }
}
