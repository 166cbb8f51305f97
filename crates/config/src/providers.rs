//! Values of settings that lie elsewhere: `${file:PATH:KEY}`, `${env:NAME}` and `${dir:PATH:FILE}`, by the
//! providers that `config.providers` names, with Kafka's classes and parameters (KIP-421, KIP-632, KIP-887).
//!
//! Unlike with Apache Kafka, a reference to what is not there is an error: it would be taken as it is
//! written, which for a password means that nobody knows what it is.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::layers::Settings;
use super::{ConfigException, files, properties};

const CLASSES: &str = "org.apache.kafka.common.config.provider.";
/// The setting that names providers, and the prefix of theirs.
pub const NAMES: &str = "config.providers";
/// A file that settings refer to is not longer.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where references lead.
pub struct Machine<'a> {
    /// Reads a file.
    pub file: &'a dyn Fn(&Path) -> Result<String, String>,
    /// An environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Machine<'static> {
    /// Files and variables of this process.
    pub fn of_process() -> Self {
        Machine {
            file: &read,
            variable: &|name| std::env::var(name).ok(),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    files::text_given(path, FILE_BYTES_MAX).map_err(|error| format!("{}: {error}", path.display()))
}

enum Provider {
    /// Properties in files, where nothing else is allowed beneath these.
    File(Vec<PathBuf>),
    /// Files that each hold a value.
    Directory(Vec<PathBuf>),
    /// Environment variables of these names.
    Variables(Option<Regex>),
}

/// The settings with all references followed.
///
/// # Errors
/// A provider that is not there, or a reference to what is not there or not allowed.
pub fn resolve(given: Settings, machine: &Machine<'_>) -> Result<Settings, ConfigException> {
    let names = given.get(NAMES).map(String::as_str).unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut providers = BTreeMap::new();
    for name in names {
        providers.insert(name.to_owned(), Provider::read(name, &given)?);
    }
    if providers.is_empty() {
        return Ok(given);
    }
    let follow = |(name, value): (String, String)| {
        if is_of_provider(&name) {
            return Ok((name, value));
        }
        let followed = follow(&value, &providers, machine);
        match followed {
            Ok(value) => Ok((name, value)),
            Err(why) => Err(ConfigException::new(format!("{name}: {why}"))),
        }
    };
    given.into_iter().map(follow).collect()
}

/// Whether a setting belongs to a provider.
pub fn is_of_provider(name: &str) -> bool {
    name.strip_prefix(NAMES)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A value with its references followed: `${PROVIDER:KEY}` or `${PROVIDER:PATH:KEY}`. What a provider
/// answers is not looked at again.
fn follow(
    value: &str,
    providers: &BTreeMap<String, Provider>,
    machine: &Machine<'_>,
) -> Result<String, String> {
    let mut followed = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        followed.push_str(before);
        let Some((inner, after)) = reference[2..].split_once('}') else {
            rest = reference;
            break;
        };
        let parts = inner.split_once(':');
        let provider = parts.and_then(|(name, place)| Some((providers.get(name)?, place)));
        match provider {
            Some((provider, place)) => {
                let (path, key) = place.split_once(':').unwrap_or(("", place));
                let found = provider.look_up(path, key, machine);
                followed.push_str(&found.map_err(|why| format!("${{{inner}}}: {why}"))?);
                rest = after;
            }
            // Not a reference: for who has no such provider it is text.
            None => {
                followed.push_str("${");
                rest = &reference[2..];
            }
        }
    }
    followed.push_str(rest);
    Ok(followed)
}

impl Provider {
    fn read(name: &str, given: &Settings) -> Result<Self, ConfigException> {
        let setting = format!("{NAMES}.{name}.class");
        let class = given.get(&setting).map(|class| class.trim());
        let parameter = |parameter: &str| given.get(&format!("{NAMES}.{name}.param.{parameter}"));
        let paths = || {
            let paths = parameter("allowed.paths").map(String::as_str).unwrap_or_default();
            let paths = paths.split(',').map(str::trim).filter(|path| !path.is_empty());
            paths.map(PathBuf::from).collect()
        };
        match class.map(|class| class.strip_prefix(CLASSES).unwrap_or(class)) {
            Some("FileConfigProvider") => Ok(Provider::File(paths())),
            Some("DirectoryConfigProvider") => Ok(Provider::Directory(paths())),
            Some("EnvVarConfigProvider") => {
                let pattern = parameter("allowlist.pattern").map(|pattern| {
                    // The whole name has to match, as with Java.
                    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                        let setting = format!("{NAMES}.{name}.param.allowlist.pattern");
                        ConfigException::new(format!("{setting}={pattern}: {error}"))
                    })
                });
                Ok(Provider::Variables(pattern.transpose()?))
            }
            Some(other) => Err(ConfigException::new(format!(
                "{setting}={other}: Class {other} could not be found. Classes of Java cannot be loaded; there are \
                 FileConfigProvider, DirectoryConfigProvider and EnvVarConfigProvider of {CLASSES}"
            ))),
            None => Err(ConfigException::new(format!(
                "{NAMES} names {name}, and {setting} is not set"
            ))),
        }
    }

    fn look_up(&self, path: &str, key: &str, machine: &Machine<'_>) -> Result<String, String> {
        match self {
            Provider::File(allowed) => {
                let text = (machine.file)(&checked(path, allowed)?)?;
                let pairs = properties::parse(text.as_bytes()).map_err(|error| error.to_string())?;
                let mut found = pairs.into_iter().rev().filter(|(name, _)| name == key);
                let found = found.next().map(|(_, value)| value);
                found.ok_or_else(|| format!("there is no {key} in the file"))
            }
            Provider::Directory(allowed) => {
                let mut parts = Path::new(key).components();
                if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                    return Err(format!("{key} is no name of a file"));
                }
                (machine.file)(&checked(path, allowed)?.join(key))
            }
            Provider::Variables(pattern) => {
                if !path.is_empty() {
                    return Err("variables have no path".to_owned());
                }
                if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(key)) {
                    return Err(format!("allowlist.pattern doesn't allow the variable {key}"));
                }
                (machine.variable)(key).ok_or_else(|| format!("there is no environment variable {key}"))
            }
        }
    }
}

