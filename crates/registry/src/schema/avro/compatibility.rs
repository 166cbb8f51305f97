//! Whether what was written with one schema can be read with another: Avro's schema resolution.

use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;

use super::{AvroSchema, Body, Definition, Field, Primitive, Type, split};
use crate::schema::Incompatibility;
use crate::schema::found::{Found, below};

/// Steps that one comparison may take.
const STEPS_MAX: usize = 100_000;
/// Types that are compared within one another: names may name ever more of them.
const DEPTH_MAX: usize = 400;

/// Why `reader` can't read what was written with `writer`; nothing if it can.
pub fn reads(reader: &AvroSchema, writer: &AvroSchema) -> Vec<Incompatibility> {
    let mut comparing = Comparing {
        reader,
        writer,
        seen: IndexSet::new(),
        found: Found::default(),
        steps: 0,
        depth: 0,
    };
    comparing.compare(&reader.root, &writer.root, "/");
    if comparing.steps >= STEPS_MAX {
        comparing.report(
            "TOO_COMPLEX",
            "The schemas are too large to compare".to_owned(),
            String::new(),
        );
    }
    comparing.found.into_vec()
}

struct Comparing<'a> {
    reader: &'a AvroSchema,
    writer: &'a AvroSchema,
    /// Pairs of names that are being compared, or were.
    seen: IndexSet<(&'a str, &'a str)>,
    found: Found,
    steps: usize,
    depth: usize,
}

impl<'a> Comparing<'a> {
    fn report(&mut self, kind: &'static str, description: String, about: String) {
        self.found.push(Incompatibility {
            kind,
            description,
            about,
        });
    }

    /// Whether a branch would do, without reporting why not.
    fn would_read(&mut self, reader: &'a Type, writer: &'a Type) -> bool {
        let (found, seen) = (std::mem::take(&mut self.found), self.seen.len());
        self.compare(reader, writer, "/");
        let fits = std::mem::replace(&mut self.found, found).is_empty();
        if !fits {
            self.seen.truncate(seen);
        }
        fits
    }

    fn compare(&mut self, reader: &'a Type, writer: &'a Type, path: &str) {
        self.steps += 1;
        if self.depth >= DEPTH_MAX {
            self.steps = STEPS_MAX;
        }
        if self.steps >= STEPS_MAX {
            return;
        }
        self.depth += 1;
        self.compare_kinds(reader, writer, path);
        self.depth -= 1;
    }

    fn compare_kinds(&mut self, reader: &'a Type, writer: &'a Type, path: &str) {
        match (reader, writer) {
            (_, Type::Union(branches)) => {
                for (at, branch) in branches.iter().enumerate() {
                    match reader {
                        Type::Union(_) => self.compare(reader, branch, &below(path, &at.to_string())),
                        _ => self.compare(reader, branch, path),
                    }
                }
            }
            (Type::Union(branches), _) => {
                if !branches.iter().any(|branch| self.would_read(branch, writer)) {
                    let kind = self.writer.kind(writer);
                    let description = format!(
                        "The new schema at path '{path}' is missing a type inside a union field: {kind}"
                    );
                    self.report(
                        "MISSING_UNION_BRANCH",
                        description,
                        format!("reader union lacking writer type: {kind}"),
                    );
                }
            }
            (Type::Primitive(reads, _), Type::Primitive(wrote, _)) => {
                if !promotes(*wrote, *reads) {
                    self.mismatch(reader, writer, path);
                }
            }
            (Type::Array(reads, _), Type::Array(wrote, _)) => {
                self.compare(reads, wrote, &below(path, "items"));
            }
            (Type::Map(reads, _), Type::Map(wrote, _)) => {
                self.compare(reads, wrote, &below(path, "values"));
            }
            (Type::Named(reads), Type::Named(wrote)) => {
                let defined = self.reader.definition(reads).zip(self.writer.definition(wrote));
                match defined {
                    Some((left, right)) if kinds_match(left, right) => {
                        if self.seen.insert((reads, wrote)) {
                            self.definitions((reads, left), (wrote, right), path);
                        }
                    }
                    _ => self.mismatch(reader, writer, path),
                }
            }
            _ => self.mismatch(reader, writer, path),
        }
    }

