//! What a request of the console asks: the parameters of its query, or the fields of its JSON.

use serde_json::{Map, Value};

use super::failure::Failure;

/// Parameters by name.
#[derive(Debug, Default)]
pub struct Asked(Map<String, Value>);

impl Asked {
    /// Those of a query; a name that stands twice counts the last time.
    pub fn of_query(query: &str) -> Asked {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Asked(
            pairs
                .map(|(name, value)| (decoded(name), Value::String(decoded(value))))
                .collect(),
        )
    }

    /// The fields of a JSON object.
    ///
    /// # Errors
    /// It is none.
    pub fn of_json(body: &[u8]) -> Result<Asked, Failure> {
        serde_json::from_slice(body)
            .map(Asked)
            .map_err(|error| Failure::bad(format!("a JSON object is expected: {error}")))
    }

    /// A field as it is, an empty text too.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A field as it is; `None` where it is missing, null or empty.
    pub fn value(&self, name: &str) -> Option<&Value> {
        let value = self.0.get(name)?;
        let is_nothing = value.is_null() || value.as_str() == Some("");
        (!is_nothing).then_some(value)
    }

    /// A text, if it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// A text that has to be given.
    ///
    /// # Errors
    /// It is not.
    pub fn needed(&self, name: &str) -> Result<&str, Failure> {
        self.text(name)
            .ok_or_else(|| Failure::bad(format!("{name} is missing")))
    }

    /// A whole number, if it is given.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let number = value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Failure::bad(format!("{name}={value} is no whole number"))),
        }
    }

    /// A whole number that fits the protocol's fields of 32 bits.
    ///
    /// # Errors
    /// It is none.
    pub fn int(&self, name: &str) -> Result<Option<i32>, Failure> {
        let Some(number) = self.number(name)? else {
            return Ok(None);
        };
        i32::try_from(number)
            .map(Some)
            .map_err(|_| Failure::bad(format!("{name}={number} is too large")))
    }

    /// Whether it is `true`, or `1`.
    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(value) => matches!(value.as_str(), Some("true" | "1")),
            None => false,
        }
    }

    /// A list of texts; empty where it is missing.
    ///
    /// # Errors
    /// It is something else.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let texts = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(texts)) => texts
                .iter()
                .map(|text| text.as_str().map(str::to_owned))
                .collect(),
            Some(_) => None,
        };
        texts.ok_or_else(|| Failure::bad(format!("{name} is no list of texts")))
    }

    /// Texts by name; empty where they are missing.
    ///
    /// # Errors
    /// It is something else.
    pub fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        let pairs = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(pairs)) => pairs
                .iter()
                .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            Some(_) => None,
        };
        pairs.ok_or_else(|| Failure::bad(format!("{name} is no object of texts")))
    }
}

/// A part of a query without its escapes; what is no escape stays.
pub fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (part, plain) in [
            ("a%2Fb+c", "a/b c"),
            ("%zz%4", "%zz%4"),
            ("%C3%A4", "ä"),
            ("%ff", "\u{fffd}"),
            ("%2é", "%2é"),
        ] {
            assert_eq!(decoded(part), plain, "{part}");
        }
    }

    #[test]
    fn parameters_are_read_or_refused() {
        let asked = Asked::of_query("topic=a%20b&partition=7&bad=x&none=&far=4294967296&on=true");
        assert_eq!(asked.text("topic"), Some("a b"));
        assert_eq!(asked.int("partition").unwrap(), Some(7));
        assert_eq!(asked.text("none"), None);
        assert!(asked.number("bad").is_err() && asked.int("far").is_err() && asked.needed("none").is_err());
        assert!(asked.flag("on") && !asked.flag("off"));
        let asked = Asked::of_json(br#"{"set":{"a":"1"},"list":["x"],"n":3,"odd":[1]}"#).unwrap();
        assert_eq!(asked.pairs("set").unwrap(), [("a".to_owned(), "1".to_owned())]);
        assert_eq!(asked.texts("list").unwrap(), ["x"]);
        assert_eq!(asked.number("n").unwrap(), Some(3));
        assert!(asked.texts("odd").is_err() && asked.pairs("list").is_err());
        assert!(Asked::of_json(b"[]").is_err());
    }
}
