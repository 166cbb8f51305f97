//! A schema as what it demands: one thing, or several of which all, any or one have to hold.

use super::{JsonSchema, Place};
use crate::json::{Json, Object};

/// How several demands are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Criterion {
    All,
    Any,
    One,
}

/// What a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Integer,
    Boolean,
    Null,
}

/// What a schema demands.
#[derive(Clone)]
pub(super) enum View<'a> {
    /// Nothing.
    Empty,
    /// What nothing fits.
    Never,
    /// A type, and by the keywords of it what it has to be like.
    Typed(Kind, &'a Object, usize),
    /// One of these values.
    Values(Vec<&'a Json>),
    /// What does not fit a schema.
    Not(Place<'a>),
    /// See [`Criterion`].
    Combined(Criterion, Vec<View<'a>>),
    /// What another part demands.
    Of(Place<'a>),
}

const KINDS: [(&str, Kind); 7] = [
    ("object", Kind::Object),
    ("array", Kind::Array),
    ("string", Kind::String),
    ("number", Kind::Number),
    ("integer", Kind::Integer),
    ("boolean", Kind::Boolean),
    ("null", Kind::Null),
];

/// Keywords that say of what type a schema speaks, where it does not name it.
const TELLING: [(Kind, &[&str]); 4] = [
    (
        Kind::Object,
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "required",
            "minProperties",
            "maxProperties",
            "dependencies",
            "propertyNames",
            "dependentRequired",
            "dependentSchemas",
        ],
    ),
    (
        Kind::Array,
        &[
            "items",
            "prefixItems",
            "additionalItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
        ],
    ),
    (Kind::String, &["minLength", "maxLength", "pattern"]),
    (
        Kind::Number,
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
    ),
];

fn kind_named(name: &str) -> Option<Kind> {
    let found = KINDS.iter().find(|(known, _)| *known == name);
    found.map(|(_, kind)| *kind)
}

impl JsonSchema {
    /// What a part demands; `None` where its `$ref` leads nowhere.
    pub(super) fn view<'a>(&'a self, place: Place<'a>) -> Option<View<'a>> {
        let place = self.resolved(place)?;
        let object = match place.json {
            Json::Bool(true) => return Some(View::Empty),
            Json::Object(object) => object,
            _ => return Some(View::Never),
        };
        let mut demands = Vec::new();
        let typed = |kind| View::Typed(kind, object, place.document);
        match object.get("type") {
            Some(Json::String(name)) => demands.extend(kind_named(name).map(typed)),
            Some(Json::Array(names)) => {
                let kinds = names.iter().filter_map(|name| kind_named(name.as_str()?));
                demands.push(View::Combined(Criterion::Any, kinds.map(typed).collect()).unwrapped());
            }
            _ => {
                let tells = |names: &[&str]| names.iter().any(|name| object.contains_key(*name));
                let told = TELLING.iter().find(|(_, names)| tells(names));
                demands.extend(told.map(|(kind, _)| typed(*kind)));
            }
        }
        if let Some(values) = object.get("enum").and_then(Json::as_array) {
            demands.push(View::Values(values.iter().collect()));
        }
        if let Some(value) = object.get("const") {
            demands.push(View::Values(vec![value]));
        }
        let below = |json| Place {
            json,
            document: place.document,
        };
        if let Some(not) = object.get("not") {
            demands.push(View::Not(below(not)));
        }
        for (keyword, criterion) in [
            ("allOf", Criterion::All),
            ("anyOf", Criterion::Any),
            ("oneOf", Criterion::One),
        ] {
            if let Some(parts) = object.get(keyword).and_then(Json::as_array) {
                let parts = parts.iter().map(|json| View::Of(below(json))).collect();
                demands.push(View::Combined(criterion, parts));
            }
        }
        if demands.is_empty() {
            return Some(View::Empty);
        }
        Some(View::Combined(Criterion::All, demands).unwrapped())
    }
}

impl View<'_> {
    /// One of a kind is what it is.
    pub(super) fn unwrapped(self) -> Self {
        match self {
            View::Combined(_, mut parts) if parts.len() == 1 => parts.remove(0),
            other => other,
        }
    }
}
