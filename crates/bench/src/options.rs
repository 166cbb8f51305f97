//! The options of a subcommand: `--name value` pairs and `--flag`s, taken one by one, the rest refused.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::Failure;

/// What was given on the command line and not taken yet.
#[derive(Debug)]
pub struct Options {
    given: BTreeMap<String, String>,
}

impl Options {
    /// Reads pairs of `--name value`; a name that another name or nothing follows is a flag.
    ///
    /// # Errors
    /// `Usage` when an argument is no option or is there twice.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, Failure> {
        let mut given = BTreeMap::new();
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else {
                return Err(Failure::Usage(format!("{argument} is no option")));
            };
            let value = arguments.next_if(|next| !next.starts_with("--"));
            if given.insert(name.to_owned(), value.unwrap_or_default()).is_some() {
                return Err(Failure::Usage(format!("--{name} is there twice")));
            }
        }
        Ok(Options { given })
    }

    /// The option's value, or `default` where it isn't given.
    pub fn take<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, Failure> {
        Ok(self.take_given(name)?.unwrap_or(default))
    }

    /// The option's value if it is given.
    pub fn take_given<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.given.remove(name) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| Failure::Usage(format!("--{name} {text}: not understood")))
    }

    /// The option's value, which must be there.
    pub fn required<T: FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        self.take_given(name)?
            .ok_or_else(|| Failure::Usage(format!("--{name} is missing")))
    }

    /// Bytes, with `K`, `M` or `G` for powers of 1024.
    pub fn bytes(&mut self, name: &str, default: u64) -> Result<u64, Failure> {
        match self.given.remove(name) {
            None => Ok(default),
            Some(text) => {
                parse_bytes(&text).ok_or_else(|| Failure::Usage(format!("--{name} {text}: not a size")))
            }
        }
    }

    /// Whether the flag is there.
    pub fn flag(&mut self, name: &str) -> bool {
        self.given.remove(name).is_some()
    }

    /// Refuses what nobody has taken.
    pub fn finish(self) -> Result<(), Failure> {
        match self.given.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(Failure::Usage(format!("--{name} is unknown here"))),
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.chars().last()? {
        'K' => (&text[..text.len() - 1], 10),
        'M' => (&text[..text.len() - 1], 20),
        'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        Options::parse(line.split_whitespace().map(str::to_owned)).unwrap()
    }

    #[test]
    fn takes_values_flags_and_sizes() {
        let mut options = options("--connections 4 --idempotent --batch 16K");
        assert_eq!(options.take("connections", 1).unwrap(), 4);
        assert_eq!(options.take("partitions", 7).unwrap(), 7);
        assert!(options.flag("idempotent"));
        assert_eq!(options.bytes("batch", 0).unwrap(), 16384);
        options.finish().unwrap();
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(options("--conections 4").finish().is_err());
        assert!(Options::parse(["4".to_owned()]).is_err());
        assert!(Options::parse(["--a".to_owned(), "--a".to_owned()]).is_err());
        assert!(options("--rate fast").take("rate", 1u64).is_err());
        assert!(options("").required::<u32>("pid").is_err());
    }

    #[test]
    fn sizes() {
        let cases = [
            ("1", Some(1)),
            ("64K", Some(65536)),
            ("1M", Some(1 << 20)),
            ("2G", Some(2 << 30)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
        for text in ["", "K", "1T", "-1", "99999999999G"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}
