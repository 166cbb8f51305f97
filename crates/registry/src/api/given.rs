//! The schema that a request brings.

use std::sync::Arc;

use super::Params;
use crate::error::{RegistryError, invalid_schema};
use crate::json::{Json, Object};
use crate::registry::{Registry, Schema};
use crate::schema::{Parsed, Reference, SchemaType, resolve};
use crate::subject::context_of;

/// References of one schema.
const REFERENCES_MAX: usize = 200;

/// A schema that was understood, as it is kept.
pub struct Given {
    /// What is kept of it.
    pub schema: Schema,
    /// What it says.
    pub parsed: Parsed,
    /// The id that it shall have.
    pub id: Option<i32>,
    /// The version that it shall be.
    pub version: Option<i32>,
}

/// The object of a body.
///
/// # Errors
/// 400: it is none.
pub fn body(bytes: &[u8]) -> Result<Object, RegistryError> {
    match Json::parse(bytes) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(RegistryError::new(400, "The body has to be an object")),
        Err(error) => Err(RegistryError::new(400, format!("The body is no JSON: {error}"))),
    }
}

impl Given {
    /// Reads the body of a request about a subject.
    ///
    /// # Errors
    /// 400: no JSON; 42201: no schema.
    pub fn read(
        registry: &Registry,
        subject: &str,
        asked: &Params,
        bytes: &[u8],
        is_new: bool,
    ) -> Result<Given, RegistryError> {
        let body = body(bytes)?;
        let number = |name: &str| body.get(name).and_then(Json::as_i32).filter(|number| *number > 0);
        let text_of = |name: &str| match body.get(name) {
            None | Some(Json::Null) => String::new(),
            Some(given) => given.to_string(),
        };
        let named = match body.get("schemaType") {
            None | Some(Json::Null) => None,
            Some(name) => Some(name.as_str().unwrap_or("?")),
        };
        let schema_type = SchemaType::named(named)
            .ok_or_else(|| invalid_schema(format!("there is no type {}", named.unwrap_or_default())))?;
        let text = body
            .get("schema")
            .and_then(Json::as_str)
            .filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| RegistryError::new(42201, "Empty schema"))?;
        let mut references = references(&body)?;
        for reference in references.iter_mut().filter(|reference| reference.version == -1) {
            let name =
                crate::schema::in_context(context_of(subject), &reference.subject).map_err(invalid_schema)?;
            let latest = registry.versions(&name, false).next_back();
            reference.version = latest.map_or(-1, |(version, _)| version);
        }
        let resolved = resolve(registry, subject, &references).map_err(invalid_schema)?;
        let parsed = Parsed::parse(schema_type, text, &resolved, is_new).map_err(invalid_schema)?;
        let of_subject = registry.in_effect(Some(subject), |of| registry.config(of)?.normalize());
        let normalize = asked.is("normalize") || of_subject.unwrap_or(false);
        let text = if normalize {
            parsed.normalized()
        } else {
            parsed.canonical()
        };
        if normalize {
            references.sort_by(|a, b| a.name.cmp(&b.name));
            references.dedup();
        }
        let (metadata, rule_set) = (text_of("metadata"), text_of("ruleSet"));
        Ok(Given {
            schema: Schema {
                schema_type,
                text,
                references,
                metadata,
                rule_set,
            },
            parsed,
            id: number("id"),
            version: number("version"),
        })
    }
}

fn references(body: &Object) -> Result<Vec<Reference>, RegistryError> {
    let given = body.get("references");
    let list = Reference::list(given);
    let count = given.and_then(Json::as_array).map_or(0, <[Json]>::len);
    let is_list = matches!(given, None | Some(Json::Null | Json::Array(_)));
    if count != list.len() || !is_list {
        return Err(invalid_schema(
            "each reference needs a name, a subject and a version",
        ));
    }
    if count > REFERENCES_MAX {
        return Err(invalid_schema(format!("more than {REFERENCES_MAX} references")));
    }
    Ok(list)
}

/// A schema that is kept, read; `bytes` are those that may still be read for a request.
///
/// # Errors
/// 42201: it is none. Another registry may have taken it. Or it would be too much.
pub fn kept(
    registry: &Registry,
    subject: &str,
    schema: &Arc<Schema>,
    bytes: &mut usize,
) -> Result<Parsed, RegistryError> {
    let resolved = resolve(registry, subject, &schema.references).map_err(invalid_schema)?;
    let all = resolved.iter().map(|one| one.schema.text.len()).sum::<usize>() + schema.text.len();
    let left = bytes.checked_sub(all);
    *bytes = left.ok_or_else(|| invalid_schema("there are too many versions to compare it with"))?;
    Parsed::parse(schema.schema_type, &schema.text, &resolved, false).map_err(invalid_schema)
}