    fn mismatch(&mut self, reader: &Type, writer: &Type, path: &str) {
        let (reads, wrote) = (self.reader.kind(reader), self.writer.kind(writer));
        self.report(
            "TYPE_MISMATCH",
            format!(
                "The type (path '{path}') of a field in the new schema does not match with the old schema"
            ),
            format!("reader type: {reads} not compatible with writer type: {wrote}"),
        );
    }

    fn definitions(
        &mut self,
        reader: (&'a str, &'a Definition),
        writer: (&'a str, &'a Definition),
        path: &str,
    ) {
        let same_name = split(reader.0).1 == split(writer.0).1;
        if !same_name && !reader.1.aliases.iter().any(|alias| alias == writer.0) {
            let description = format!(
                "The name of the schema has changed (path '{}')",
                below(path, "name")
            );
            self.report("NAME_MISMATCH", description, format!("expected: {}", writer.0));
        }
        match (&reader.1.body, &writer.1.body) {
            (Body::Record { fields: reads, .. }, Body::Record { fields: wrote, .. }) => {
                self.records(reads, wrote, path);
            }
            (Body::Enum { symbols, default }, Body::Enum { symbols: wrote, .. }) => {
                let known: HashSet<&String> = symbols.iter().collect();
                let missing: Vec<&str> = wrote
                    .iter()
                    .filter(|symbol| !known.contains(symbol))
                    .map(String::as_str)
                    .collect();
                if default.is_none() && !missing.is_empty() {
                    let missing = format!("[{}]", missing.join(", "));
                    let path = below(path, "symbols");
                    let description =
                        format!("The new schema is missing enum symbols '{missing}' at path '{path}'");
                    self.report("MISSING_ENUM_SYMBOLS", description, missing);
                }
            }
            (Body::Fixed { size }, Body::Fixed { size: wrote }) if size != wrote => {
                let description = format!(
                    "The size of FIXED type field at path '{}' has changed",
                    below(path, "size")
                );
                self.report(
                    "FIXED_SIZE_MISMATCH",
                    description,
                    format!("expected: {wrote}, found: {size}"),
                );
            }
            _ => {}
        }
    }

    fn records(&mut self, reads: &'a [Field], wrote: &'a [Field], path: &str) {
        let by_name: HashMap<&str, &'a Field> =
            wrote.iter().map(|field| (field.name.as_str(), field)).collect();
        for (at, field) in reads.iter().enumerate() {
            let at = below(path, &format!("fields/{at}"));
            let mut names = std::iter::once(&field.name).chain(&field.aliases);
            let before = names.find_map(|name| by_name.get(name.as_str()));
            match before {
                Some(before) => self.compare(&field.value_type, &before.value_type, &below(&at, "type")),
                None if field.default.is_none() && !self.has_default_symbol(&field.value_type) => {
                    let description = format!(
                        "The field '{}' at path '{at}' in the new schema has no default value and is missing in the \
                         old schema",
                        field.name
                    );
                    self.report(
                        "READER_FIELD_MISSING_DEFAULT_VALUE",
                        description,
                        field.name.clone(),
                    );
                }
                None => {}
            }
        }
    }

    fn has_default_symbol(&self, of: &Type) -> bool {
        let Type::Named(name) = of else { return false };
        let definition = self.reader.definition(name).map(|found| &found.body);
        matches!(definition, Some(Body::Enum { default: Some(_), .. }))
    }
}

fn kinds_match(reader: &Definition, writer: &Definition) -> bool {
    std::mem::discriminant(&reader.body) == std::mem::discriminant(&writer.body)
}

fn promotes(wrote: Primitive, reads: Primitive) -> bool {
    use Primitive::{Bytes, Double, Float, Int, Long, String};
    wrote == reads
        || matches!(
            (wrote, reads),
            (Int, Long | Float | Double)
                | (Long, Float | Double)
                | (Float, Double)
                | (Bytes, String)
                | (String, Bytes)
        )
}
