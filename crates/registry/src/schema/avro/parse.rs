//! Reading: names and namespaces, unions, and what may not be.

use std::collections::{HashMap, HashSet};

use super::{AvroSchema, Body, Definition, Field, Primitive, Type, split};
use crate::json::{Json, Object};
use crate::schema::{NAME_BYTES_MAX, Resolved, SchemaType};

impl AvroSchema {
    /// Reads a schema; names that it does not define itself come from `references`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, references: &[Resolved], is_new: bool) -> Result<AvroSchema, String> {
        let mut reading = Reading {
            schema: AvroSchema {
                root: Type::Primitive(Primitive::Null, Object::new()),
                names: HashMap::new(),
                foreign: HashSet::new(),
            },
            is_new: false,
        };
        let mut read = HashSet::new();
        for reference in references {
            if reference.schema.schema_type != SchemaType::Avro {
                return Err(format!("'{}' is not an Avro schema", reference.name));
            }
            // One that goes by several names defines its own only once.
            if read.insert(&reference.schema.text) {
                reading.root(&reference.schema.text)?;
            }
        }
        reading.schema.foreign = reading.schema.names.keys().cloned().collect();
        reading.is_new = is_new;
        reading.schema.root = reading.root(text)?;
        if is_new {
            reading.schema.check_defaults()?;
        }
        Ok(reading.schema)
    }
}

struct Reading {
    schema: AvroSchema,
    /// Names are held to the specification.
    is_new: bool,
}

impl Reading {
    fn root(&mut self, text: &str) -> Result<Type, String> {
        // A name alone need not stand in quotes.
        let bare = text.trim();
        let json = match Primitive::named(bare) {
            Some(_) => bare.into(),
            None => Json::parse(text.as_bytes())?,
        };
        self.read(&json, "")
    }

    fn read(&mut self, json: &Json, namespace: &str) -> Result<Type, String> {
        match json {
            Json::String(name) => self.named(name, namespace),
            Json::Array(branches) => self.union(branches, namespace),
            Json::Object(object) => self.object(object, namespace),
            other => Err(format!("no schema: {}", shortened(other))),
        }
    }

    fn named(&self, name: &str, namespace: &str) -> Result<Type, String> {
        if let Some(primitive) = Primitive::named(name) {
            return Ok(Type::Primitive(primitive, Object::new()));
        }
        let full = full_name(name, namespace)?;
        if self.schema.names.contains_key(&full) {
            return Ok(Type::Named(full));
        }
        if self.schema.names.contains_key(name) {
            return Ok(Type::Named(name.to_owned()));
        }
        Err(format!("Undefined name: \"{name}\""))
    }

    fn union(&mut self, given: &[Json], namespace: &str) -> Result<Type, String> {
        let (mut branches, mut names) = (Vec::new(), HashSet::new());
        for branch in given {
            let branch = self.read(branch, namespace)?;
            if matches!(branch, Type::Union(_)) {
                return Err("a union directly in a union".to_owned());
            }
            let name = self.schema.branch_name(&branch).to_owned();
            if let Some(twice) = names.replace(name) {
                return Err(format!("Duplicate in union: {twice}"));
            }
            branches.push(branch);
        }
        Ok(Type::Union(branches))
    }

    fn object(&mut self, object: &Object, namespace: &str) -> Result<Type, String> {
        let of = object
            .get("type")
            .ok_or_else(|| format!("No type: {}", shortened(&Json::Object(object.clone()))))?;
        let Json::String(kind) = of else {
            // {"type": {…}} and {"type": […]} say only what is inside.
            return self.read(of, namespace);
        };
        match kind.as_str() {
            "record" | "error" | "enum" | "fixed" => self.definition(kind, object, namespace),
            "array" => {
                let items = object.get("items").ok_or("array without items")?;
                let items = self.read(items, namespace)?;
                Ok(Type::Array(Box::new(items), others(object, &["type", "items"])))
            }
            "map" => {
                let values = object.get("values").ok_or("map without values")?;
                let values = self.read(values, namespace)?;
                Ok(Type::Map(Box::new(values), others(object, &["type", "values"])))
            }
            name => match self.named(name, namespace)? {
                Type::Primitive(primitive, _) => Ok(Type::Primitive(primitive, others(object, &["type"]))),
                named => Ok(named),
            },
        }
    }

