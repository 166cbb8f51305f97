//! What may not be in a schema.

use super::{JsonSchema, Place};
use crate::json::{Json, Object};

const TYPES: [&str; 7] = [
    "object", "array", "string", "number", "integer", "boolean", "null",
];
/// Keywords whose value is a schema.
const SCHEMAS: [&str; 11] = [
    "additionalProperties",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "items",
];
/// Those whose value is a list of schemas.
const LISTS: [&str; 5] = ["allOf", "anyOf", "oneOf", "items", "prefixItems"];
/// Those whose values are schemas by names.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "definitions",
    "$defs",
    "dependentSchemas",
];
/// Those that count.
const COUNTS: [&str; 6] = [
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
];
/// Those that bound numbers; drafts before 6 have truth values at the exclusive ones.
const BOUNDS: [&str; 3] = ["minimum", "maximum", "multipleOf"];

impl JsonSchema {
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_place(self.root(), "#")
    }

    fn check_place(&self, place: Place<'_>, at: &str) -> Result<(), String> {
        let object = match place.json {
            Json::Bool(_) => return Ok(()),
            Json::Object(object) => object,
            other => {
                return Err(format!(
                    "{at}: a schema is an object or a truth value, not {}",
                    kind(other)
                ));
            }
        };
        if let Some(reference) = object.get("$ref") {
            let reference = reference.as_str().ok_or_else(|| format!("{at}/$ref: no text"))?;
            if self
                .target(reference, place.document)
                .and_then(|to| self.resolved(to))
                .is_none()
            {
                return Err(format!("{at}: could not resolve reference {reference}"));
            }
        }
        check_keywords(object, at)?;
        let below = |json| Place {
            json,
            document: place.document,
        };
        for keyword in SCHEMAS {
            match object.get(keyword) {
                None | Some(Json::Array(_)) => {}
                Some(json) => self.check_place(below(json), &format!("{at}/{keyword}"))?,
            }
        }
        for keyword in LISTS {
            match object.get(keyword) {
                None => {}
                Some(Json::Array(items)) => {
                    for (number, json) in items.iter().enumerate() {
                        self.check_place(below(json), &format!("{at}/{keyword}/{number}"))?;
                    }
                }
                Some(_) if keyword == "items" => {}
                Some(other) => return Err(format!("{at}/{keyword}: expected a list, found {}", kind(other))),
            }
        }
        for keyword in NAMED {
            match object.get(keyword) {
                None => {}
                Some(Json::Object(named)) => {
                    for (name, json) in named {
                        self.check_place(below(json), &format!("{at}/{keyword}/{name}"))?;
                    }
                }
                Some(other) => {
                    return Err(format!(
                        "{at}/{keyword}: expected an object, found {}",
                        kind(other)
                    ));
                }
            }
        }
        Ok(())
    }
}

fn check_keywords(object: &Object, at: &str) -> Result<(), String> {
    let is_type = |json: &Json| json.as_str().is_some_and(|name| TYPES.contains(&name));
    match object.get("type") {
        None => {}
        Some(Json::Array(names)) if !names.is_empty() && names.iter().all(is_type) => {}
        Some(name) if is_type(name) => {}
        Some(other) => return Err(format!("{at}/type: unknown type {other}")),
    }
    let is_names = |json: &Json| {
        json.as_array()
            .is_some_and(|names| names.iter().all(|name| name.as_str().is_some()))
    };
    match object.get("required") {
        // In draft 3 each property said it for itself.
        None | Some(Json::Bool(_)) => {}
        Some(names) if is_names(names) => {}
        Some(_) => return Err(format!("{at}/required: expected a list of names")),
    }
    if let Some(other) = object.get("enum").filter(|given| given.as_array().is_none()) {
        return Err(format!("{at}/enum: expected a list, found {}", kind(other)));
    }
    for keyword in COUNTS {
        if object
            .get(keyword)
            .is_some_and(|given| given.as_f64().is_none_or(|count| count < 0.0))
        {
            return Err(format!("{at}/{keyword}: expected a number from 0 on"));
        }
    }
    for keyword in BOUNDS {
        if object.get(keyword).is_some_and(|given| given.as_f64().is_none()) {
            return Err(format!("{at}/{keyword}: expected a number"));
        }
    }
    if object
        .get("pattern")
        .is_some_and(|given| given.as_str().is_none())
    {
        return Err(format!("{at}/pattern: expected a text"));
    }
    Ok(())
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