/// A path that is beneath one of those that are allowed, if there are any.
fn checked(path: &str, allowed: &[PathBuf]) -> Result<PathBuf, String> {
    if path.is_empty() {
        return Err("there is no path in it".to_owned());
    }
    let path = PathBuf::from(path);
    let climbs = path.components().any(|part| part == Component::ParentDir);
    let is_allowed = allowed.iter().any(|allowed| path.starts_with(allowed)) && !climbs;
    if !allowed.is_empty() && !is_allowed {
        return Err(format!("allowed.paths doesn't allow {}", path.display()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: (&str, &str) = (
        "config.providers.file.class",
        "org.apache.kafka.common.config.provider.FileConfigProvider",
    );
    const ENV: (&str, &str) = (
        "config.providers.env.class",
        "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
    );
    const DIR: (&str, &str) = (
        "config.providers.dir.class",
        "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
    );

    fn resolved(more: &[(&str, &str)], value: &str) -> Result<String, String> {
        let names = ("config.providers", "file, env,dir");
        let given = [names, FILE, ENV, DIR, ("x", value)];
        let given = given.iter().chain(more);
        let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let file = |path: &Path| match path.to_str() {
            Some("/s/a.properties") => Ok("key = one\nother=${env:HOME}\nkey=two\n".to_owned()),
            Some("/s/password") => Ok("three\n".to_owned()),
            _ => Err("No such file".to_owned()),
        };
        let variable = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        let machine = Machine {
            file: &file,
            variable: &variable,
        };
        let resolved = resolve(given.collect(), &machine).map_err(|error| error.to_string())?;
        assert_eq!(resolved[FILE.0], FILE.1);
        Ok(resolved["x"].clone())
    }

    #[test]
    fn references_are_followed_once() {
        for (value, expected) in [
            ("plain", "plain"),
            ("${file:/s/a.properties:key}", "two"),
            ("a${env:HOME}b${dir:/s:password}", "a/home/meb"),
            ("${file:/s/a.properties:other}", "${env:HOME}"),
            ("${vault:x:y} ${} ${env", "${vault:x:y} ${} ${env"),
        ] {
            let found = resolved(&[], value).unwrap();
            assert_eq!(found.trim_end_matches("three\n"), expected, "{value}");
        }
        let allowed = [("config.providers.file.param.allowed.paths", "/t,/s")];
        assert_eq!(resolved(&allowed, "${file:/s/a.properties:key}").unwrap(), "two");
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_an_error() {
        let allowed = [
            ("config.providers.file.param.allowed.paths", "/t"),
            ("config.providers.env.param.allowlist.pattern", "APP_.*"),
        ];
        for (more, value, why) in [
            (
                &[][..],
                "${file:/s/a.properties:none}",
                "x: ${file:/s/a.properties:none}: there is no none in the file",
            ),
            (&[], "${file:/none:key}", "No such file"),
            (&[], "${file:key}", "there is no path in it"),
            (&[], "${env:NONE}", "there is no environment variable NONE"),
            (&[], "${env:p:HOME}", "variables have no path"),
            (&[], "${dir:/s:../password}", "../password is no name of a file"),
            (
                &allowed,
                "${file:/s/a.properties:key}",
                "allowed.paths doesn't allow /s/a.properties",
            ),
            (
                &allowed,
                "${file:/t/../s/a.properties:key}",
                "allowed.paths doesn't allow",
            ),
            (
                &allowed,
                "${env:HOME}",
                "allowlist.pattern doesn't allow the variable HOME",
            ),
            (
                &[("config.providers.dir.class", "my.Vault")],
                "",
                "Class my.Vault could not be found",
            ),
            (
                &[("config.providers", "vault")],
                "",
                "config.providers names vault, and config.providers.vault.class is not set",
            ),
        ] {
            let said = resolved(more, value).unwrap_err();
            assert!(said.contains(why), "{value}: {said}");
        }
    }
}
