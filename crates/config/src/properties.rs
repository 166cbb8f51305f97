//! Java's properties format, read from bytes as `java.util.Properties.load(InputStream)` reads it: ISO
//! 8859-1, lines that end in LF, CR or CR LF, `=`, `:` or a blank between key and value, comments, continued
//! lines and escapes.
//!
//! Its documentation is the specification, and `properties.tsv` says what Java answers to some thousands of
//! odd files.

/// An entry whose escape `\u` is not followed by four hexadecimal digits, which ends the reading as in Java.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: \\u is not followed by four hexadecimal digits (a backslash itself is written \\\\)")]
pub struct MalformedEscape {
    /// The line on which the entry begins, from 1.
    pub line: usize,
}

/// Reads every pair, in file order; a key given twice appears twice, and the last one counts.
///
/// # Errors
/// A malformed `\u` escape; nothing else can be wrong with such a file.
pub fn parse(bytes: &[u8]) -> Result<Vec<(String, String)>, MalformedEscape> {
    let mut lines = Lines { rest: bytes, read: 0 };
    let mut pairs = Vec::new();
    while let Some((line, entry)) = lines.next_entry() {
        pairs.push(pair(&entry).ok_or(MalformedEscape { line })?);
    }
    Ok(pairs)
}

/// The line of a file that is read as this pair.
pub fn line(key: &str, value: &str) -> String {
    format!("{}={}\n", escaped(key, true), escaped(value, false))
}

fn escaped(text: &str, is_key: bool) -> String {
    let mut line = String::with_capacity(text.len());
    let mut units = [0; 2];
    for (at, letter) in text.chars().enumerate() {
        match letter {
            '\\' => line += "\\\\",
            '\n' => line += "\\n",
            '\r' => line += "\\r",
            '\t' => line += "\\t",
            '\u{c}' => line += "\\f",
            ' ' if is_key || at == 0 => line += "\\ ",
            '=' | ':' | '#' | '!' if is_key => line.extend(['\\', letter]),
            ' '..='~' => line.push(letter),
            other => {
                let units = other.encode_utf16(&mut units).iter();
                line.extend(units.map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    line
}

/// The lines not read yet.
struct Lines<'a> {
    rest: &'a [u8],
    /// How many have been read.
    read: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.read += 1;
        let end = self.rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
        let (line, ending) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = match ending {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => ending,
        };
        Some(line)
    }

    /// The next entry: a line with what it is continued by, and the number of its first line. Comments and
    /// blank lines are passed over.
    fn next_entry(&mut self) -> Option<(usize, Vec<u8>)> {
        let mut entry = Vec::new();
        let mut first = 0;
        loop {
            let before = self.rest;
            let Some(line) = self.next_line() else {
                return (!entry.is_empty()).then_some((first, entry));
            };
            let line = skip_blanks(line);
            if entry.is_empty() {
                // A lone backslash begins nothing: what it is continued by may be a comment still.
                if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"!") {
                    continue;
                }
                first = self.read;
            }
            entry.extend_from_slice(line);
            if !continues(line) {
                return Some((first, entry));
            }
            entry.pop();
            // Java takes a lone backslash for an entry, an empty one, where the file ends with it or one byte
            // behind it.
            let ends = self.rest.is_empty() && !before.ends_with(b"\r\n");
            if entry.is_empty() && ends {
                return Some((first, entry));
            }
        }
    }
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|b| is_blank(**b)).count();
    &text[blanks..]
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

/// A line that ends in an odd number of backslashes goes on in the next one.
fn continues(line: &[u8]) -> bool {
    line.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// Key and value of an entry; `None` for a malformed escape.
fn pair(entry: &[u8]) -> Option<(String, String)> {
    let mut escaped = false;
    let separates = |b: &u8| {
        let separates = !escaped && (matches!(b, b'=' | b':') || is_blank(*b));
        escaped = !escaped && *b == b'\\';
        separates
    };
    let end = entry.iter().position(separates).unwrap_or(entry.len());
    let (key, rest) = entry.split_at(end);
    let rest = skip_blanks(rest);
    let value = match rest {
        [b'=' | b':', value @ ..] => skip_blanks(value),
        value => value,
    };
    Some((unescape(key)?, unescape(value)?))
}

fn unescape(text: &[u8]) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let unit = match byte {
            b'\\' => match bytes.next() {
                Some(b't') => u16::from(b'\t'),
                Some(b'n') => u16::from(b'\n'),
                Some(b'r') => u16::from(b'\r'),
                Some(b'f') => 0x0c,
                Some(b'u') => four_digits(&mut bytes)?,
                Some(other) => u16::from(other),
                None => break,
            },
            plain => u16::from(plain),
        };
        units.push(unit);
    }
    Some(String::from_utf16_lossy(&units))
}

