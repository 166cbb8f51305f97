//! The REST interface: what is asked for, found by its path.

mod compatibility;
mod delete;
mod given;
mod lookup;
mod metadata;
mod params;
mod register;
mod schemas;
mod settings;
mod subjects;
mod versions;

pub use params::Params;

use crate::error::RegistryError;
use crate::json::{Json, object};
use crate::records::TopicRecord;
use crate::registry::Registry;
use crate::subject::{DEFAULT_CONTEXT, normal};

/// The methods that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, and HEAD.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is done.
    pub method: Method,
    /// To what, as it came: percent-encoded.
    pub path: &'a str,
    /// What came after `?`.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The cluster's id.
    pub cluster_id: &'a str,
    /// Who asks reads over what it does not know (`Confluent-Accept-Unknown-Properties`): newer clients,
    /// which are told GUIDs.
    pub tells_all: bool,
}

impl Call<'_> {
    /// Whether the answer changes nothing, whatever the registry holds.
    pub fn only_reads(&self) -> bool {
        let asks = self.method == Method::Post && {
            let path = self.path.trim_end_matches('/');
            path.contains("/compatibility/") || !path.ends_with("/versions")
        };
        self.method == Method::Get || asks
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The body is a schema's text, and nothing of the registry's.
    pub is_schema: bool,
}

/// What a request comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What is appended first; nothing where the request only asks.
    pub records: Vec<TopicRecord>,
    /// What is answered when that is committed.
    pub answer: Answer,
}

/// Decides a request.
pub fn answer(registry: &Registry, call: &Call<'_>) -> Decided {
    route(registry, call).unwrap_or_else(|error| Decided {
        records: Vec::new(),
        answer: Answer::of_error(&error),
    })
}

impl Answer {
    /// A refusal.
    pub fn of_error(error: &RegistryError) -> Answer {
        let code = Json::Number(error.code.into());
        let body = object([("error_code", code), ("message", error.message.as_str().into())]);
        Answer {
            status: error.status(),
            body: body.to_string(),
            is_schema: false,
        }
    }
}

impl Decided {
    fn told(body: impl Into<Json>) -> Decided {
        Decided::done(Vec::new(), body)
    }

    fn done(records: Vec<TopicRecord>, body: impl Into<Json>) -> Decided {
        let body = body.into().to_string();
        Decided {
            records,
            answer: Answer {
                status: 200,
                body,
                is_schema: false,
            },
        }
    }

    fn schema(text: &str) -> Decided {
        Decided {
            records: Vec::new(),
            answer: Answer {
                status: 200,
                body: text.to_owned(),
                is_schema: true,
            },
        }
    }
}

