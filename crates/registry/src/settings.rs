//! What is set for all subjects, a context or a subject: how they evolve, and who may write.

use crate::error::RegistryError;
use crate::json::{Json, Object};

/// Which schemas before it a new one has to fit to, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// The new schema reads what was written with those before.
    pub backward: bool,
    /// Those before read what is written with the new one.
    pub forward: bool,
    /// All before count, not only the last.
    pub transitive: bool,
}

const LEVELS: [(&str, Compatibility); 7] = [
    ("NONE", level(false, false, false)),
    ("BACKWARD", level(true, false, false)),
    ("BACKWARD_TRANSITIVE", level(true, false, true)),
    ("FORWARD", level(false, true, false)),
    ("FORWARD_TRANSITIVE", level(false, true, true)),
    ("FULL", level(true, true, false)),
    ("FULL_TRANSITIVE", level(true, true, true)),
];

const fn level(backward: bool, forward: bool, transitive: bool) -> Compatibility {
    Compatibility {
        backward,
        forward,
        transitive,
    }
}

impl Compatibility {
    /// What counts where nothing is set.
    pub const DEFAULT: Compatibility = level(true, false, false);

    /// The level of that name, in any case.
    ///
    /// # Errors
    /// 42203: there is none.
    pub fn named(name: &str) -> Result<Compatibility, RegistryError> {
        let found = LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, level)| *level).ok_or_else(|| {
            RegistryError::new(
                42203,
                "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, \
                 forward_transitive, and full_transitive",
            )
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = LEVELS.iter().find(|(_, level)| *level == self);
        found.map_or("NONE", |(name, _)| name)
    }
}

/// Who may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Everybody.
    #[default]
    ReadWrite,
    /// Nobody.
    ReadOnly,
    /// Nobody, whatever is set for a subject.
    ReadOnlyOverride,
    /// Who brings ids along.
    Import,
    /// As `Import`; schemas are not looked at.
    Forward,
}

const MODES: [(&str, Mode); 5] = [
    ("READWRITE", Mode::ReadWrite),
    ("READONLY", Mode::ReadOnly),
    ("READONLY_OVERRIDE", Mode::ReadOnlyOverride),
    ("IMPORT", Mode::Import),
    ("FORWARD", Mode::Forward),
];

impl Mode {
    /// The mode of that name, in any case.
    ///
    /// # Errors
    /// 42204: there is none.
    pub fn named(name: &str) -> Result<Mode, RegistryError> {
        let found = MODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, mode)| *mode).ok_or_else(|| {
            RegistryError::new(
                42204,
                "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, FORWARD and IMPORT.",
            )
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = MODES.iter().find(|(_, mode)| *mode == self);
        found.map_or("READWRITE", |(name, _)| name)
    }

    /// Whether nobody may write.
    pub fn is_read_only(self) -> bool {
        matches!(self, Mode::ReadOnly | Mode::ReadOnlyOverride)
    }

    /// Whether ids come from outside.
    pub fn is_import(self) -> bool {
        matches!(self, Mode::Import | Mode::Forward)
    }
}

/// What was set with `/config`; names that mean nothing here are kept as they are.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Config(Object);

/// The name of the level in records and in answers.
const LEVEL: &str = "compatibilityLevel";

impl Config {
    /// From the value of a record.
    pub fn of_record(value: &Json) -> Option<Config> {
        let mut given = value.as_object()?.clone();
        given.shift_remove("subject");
        Some(Config(given))
    }

    /// What a request sets, on top of what is set already.
    ///
    /// # Errors
    /// 42203: there is no such level.
    pub fn changed_by(&self, asked: &Object) -> Result<Config, RegistryError> {
        let mut changed = self.0.clone();
        for (name, value) in asked {
            let value = match (name.as_str(), value.as_str()) {
                ("compatibility" | LEVEL, Some(level)) => Compatibility::named(level)?.name().into(),
                _ => value.clone(),
            };
            let name = if name == "compatibility" { LEVEL } else { name };
            changed.insert(name.to_owned(), value);
        }
        changed.retain(|_, value| *value != Json::Null);
        Ok(Config(changed))
    }

    /// The level, if it is set.
    pub fn level(&self) -> Option<Compatibility> {
        Compatibility::named(self.0.get(LEVEL)?.as_str()?).ok()
    }

    /// Whether schemas are brought into their normal form, if it is set.
    pub fn normalize(&self) -> Option<bool> {
        self.0.get("normalize")?.as_bool()
    }

    /// The subject that this one is another name of.
    pub fn alias(&self) -> Option<&str> {
        self.0.get("alias")?.as_str().filter(|alias| !alias.is_empty())
    }

    /// As it is answered.
    pub fn answer(&self) -> Json {
        Json::Object(self.0.clone())
    }

    /// As it is kept.
    pub fn record(&self, subject: Option<&str>) -> Json {
        let mut value = Object::new();
        if let Some(subject) = subject {
            value.insert("subject".to_owned(), subject.into());
        }
        value.extend(self.0.clone());
        Json::Object(value)
    }
}