fn four_digits(bytes: &mut impl Iterator<Item = u8>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = char::from(bytes.next()?).to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn reads_what_java_reads() {
        let table: &[(&str, &[(&str, &str)])] = &[
            (
                "a=1\nb = 2\nc:3\nd 4\r\n e\t=\t5 ",
                &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5 ")],
            ),
            ("# note\n! note\n\n  # note\nkey=#no note", &[("key", "#no note")]),
            (
                "list=a,\\\n     b,\\\n     c\nnext=1",
                &[("list", "a,b,c"), ("next", "1")],
            ),
            (
                "listeners=A://h:1,\\\r\n  B://h:2\r\n",
                &[("listeners", "A://h:1,B://h:2")],
            ),
            ("path=C:\\\\logs\\\\\nb=2", &[("path", "C:\\logs\\"), ("b", "2")]),
            ("a\\=b\\ c=d\\:e", &[("a=b c", "d:e")]),
            (
                "tab=a\\tb\\u00e9\\uD83D\\uDE00\\q",
                &[("tab", "a\tb\u{e9}\u{1F600}q")],
            ),
            ("empty=\nalone", &[("empty", ""), ("alone", "")]),
            ("twice=1\ntwice=2", &[("twice", "1"), ("twice", "2")]),
            ("end=\\", &[("end", "")]),
        ];
        for (text, expected) in table {
            let got = pairs(text);
            let got: Vec<(&str, &str)> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(got, *expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for (key, value) in [
            ("a.b", "1"),
            ("a b=c:#!", " x y\\\n\r\t\u{c}="),
            ("#k", "# no comment"),
            ("\u{e9}", "\u{1F600}\u{1}"),
            ("empty", ""),
        ] {
            let line = line(key, value);
            assert_eq!(pairs(&line), [(key.to_owned(), value.to_owned())], "{line}");
            assert_eq!(line.lines().count(), 1);
        }
        assert_eq!(
            line("listeners", "PLAINTEXT://:1,B://[::1]:2"),
            "listeners=PLAINTEXT://:1,B://[::1]:2\n"
        );
    }

    #[test]
    fn bytes_are_iso_8859_1() {
        assert_eq!(
            parse(b"# r\xe9glages\na=\xe9\xff").unwrap(),
            [("a".to_owned(), "\u{e9}\u{ff}".to_owned())]
        );
    }

    #[test]
    fn a_bad_escape_is_an_error_with_its_line() {
        let table: &[(&str, usize)] = &[
            ("a=1\nb=\\u12g4", 2),
            ("b=\\u12", 1),
            ("a=1\r\n\r\n# c\r\nb=\\u+123", 4),
            ("a=1,\\\r\n  2\rb=1,\\\n  \\u", 3),
        ];
        for (text, line) in table {
            assert_eq!(
                parse(text.as_bytes()),
                Err(MalformedEscape { line: *line }),
                "{text:?}"
            );
        }
    }

    /// Rows of scripts/properties-table: the file's bytes, and `key=value` for each entry or `malformed`, all
    /// in hexadecimal, keys and values in UTF-16.
    #[test]
    fn thousands_of_odd_files_are_read_as_java_reads_them() {
        let rows = include_str!("properties.tsv")
            .lines()
            .filter(|row| !row.starts_with('#'));
        let mut count = 0;
        for row in rows {
            let (file, expected) = row.split_once('\t').unwrap();
            let file: Vec<u8> = (0..file.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&file[at..at + 2], 16).unwrap())
                .collect();
            let got = match parse(&file) {
                Ok(pairs) => {
                    let entries: Vec<String> = pairs
                        .iter()
                        .map(|(key, value)| format!("{}={}", utf16(key), utf16(value)))
                        .collect();
                    entries.join(" ")
                }
                Err(MalformedEscape { .. }) => "malformed".to_owned(),
            };
            assert_eq!(got, expected, "{:?}", String::from_utf8_lossy(&file));
            count += 1;
        }
        assert!(count > 3000, "{count} rows");
    }

    fn utf16(text: &str) -> String {
        text.encode_utf16().map(|unit| format!("{unit:04x}")).collect()
    }
}
