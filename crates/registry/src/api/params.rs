//! What stands after `?` in an address, and the context before it.

use crate::error::RegistryError;
use crate::subject::{DEFAULT_CONTEXT, qualified};

/// Names and values.
#[derive(Clone, Debug, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
    context: String,
    /// Who asks takes what it has not asked for.
    tells_all: bool,
}

impl Params {
    /// Of a query as it came.
    pub fn of(query: &str, context: &str) -> Params {
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decoded(name)?, decoded(&value.replace('+', " "))?))
            });
        Params {
            pairs: pairs.collect(),
            context: context.to_owned(),
            tells_all: false,
        }
    }

    /// Whether more may be told than clients of before know.
    pub fn telling_all(self, tells_all: bool) -> Params {
        Params { tells_all, ..self }
    }

    /// See [`Params::telling_all`].
    pub fn tells_all(&self) -> bool {
        self.tells_all
    }

    /// A value; the first, where there are several.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a name says `true`.
    pub fn is(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A subject, in the context of the address where it names none itself.
    pub fn qualified(&self, subject: &str) -> String {
        match subject.starts_with(":.") {
            true => subject.to_owned(),
            false => qualified(&self.context, subject),
        }
    }

    /// The context of the address, as the name of what is set for it; `None` for all subjects.
    pub fn of_context(&self) -> Option<String> {
        (self.context != DEFAULT_CONTEXT).then(|| qualified(&self.context, ""))
    }

    /// The context of the address.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The part of a list that is asked for with `offset` and `limit`.
    ///
    /// # Errors
    /// 400: they are no numbers.
    pub fn page<T>(&self, all: impl Iterator<Item = T>) -> Result<Vec<T>, RegistryError> {
        let number = |name: &str, without: i64| {
            let given = self.get(name).filter(|given| !given.is_empty());
            let read = given.map_or(Ok(without), str::parse);
            read.map_err(|_| RegistryError::new(400, format!("{name} is no number")))
        };
        let (offset, limit) = (number("offset", 0)?, number("limit", -1)?);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(all
            .skip(usize::try_from(offset).unwrap_or(0))
            .take(limit)
            .collect())
    }
}

/// Percent-decoding; `None` where what comes out is no text.
pub fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())?;
        bytes.push(
            u8::from_str_radix(digits, 16)
                .ok()
                .filter(|_| !digits.starts_with('+'))?,
        );
        rest = after.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_decoded() {
        for (given, text) in [
            ("a%2Fb", Some("a/b")),
            ("%C3%BC", Some("ü")),
            ("%", None),
            ("%4", None),
            ("%+4", None),
            ("%zz", None),
            ("%FF", None),
        ] {
            assert_eq!(decoded(given).as_deref(), text, "{given}");
        }
        let params = Params::of("deleted=true&x=a+b&y&normalize=false", ".");
        assert!(params.is("deleted") && !params.is("normalize") && !params.is("z"));
        assert_eq!((params.get("x"), params.get("y")), (Some("a b"), Some("")));
        let page = Params::of("offset=1&limit=2", ".").page(0..9);
        assert_eq!(page, Ok(vec![1, 2]));
        assert_eq!(Params::of("limit=x", ".").page(0..9).unwrap_err().code, 400);
    }
}
