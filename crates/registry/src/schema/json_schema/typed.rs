//! Two schemas of one type: what their keywords demand of texts, numbers, lists and objects.

use super::Place;
use super::compatibility::Comparing;
use super::view::{Kind, View};
use crate::json::{Json, Object};
use crate::schema::found::below;

/// An object of a document.
type Of<'a> = (&'a Object, usize);

/// What of a property is not said by name.
enum Rest<'a> {
    /// Everything goes.
    Open,
    /// Nothing.
    Closed,
    /// What fits this schema.
    Fitting(Place<'a>),
}

impl<'a> Comparing<'a> {
    pub(super) fn compare_typed(&mut self, kind: Kind, old: Of<'a>, new: Of<'a>, path: &str) {
        let (was, is) = (old.0, new.0);
        match kind {
            Kind::String => {
                self.upper(
                    was,
                    is,
                    "maxLength",
                    ("MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED"),
                    path,
                );
                self.lower(
                    was,
                    is,
                    "minLength",
                    ("MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED"),
                    path,
                );
                match (was.get("pattern"), is.get("pattern")) {
                    (None, Some(_)) => self.report("PATTERN_ADDED", path),
                    (Some(was), Some(is)) if was != is => self.report("PATTERN_CHANGED", path),
                    _ => {}
                }
            }
            Kind::Number | Kind::Integer => self.numbers(was, is, path),
            Kind::Array => self.arrays(old, new, path),
            Kind::Object => self.objects(old, new, path),
            Kind::Boolean | Kind::Null => {}
        }
    }

    fn upper(
        &mut self,
        old: &Object,
        new: &Object,
        name: &str,
        kinds: (&'static str, &'static str),
        path: &str,
    ) {
        let of = |object: &Object| object.get(name).and_then(Json::as_f64);
        match (of(old), of(new)) {
            (None, Some(_)) => self.report(kinds.0, &below(path, name)),
            (Some(was), Some(is)) if is < was => self.report(kinds.1, &below(path, name)),
            _ => {}
        }
    }

    fn lower(
        &mut self,
        old: &Object,
        new: &Object,
        name: &str,
        kinds: (&'static str, &'static str),
        path: &str,
    ) {
        let of = |object: &Object| object.get(name).and_then(Json::as_f64);
        match (of(old), of(new)) {
            (None, Some(_)) => self.report(kinds.0, &below(path, name)),
            (Some(was), Some(is)) if is > was => self.report(kinds.1, &below(path, name)),
            _ => {}
        }
    }

    fn numbers(&mut self, old: &Object, new: &Object, path: &str) {
        self.upper(old, new, "maximum", ("MAXIMUM_ADDED", "MAXIMUM_DECREASED"), path);
        self.lower(old, new, "minimum", ("MINIMUM_ADDED", "MINIMUM_INCREASED"), path);
        let kinds = ("EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED");
        self.upper(old, new, "exclusiveMaximum", kinds, path);
        let kinds = ("EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED");
        self.lower(old, new, "exclusiveMinimum", kinds, path);
        // In draft 4 they say whether the bound itself is out.
        for (name, kind) in [
            ("exclusiveMaximum", "EXCLUSIVE_MAXIMUM_ADDED"),
            ("exclusiveMinimum", "EXCLUSIVE_MINIMUM_ADDED"),
        ] {
            let is_out = |object: &Object| object.get(name).and_then(Json::as_bool) == Some(true);
            if is_out(new) && !is_out(old) {
                self.report(kind, &below(path, name));
            }
        }
        let of = |object: &Object| object.get("multipleOf").and_then(Json::as_f64);
        match (of(old), of(new)) {
            (None, Some(_)) => self.report("MULTIPLE_OF_ADDED", path),
            (Some(was), Some(is)) if was != is && (is == 0.0 || was % is != 0.0) => {
                let kind = if is != 0.0 && is % was == 0.0 {
                    "MULTIPLE_OF_EXPANDED"
                } else {
                    "MULTIPLE_OF_CHANGED"
                };
                self.report(kind, path);
            }
            _ => {}
        }
    }