fn route(registry: &Registry, call: &Call<'_>) -> Result<Decided, RegistryError> {
    use Method::{Delete, Get, Post, Put};
    let parts: Vec<String> = call
        .path
        .trim_start_matches('/')
        .trim_end_matches('/')
        .split('/')
        .map(params::decoded)
        .collect::<Option<_>>()
        .ok_or_else(|| RegistryError::new(400, "The path is no text"))?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (context, parts) = match parts.as_slice() {
        ["contexts", context, rest @ ..] if !rest.is_empty() => (context_named(context), rest),
        all => (DEFAULT_CONTEXT.to_owned(), all),
    };
    let asked = Params::of(call.query, &context).telling_all(call.tells_all);
    let subject = |name: &str| -> Result<String, RegistryError> {
        normal(&asked.qualified(name)).map(|name| subjects::real(registry, name))
    };
    match (call.method, parts) {
        (Get, ["contexts"]) => Ok(Decided::told(registry.contexts().into_iter().collect::<Json>())),
        (Get, ["subjects"]) => subjects::list(registry, &asked),
        (Post, ["subjects", name]) => lookup::lookup(registry, &subject(name)?, &asked, call.body),
        (Delete, ["subjects", name]) => delete::subject(registry, &subject(name)?, &asked),
        (Get, ["subjects", name, "versions"]) => versions::list(registry, &subject(name)?, &asked),
        (Post, ["subjects", name, "versions"]) => {
            register::register(registry, &subject(name)?, &asked, call.body)
        }
        (Get, ["subjects", name, "versions", version]) => {
            versions::get(registry, &subject(name)?, version, &asked)
        }
        (Delete, ["subjects", name, "versions", version]) => {
            delete::version(registry, &subject(name)?, version, &asked)
        }
        (Get, ["subjects", name, "versions", version, "schema"]) => {
            versions::schema(registry, &subject(name)?, version, &asked)
        }
        (Get, ["subjects", name, "versions", version, "referencedby"]) => {
            versions::referenced_by(registry, &subject(name)?, version)
        }
        (Get, ["subjects", name, "metadata"]) => versions::get(registry, &subject(name)?, "latest", &asked),
        (Get, ["schemas"]) => schemas::list(registry, &asked),
        (Get, ["schemas", "types"]) => Ok(Decided::told(
            ["JSON", "PROTOBUF", "AVRO"].into_iter().collect::<Json>(),
        )),
        (Get, ["schemas", "guids", guid]) => schemas::by_guid(registry, guid, &asked),
        (Get, ["schemas", "guids", guid, "ids"]) => schemas::ids_of_guid(registry, guid),
        (Get, ["schemas", "ids", id]) => schemas::by_id(registry, id, &asked),
        (Get, ["schemas", "ids", id, "schema"]) => schemas::text(registry, id, &asked),
        (Get, ["schemas", "ids", id, "subjects"]) => schemas::subjects(registry, id, &asked),
        (Get, ["schemas", "ids", id, "versions"]) => schemas::versions(registry, id, &asked),
        (Post, ["compatibility", "subjects", name, "versions"]) => {
            compatibility::with_all(registry, &subject(name)?, &asked, call.body)
        }
        (Post, ["compatibility", "subjects", name, "versions", version]) => {
            compatibility::with_one(registry, &subject(name)?, version, &asked, call.body)
        }
        (Get, ["config"]) => settings::config(registry, asked.of_context(), &asked),
        (Put, ["config"]) => settings::set_config(registry, asked.of_context(), call.body),
        (Delete, ["config"]) => settings::unset_config(registry, asked.of_context()),
        (Get, ["config", name]) => settings::config(registry, Some(subject(name)?), &asked),
        (Put, ["config", name]) => {
            settings::set_config(registry, Some(normal(&asked.qualified(name))?), call.body)
        }
        (Delete, ["config", name]) => settings::unset_config(registry, Some(normal(&asked.qualified(name))?)),
        (Get, ["mode"]) => settings::mode(registry, asked.of_context(), &asked),
        (Put, ["mode"]) => settings::set_mode(registry, asked.of_context(), &asked, call.body),
        (Delete, ["mode"]) => settings::unset_mode(registry, asked.of_context()),
        (Get, ["mode", name]) => settings::mode(registry, Some(subject(name)?), &asked),
        (Put, ["mode", name]) => settings::set_mode(registry, Some(subject(name)?), &asked, call.body),
        (Delete, ["mode", name]) => settings::unset_mode(registry, Some(subject(name)?)),
        (Get, ["v1", "metadata", what]) => metadata::metadata(what, call.cluster_id),
        (
            _,
            [
                "subjects" | "schemas" | "config" | "mode" | "contexts" | "compatibility",
                ..,
            ],
        ) => Err(RegistryError::new(
            if known(parts) { 405 } else { 404 },
            "HTTP 404 Not Found",
        )),
        _ => Err(RegistryError::new(404, "HTTP 404 Not Found")),
    }
}

/// Whether there is something at a path, whatever the method.
fn known(parts: &[&str]) -> bool {
    matches!(
        parts,
        ["subjects" | "config" | "mode" | "schemas" | "contexts"]
            | ["subjects" | "config" | "mode", _]
            | ["subjects", _, "versions"]
            | ["subjects", _, "versions", _]
            | ["schemas", "ids", _]
            | ["compatibility", "subjects", _, "versions"]
            | ["compatibility", "subjects", _, "versions", _]
    )
}

fn context_named(name: &str) -> String {
    let name = name.trim_matches(':');
    match name.starts_with('.') {
        true => name.to_owned(),
        false => format!(".{name}"),
    }
}

#[cfg(test)]
mod bomb_tests;
#[cfg(test)]
mod guid_tests;
#[cfg(test)]
mod tests;
