//! What the topic says, replayed record by record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::guid::Guid;
use crate::json::{Json, Object};
use crate::records::Key;
use crate::schema::{Reference, SchemaType, in_context};
use crate::settings::{Compatibility, Config, Mode};
use crate::subject::{DEFAULT_CONTEXT, context_of, qualified};

/// A schema as it is kept: its text and what belongs to it. Equal ones of a context have one id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schema {
    /// How the text is read.
    pub schema_type: SchemaType,
    /// The text.
    pub text: String,
    /// Schemas that it names.
    pub references: Vec<Reference>,
    /// `metadata` and `ruleSet` as they were given, as text; empty where they weren't.
    pub metadata: String,
    /// See `metadata`.
    pub rule_set: String,
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The id of its schema in its context.
    pub id: i32,
    /// Its schema.
    pub schema: Arc<Schema>,
    /// It is deleted, softly.
    pub deleted: bool,
}

/// The versions that have a schema: subjects and numbers.
pub type Uses = BTreeSet<(String, i32)>;

/// The schemas of a context by their ids.
#[derive(Debug, Default)]
pub struct Context {
    schemas: BTreeMap<i32, (Arc<Schema>, Uses)>,
    ids: HashMap<Arc<Schema>, i32>,
    guids: HashMap<Guid, i32>,
    id_max: i32,
}

impl Context {
    /// The schema of an id, and the versions that have it.
    pub fn schema(&self, id: i32) -> Option<(&Arc<Schema>, &Uses)> {
        self.schemas.get(&id).map(|(schema, uses)| (schema, uses))
    }

    /// The id of a schema.
    pub fn id(&self, schema: &Schema) -> Option<i32> {
        self.ids.get(schema).copied()
    }

    /// The id of the schema that has it.
    pub fn id_of_guid(&self, guid: Guid) -> Option<i32> {
        self.guids.get(&guid).copied()
    }

    /// The largest id that was ever given.
    pub fn id_max(&self) -> i32 {
        self.id_max
    }
}

/// The registry, as the topic says up to some offset.
#[derive(Debug, Default)]
pub struct Registry {
    subjects: BTreeMap<String, BTreeMap<i32, Version>>,
    contexts: BTreeMap<String, Context>,
    configs: BTreeMap<Option<String>, Config>,
    modes: BTreeMap<Option<String>, Mode>,
}