    fn arrays(&mut self, old: Of<'a>, new: Of<'a>, path: &str) {
        self.upper(
            old.0,
            new.0,
            "maxItems",
            ("MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED"),
            path,
        );
        self.lower(
            old.0,
            new.0,
            "minItems",
            ("MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED"),
            path,
        );
        let unique = |object: &Object| object.get("uniqueItems").and_then(Json::as_bool) == Some(true);
        if unique(new.0) && !unique(old.0) {
            self.report("UNIQUE_ITEMS_ADDED", path);
        }
        let (was, is) = (Items::of(old), Items::of(new));
        self.rest(
            (&was.rest, "ADDITIONAL_ITEMS_REMOVED"),
            (&is.rest, "ADDITIONAL_ITEMS_NARROWED"),
            &below(path, "items"),
        );
        for at in 0..was.first.len().max(is.first.len()) {
            let path = below(path, &format!("items/{at}"));
            match (was.first.get(at), is.first.get(at)) {
                (Some(was), Some(is)) => self.compare_places(*was, *is, &path),
                (Some(was), None) => {
                    let kinds = (
                        "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL",
                        "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                    );
                    self.removed(*was, &is.rest, kinds, &path);
                }
                (None, Some(is)) => match &was.rest {
                    Rest::Open => self.added_to_open(*is, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL", &path),
                    Rest::Closed => {}
                    Rest::Fitting(was) => {
                        if !self.fits(&View::Of(*was), &View::Of(*is), &path) {
                            self.report("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", &path);
                        }
                    }
                },
                (None, None) => {}
            }
        }
    }

    fn objects(&mut self, old: Of<'a>, new: Of<'a>, path: &str) {
        let (was, is) = (old.0, new.0);
        self.upper(
            was,
            is,
            "maxProperties",
            ("MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED"),
            path,
        );
        self.lower(
            was,
            is,
            "minProperties",
            ("MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED"),
            path,
        );
        self.dependencies(old, new, path);
        let (old_rest, new_rest) = (properties_rest(old), properties_rest(new));
        self.rest(
            (&old_rest, "ADDITIONAL_PROPERTIES_REMOVED"),
            (&new_rest, "ADDITIONAL_PROPERTIES_NARROWED"),
            &below(path, "additionalProperties"),
        );
        let none = Object::new();
        let of = |object: &'a Object| object.get("properties").and_then(Json::as_object);
        let (old_has, new_has) = (of(was), of(is));
        let required = |object: &'a Object| -> std::collections::HashSet<&'a str> {
            let names = object
                .get("required")
                .and_then(Json::as_array)
                .unwrap_or_default();
            names.iter().filter_map(Json::as_str).collect()
        };
        let (needed, needs) = (required(was), required(is));
        for (name, property) in old_has.into_iter().flatten() {
            let path = below(path, &format!("properties/{name}"));
            let property = place(property, old);
            let now = new_has.unwrap_or(&none).get(name).map(|_| ());
            match now.and_then(|()| new_has?.get(name)) {
                Some(now) => {
                    self.compare_places(property, place(now, new), &path);
                    if needs.contains(&**name) && !needed.contains(&**name) && now.get("default").is_none() {
                        self.report("REQUIRED_ATTRIBUTE_ADDED", &path);
                    }
                }
                None => {
                    let kinds = (
                        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
                        "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                    );
                    self.removed(property, &new_rest, kinds, &path);
                }
            }
        }
        for (name, property) in new_has.into_iter().flatten() {
            if old_has.is_some_and(|old| old.contains_key(name)) {
                continue;
            }
            let path = below(path, &format!("properties/{name}"));
            let is_needed =
                needs.contains(&**name) && !needed.contains(&**name) && property.get("default").is_none();
            match &old_rest {
                Rest::Open => self.added_to_open(
                    place(property, new),
                    "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
                    &path,
                ),
                Rest::Closed => {}
                Rest::Fitting(was) => {
                    if !self.fits(&View::Of(*was), &View::Of(place(property, new)), &path) {
                        self.report(
                            "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                            &path,
                        );
                    }
                }
            }
            if is_needed {
                self.report("REQUIRED_PROPERTY_ADDED_TO_UNOPENED_CONTENT_MODEL", &path);
            }
        }
    }

    fn dependencies(&mut self, old: Of<'a>, new: Of<'a>, path: &str) {
        for keyword in ["dependencies", "dependentRequired", "dependentSchemas"] {
            let of = |object: &'a Object| object.get(keyword).and_then(Json::as_object);
            for (name, is) in of(new.0).into_iter().flatten() {
                let path = below(path, &format!("{keyword}/{name}"));
                let was = of(old.0).and_then(|old| old.get(name));
                match (was, is) {
                    (None, Json::Array(_)) => self.report("DEPENDENCY_ARRAY_ADDED", &path),
                    (None, _) => self.report("DEPENDENCY_SCHEMA_ADDED", &path),
                    (Some(Json::Array(was)), Json::Array(is)) => {
                        if is.iter().any(|name| !was.contains(name)) {
                            self.report("DEPENDENCY_ARRAY_EXTENDED", &path);
                        }
                    }
                    (Some(was), is) => self.compare_places(place(was, old), place(is, new), &path),
                }
            }
        }
    }

    /// What is not said by name: it may go on being so, and more.
    fn rest(&mut self, old: (&Rest<'a>, &'static str), new: (&Rest<'a>, &'static str), path: &str) {
        match (old.0, new.0) {
            (Rest::Open | Rest::Fitting(_), Rest::Closed) => self.report(old.1, path),
            (Rest::Open, Rest::Fitting(_)) => self.report(new.1, path),
            (Rest::Fitting(old), Rest::Fitting(new)) => self.compare_places(*old, *new, path),
            _ => {}
        }
    }

    fn removed(&mut self, was: Place<'a>, rest: &Rest<'a>, kinds: (&'static str, &'static str), path: &str) {
        match rest {
            Rest::Open => {}
            Rest::Closed if *was.json == Json::Bool(false) => {}
            Rest::Closed => self.report(kinds.0, path),
            Rest::Fitting(rest) => {
                if !self.fits(&View::Of(was), &View::Of(*rest), path) {
                    self.report(kinds.1, path);
                }
            }
        }
    }

    /// Under that name there may have been anything.
    fn added_to_open(&mut self, is: Place<'a>, kind: &'static str, path: &str) {
        let says_nothing = match is.json {
            Json::Bool(says) => *says,
            Json::Object(object) => object.is_empty(),
            _ => false,
        };
        if !says_nothing {
            self.report(kind, path);
        }
    }
}

/// The items that have schemas of their own, and what the others are.
struct Items<'a> {
    first: Vec<Place<'a>>,
    rest: Rest<'a>,
}

impl<'a> Items<'a> {
    fn of(of: Of<'a>) -> Items<'a> {
        let items = of.0.get("items");
        let listed = of.0.get("prefixItems").and_then(Json::as_array);
        let (first, rest) = match (listed, items) {
            (Some(first), rest) => (first, rest),
            (None, Some(Json::Array(first))) => (&first[..], of.0.get("additionalItems")),
            (None, rest) => (&[][..], rest),
        };
        Items {
            first: first.iter().map(|item| place(item, of)).collect(),
            rest: rest_of(rest, of),
        }
    }
}

fn properties_rest(of: Of<'_>) -> Rest<'_> {
    let patterns =
        of.0.get("patternProperties")
            .and_then(Json::as_object)
            .filter(|all| !all.is_empty());
    match (of.0.get("additionalProperties"), patterns) {
        // Names that fit a pattern have its schema: one stands for all.
        (None | Some(Json::Bool(_)), Some(patterns)) if patterns.len() == 1 => patterns
            .values()
            .next()
            .map_or(Rest::Open, |schema| Rest::Fitting(place(schema, of))),
        (given, _) => rest_of(given, of),
    }
}

fn rest_of<'a>(given: Option<&'a Json>, of: Of<'a>) -> Rest<'a> {
    match given {
        None | Some(Json::Bool(true)) => Rest::Open,
        Some(Json::Bool(false)) => Rest::Closed,
        Some(Json::Object(object)) if object.is_empty() => Rest::Open,
        Some(schema) => Rest::Fitting(place(schema, of)),
    }
}

fn place<'a>(json: &'a Json, of: Of<'a>) -> Place<'a> {
    Place { json, document: of.1 }
}
