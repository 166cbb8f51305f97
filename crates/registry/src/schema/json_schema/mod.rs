//! JSON Schema, drafts 4 to 2020-12 as far as they bear on whether documents that fit one schema fit another.

mod check;
pub mod compatibility;
mod typed;
mod view;

use std::collections::HashMap;

use crate::json::Json;
use crate::schema::{Resolved, SchemaType};

/// A schema, and the documents that its `$ref`s may name.
pub struct JsonSchema {
    /// The schema itself, then the others.
    documents: Vec<Json>,
    /// The documents by their names and their `$id`s.
    names: HashMap<String, usize>,
    /// Where the anchors of documents are: under which keyword, by what name.
    anchors: HashMap<(usize, String), (&'static str, String)>,
}

/// A part of a document.
#[derive(Clone, Copy)]
struct Place<'a> {
    json: &'a Json,
    document: usize,
}

/// `$ref`s that only lead on to the next.
const REFS_MAX: usize = 64;

impl JsonSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, references: &[Resolved], is_new: bool) -> Result<JsonSchema, String> {
        let mut schema = JsonSchema {
            documents: vec![Json::parse(text.as_bytes())?],
            names: HashMap::new(),
            anchors: HashMap::new(),
        };
        schema.name(0);
        for reference in references {
            if reference.schema.schema_type != SchemaType::Json {
                return Err(format!("'{}' is not a JSON schema", reference.name));
            }
            let document = schema.documents.len();
            schema
                .documents
                .push(Json::parse(reference.schema.text.as_bytes())?);
            schema.name(document);
            schema.names.insert(reference.name.clone(), document);
        }
        if is_new {
            schema.check()?;
        }
        Ok(schema)
    }

    fn name(&mut self, document: usize) {
        let json = &self.documents[document];
        let id = json.get("$id").or_else(|| json.get("id")).and_then(Json::as_str);
        if let Some(id) = id.map(|id| id.trim_end_matches('#').to_owned()) {
            self.names.entry(id).or_insert(document);
        }
        for keyword in ["$defs", "definitions"] {
            let definitions = json.get(keyword).and_then(Json::as_object);
            for (name, definition) in definitions.into_iter().flatten() {
                let text = |key: &str| definition.get(key).and_then(Json::as_str);
                let by_id = text("$id").and_then(|id| id.strip_prefix('#'));
                for anchor in text("$anchor").into_iter().chain(by_id) {
                    let key = (document, anchor.to_owned());
                    self.anchors.entry(key).or_insert_with(|| (keyword, name.clone()));
                }
            }
        }
    }

    /// The schema without spaces.
    pub fn canonical(&self) -> String {
        self.documents[0].to_string()
    }

    /// As [`JsonSchema::canonical`], with all names in order.
    pub fn normalized(&self) -> String {
        self.documents[0].sorted().to_string()
    }

    fn root(&self) -> Place<'_> {
        Place {
            json: &self.documents[0],
            document: 0,
        }
    }

    /// What a `$ref` in a document names.
    fn target(&self, reference: &str, from: usize) -> Option<Place<'_>> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = match file {
            "" => from,
            name => *self
                .names
                .get(name)
                .or_else(|| self.names.get(&self.relative(name, from)))?,
        };
        let mut json = &self.documents[document];
        if fragment.is_empty() {
            return Some(Place { json, document });
        }
        let Some(path) = fragment.strip_prefix('/') else {
            let (keyword, name) = self.anchors.get(&(document, fragment.to_owned()))?;
            json = json.get(keyword)?.get(name)?;
            return Some(Place { json, document });
        };
        for part in path.split('/') {
            let part = part.replace("~1", "/").replace("~0", "~");
            json = match json {
                Json::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                other => other.get(&part)?,
            };
        }
        Some(Place { json, document })
    }

    /// A name beside the `$id` of the document that it stands in.
    fn relative(&self, name: &str, from: usize) -> String {
        let json = &self.documents[from];
        let id = json.get("$id").or_else(|| json.get("id")).and_then(Json::as_str);
        let folder = id
            .and_then(|id| id.rsplit_once('/'))
            .map_or("", |(folder, _)| folder);
        format!("{folder}/{name}")
    }

    /// Where a chain of `$ref`s ends.
    fn resolved<'a>(&'a self, mut place: Place<'a>) -> Option<Place<'a>> {
        for _ in 0..REFS_MAX {
            let Some(reference) = place.json.get("$ref").and_then(Json::as_str) else {
                return Some(place);
            };
            place = self.target(reference, place.document)?;
        }
        None
    }
}

#[cfg(test)]
mod tests;