    fn definition(&mut self, kind: &str, object: &Object, outer: &str) -> Result<Type, String> {
        let name = text(object, "name").ok_or_else(|| format!("{kind} without a name"))?;
        let namespace = text(object, "namespace").unwrap_or(outer);
        let full = full_name(name, namespace)?;
        self.check_name(&full)?;
        if Primitive::named(split(&full).1).is_some() && split(&full).0.is_empty() {
            return Err(format!("Schemas may not be named after primitives: {full}"));
        }
        if self.schema.names.contains_key(&full) {
            return Err(format!("Can't redefine: {full}"));
        }
        let namespace = split(&full).0.to_owned();
        let aliases = strings(object.get("aliases"));
        let mut known = vec!["type", "name", "namespace", "doc", "aliases"];
        let body = match kind {
            "enum" => {
                known.extend(["symbols", "default"]);
                self.symbols(object)?
            }
            "fixed" => {
                known.push("size");
                let size = object
                    .get("size")
                    .and_then(Json::as_i64)
                    .filter(|size| *size >= 0);
                Body::Fixed {
                    size: size.ok_or_else(|| format!("Invalid or no size: {full}"))?,
                }
            }
            _ => {
                known.push("fields");
                Body::Record {
                    fields: Vec::new(),
                    is_error: kind == "error",
                }
            }
        };
        let defined = Definition {
            doc: text(object, "doc").map(str::to_owned),
            aliases: aliases
                .iter()
                .map(|alias| full_name(alias, &namespace))
                .collect::<Result<_, _>>()?,
            properties: others(object, &known),
            body,
        };
        // Fields may name the record that they are in.
        self.schema.names.insert(full.clone(), defined);
        if matches!(kind, "record" | "error") {
            let read = self.fields(object, &full, &namespace)?;
            let defined = self.schema.names.get_mut(&full).map(|defined| &mut defined.body);
            if let Some(Body::Record { fields, .. }) = defined {
                *fields = read;
            }
        }
        Ok(Type::Named(full))
    }

    fn symbols(&self, object: &Object) -> Result<Body, String> {
        let given = object
            .get("symbols")
            .and_then(Json::as_array)
            .ok_or("enum has no symbols")?;
        let (mut symbols, mut seen) = (Vec::new(), HashSet::new());
        for symbol in given {
            let symbol = symbol.as_str().ok_or("a symbol that is no text")?;
            self.check_name(symbol)?;
            if !seen.insert(symbol) {
                return Err(format!("Duplicate enum symbol: {symbol}"));
            }
            symbols.push(symbol.to_owned());
        }
        let default = text(object, "default").map(str::to_owned);
        if let Some(default) = default.as_deref().filter(|default| !seen.contains(default)) {
            return Err(format!(
                "The Enum Default: {default} is not in the enum symbol set"
            ));
        }
        Ok(Body::Enum { symbols, default })
    }

    fn fields(&mut self, object: &Object, record: &str, namespace: &str) -> Result<Vec<Field>, String> {
        let given = object.get("fields").and_then(Json::as_array);
        let given = given.ok_or_else(|| format!("Record has no fields: {record}"))?;
        let (mut fields, mut seen) = (Vec::new(), HashSet::new());
        for field in given {
            let field = field
                .as_object()
                .ok_or_else(|| format!("a field of {record} is no object"))?;
            let name = text(field, "name").ok_or_else(|| format!("No field name in {record}"))?;
            self.check_name(name)?;
            if !seen.insert(name) {
                return Err(format!("Duplicate field {name} in record {record}"));
            }
            let of = field
                .get("type")
                .ok_or_else(|| format!("No field type: {name}"))?;
            let order = text(field, "order").map(str::to_lowercase);
            let known = ["ascending", "descending", "ignore"];
            if let Some(order) = order.as_deref().filter(|order| !known.contains(order)) {
                return Err(format!("Invalid order of field {name}: {order}"));
            }
            fields.push(Field {
                name: name.to_owned(),
                doc: text(field, "doc").map(str::to_owned),
                value_type: self.read(of, namespace)?,
                default: field.get("default").cloned(),
                order: order.filter(|order| order != "ascending"),
                aliases: strings(field.get("aliases")),
                properties: others(field, &["name", "type", "doc", "default", "order", "aliases"]),
            });
        }
        Ok(fields)
    }

    fn check_name(&self, name: &str) -> Result<(), String> {
        let is_part = |part: &str| {
            let mut letters = part.chars();
            letters
                .next()
                .is_some_and(|first| first.is_alphabetic() || first == '_')
                && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
        };
        match !self.is_new || is_part(split(name).1) {
            true => Ok(()),
            false => Err(format!("Illegal name: {name:?}")),
        }
    }
}

/// Every type of a namespace has all of it in its name.
fn full_name(name: &str, namespace: &str) -> Result<String, String> {
    if name.len() + namespace.len() > NAME_BYTES_MAX {
        return Err(format!("a name has more than {NAME_BYTES_MAX} bytes"));
    }
    Ok(match name.contains('.') || namespace.is_empty() {
        // A dot at the front names what is in no namespace.
        true => name.strip_prefix('.').unwrap_or(name).to_owned(),
        false => format!("{namespace}.{name}"),
    })
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

fn strings(given: Option<&Json>) -> Vec<String> {
    let given = given.and_then(Json::as_array).unwrap_or_default();
    given
        .iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn others(object: &Object, known: &[&str]) -> Object {
    let others = object.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    others
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn shortened(json: &Json) -> String {
    json.to_string().chars().take(200).collect()
}
