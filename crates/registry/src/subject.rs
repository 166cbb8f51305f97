//! Names of subjects and the contexts that they lie in: `:.context:subject`, or only `subject` in the default
//! one.

use crate::error::RegistryError;

/// The context of subjects that name none.
pub const DEFAULT_CONTEXT: &str = ".";
/// The longest name of a subject, bytes.
const NAME_BYTES_MAX: usize = 1024;

/// The context of a subject, with its dot.
pub fn context_of(subject: &str) -> &str {
    match subject.strip_prefix(':').and_then(|rest| rest.split_once(':')) {
        Some((context, _)) if context.starts_with('.') => context,
        _ => DEFAULT_CONTEXT,
    }
}

/// The subject without its context.
pub fn local_name(subject: &str) -> &str {
    match subject.strip_prefix(':').and_then(|rest| rest.split_once(':')) {
        Some((context, name)) if context.starts_with('.') => name,
        _ => subject,
    }
}

/// A subject in a context; the default one is not written.
pub fn qualified(context: &str, name: &str) -> String {
    if context == DEFAULT_CONTEXT {
        return name.to_owned();
    }
    format!(":{context}:{name}")
}

/// A name as it is kept, if it may be one.
///
/// # Errors
/// 42208: it is empty, has control characters, is too long or means something else to the registry.
pub fn normal(subject: &str) -> Result<String, RegistryError> {
    let name = local_name(subject);
    let is_reserved = matches!(name, "__GLOBAL" | "__EMPTY");
    let is_empty = name.is_empty() && context_of(subject) == DEFAULT_CONTEXT;
    if is_empty || is_reserved || name.chars().any(char::is_control) || subject.len() > NAME_BYTES_MAX {
        return Err(RegistryError::new(
            42208,
            format!(
                "The specified subject '{}' is not a valid.",
                subject.escape_debug()
            ),
        ));
    }
    Ok(qualified(context_of(subject), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contexts() {
        for (given, context, name, kept) in [
            ("s", ".", "s", "s"),
            (":.:s", ".", "s", "s"),
            (":.c:s", ".c", "s", ":.c:s"),
            (":.c:", ".c", "", ":.c:"),
            (":.c:a:b", ".c", "a:b", ":.c:a:b"),
            (":c:s", ".", ":c:s", ":c:s"),
            (":.c", ".", ":.c", ":.c"),
        ] {
            assert_eq!((context_of(given), local_name(given)), (context, name), "{given}");
            assert_eq!(normal(given).as_deref(), Ok(kept));
        }
        for refused in ["", ":.:", "a\nb", "__GLOBAL", ":.c:__EMPTY"] {
            assert_eq!(normal(refused).unwrap_err().code, 42208, "{refused:?}");
        }
    }
}