impl Registry {
    /// Takes over a record. What nobody of us has written means nothing.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(key) = Key::parse(key) else { return };
        let value = value.and_then(|value| Json::parse(value).ok());
        match (key, value) {
            (Key::Schema { subject, version }, Some(value)) => {
                if let Some((id, deleted, schema)) = schema_of(&value) {
                    self.put(&subject, version, id, deleted, schema);
                }
            }
            (Key::Schema { subject, version }, None) => self.remove(&subject, version),
            (Key::Config(subject), value) => {
                let config = value.as_ref().and_then(Config::of_record);
                match config {
                    Some(config) => self.configs.insert(subject, config),
                    None => self.configs.remove(&subject),
                };
            }
            (Key::Mode(subject), value) => {
                let named = value.as_ref().and_then(|value| value.get("mode")?.as_str());
                match named.and_then(|name| Mode::named(name).ok()) {
                    Some(mode) => self.modes.insert(subject, mode),
                    None => self.modes.remove(&subject),
                };
            }
            (Key::DeleteSubject(subject), Some(value)) => {
                let up_to = value.get("version").and_then(Json::as_i32).unwrap_or(i32::MAX);
                let versions = self.subjects.get_mut(&subject);
                for (_, version) in versions
                    .into_iter()
                    .flat_map(|versions| versions.range_mut(..=up_to))
                {
                    version.deleted = true;
                }
            }
            (Key::ClearSubject(subject), _) => {
                let versions = self.subjects.get(&subject);
                let deleted = versions
                    .into_iter()
                    .flatten()
                    .filter(|(_, version)| version.deleted);
                let deleted: Vec<i32> = deleted.map(|(number, _)| *number).collect();
                for version in deleted {
                    self.remove(&subject, version);
                }
            }
            (Key::DeleteSubject(_), None) | (Key::Noop, _) => {}
        }
    }

    fn put(&mut self, subject: &str, version: i32, id: i32, deleted: bool, schema: Schema) {
        self.remove(subject, version);
        let context = self.contexts.entry(context_of(subject).to_owned()).or_default();
        context.id_max = context.id_max.max(id);
        let same = context.ids.get_key_value(&schema).map(|(known, _)| known.clone());
        let schema = same.unwrap_or_else(|| Arc::new(schema));
        let (kept, uses) = context
            .schemas
            .entry(id)
            .or_insert_with(|| (schema.clone(), Uses::new()));
        if *kept != schema {
            // Whoever wrote the topic has given an id twice: what came last counts.
            context.ids.remove(kept);
            forget_guid(&mut context.guids, kept, id);
            *kept = schema.clone();
        }
        uses.insert((subject.to_owned(), version));
        if !context.ids.contains_key(&schema) {
            context.guids.insert(Guid::of(&schema), id);
            context.ids.insert(schema.clone(), id);
        }
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        versions.insert(version, Version { id, schema, deleted });
    }

    fn remove(&mut self, subject: &str, version: i32) {
        let Some(versions) = self.subjects.get_mut(subject) else {
            return;
        };
        let Some(gone) = versions.remove(&version) else {
            return;
        };
        if versions.is_empty() {
            self.subjects.remove(subject);
        }
        let Some(context) = self.contexts.get_mut(context_of(subject)) else {
            return;
        };
        if let Some((_, uses)) = context.schemas.get_mut(&gone.id) {
            uses.remove(&(subject.to_owned(), version));
            if uses.is_empty() {
                context.schemas.remove(&gone.id);
                if context.ids.get(&gone.schema) == Some(&gone.id) {
                    context.ids.remove(&gone.schema);
                    forget_guid(&mut context.guids, &gone.schema, gone.id);
                }
            }
        }
    }

    /// All subjects, with the versions of each, deleted ones too.
    pub fn subjects(&self) -> &BTreeMap<String, BTreeMap<i32, Version>> {
        &self.subjects
    }

    /// The versions of a subject: with those that are deleted softly, or without.
    pub fn versions(&self, subject: &str, deleted: bool) -> impl DoubleEndedIterator<Item = (i32, &Version)> {
        let versions = self.subjects.get(subject).into_iter().flatten();
        versions
            .filter(move |(_, version)| deleted || !version.deleted)
            .map(|(number, version)| (*number, version))
    }

    /// One version of a subject, deleted softly or not.
    pub fn version(&self, subject: &str, version: i32) -> Option<&Version> {
        self.subjects.get(subject)?.get(&version)
    }

    /// The contexts that have schemas, and the default one.
    pub fn contexts(&self) -> BTreeSet<&str> {
        let known = self.contexts.keys().map(String::as_str);
        known.chain([DEFAULT_CONTEXT]).collect()
    }

    /// A context; `None` where it has never had a schema.
    pub fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.get(name)
    }

    /// What is set for just this subject, or for all.
    pub fn config(&self, subject: Option<&str>) -> Option<&Config> {
        self.configs.get(&subject.map(str::to_owned))
    }

    /// The mode that is set for just this subject, or for all.
    pub fn mode(&self, subject: Option<&str>) -> Option<Mode> {
        self.modes.get(&subject.map(str::to_owned)).copied()
    }

    /// A setting in effect: the subject's, else its context's, else that of all.
    pub fn in_effect<T>(&self, subject: Option<&str>, of: impl Fn(Option<&str>) -> Option<T>) -> Option<T> {
        let Some(subject) = subject else { return of(None) };
        let context = context_of(subject);
        let of_context = || {
            let name = (context != DEFAULT_CONTEXT).then(|| qualified(context, ""))?;
            of(Some(&name))
        };
        of(Some(subject)).or_else(of_context).or_else(|| of(None))
    }

    /// The compatibility in effect.
    pub fn compatibility(&self, subject: &str) -> Compatibility {
        let level = self.in_effect(Some(subject), |of| self.config(of)?.level());
        level.unwrap_or(Compatibility::DEFAULT)
    }

    /// The mode in effect.
    pub fn mode_of(&self, subject: &str) -> Mode {
        if self.mode(None) == Some(Mode::ReadOnlyOverride) {
            return Mode::ReadOnlyOverride;
        }
        self.in_effect(Some(subject), |of| self.mode(of))
            .unwrap_or_default()
    }

    /// The versions that name this one as a reference, without those that are deleted.
    pub fn referenced_by(
        &self,
        subject: &str,
        version: i32,
    ) -> impl Iterator<Item = (&String, i32, &Version)> {
        let all = self.subjects.iter().flat_map(|(name, versions)| {
            versions
                .iter()
                .map(move |(number, version)| (name, *number, version))
        });
        all.filter(move |(name, _, from)| {
            let mut references = from.schema.references.iter().filter(|to| to.version == version);
            let is_meant = |of: &str| in_context(context_of(name), of).is_ok_and(|of| of == subject);
            !from.deleted && references.any(|to| is_meant(&to.subject))
        })
    }
}

/// Two schemas of different languages may have one text, and so one GUID.
fn forget_guid(guids: &mut HashMap<Guid, i32>, schema: &Schema, id: i32) {
    let guid = Guid::of(schema);
    if guids.get(&guid) == Some(&id) {
        guids.remove(&guid);
    }
}

fn schema_of(value: &Json) -> Option<(i32, bool, Schema)> {
    let text_of = |name: &str| match value.get(name) {
        None | Some(Json::Null) => String::new(),
        Some(given) => given.to_string(),
    };
    let schema = Schema {
        schema_type: SchemaType::named(value.get("schemaType").and_then(Json::as_str))?,
        text: value.get("schema")?.as_str()?.to_owned(),
        references: Reference::list(value.get("references")),
        metadata: text_of("metadata"),
        rule_set: text_of("ruleSet"),
    };
    let deleted = value.get("deleted").and_then(Json::as_bool).unwrap_or(false);
    Some((value.get("id")?.as_i32()?, deleted, schema))
}

impl Schema {
    /// What of a schema is told, after `before`, and kept.
    pub fn describe(&self, before: impl IntoIterator<Item = (&'static str, Json)>) -> Object {
        let before = before.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut all: Object = before.collect();
        if self.schema_type != SchemaType::Avro {
            all.insert("schemaType".to_owned(), self.schema_type.name().into());
        }
        if !self.references.is_empty() {
            let references = self.references.iter().map(Reference::json);
            all.insert("references".to_owned(), references.collect());
        }
        for (name, text) in [("metadata", &self.metadata), ("ruleSet", &self.rule_set)] {
            if let Some(value) = Json::parse(text.as_bytes()).ok().filter(|_| !text.is_empty()) {
                all.insert(name.to_owned(), value);
            }
        }
        all.insert("schema".to_owned(), self.text.as_str().into());
        all
    }
}
