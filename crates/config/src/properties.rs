//! Java's properties format: `key=value`, `key:value` or `key value` lines, comments, continued lines and escapes
//! (the documentation of `java.util.Properties.load` is the specification).

/// Reads every pair, in file order; a key given twice appears twice.
///
/// # Errors
/// The line number and what is wrong with it: only a bad `\u` escape can be.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let mut pairs = Vec::new();
    let mut lines = text.split(['\n', '\r']).enumerate();
    while let Some((number, first)) = lines.next() {
        let first = skip_blanks(first);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut line = first.to_owned();
        while continues(&line) {
            line.pop();
            match lines.next() {
                Some((_, next)) => line.push_str(skip_blanks(next)),
                None => break,
            }
        }
        pairs.push(pair(&line).map_err(|why| (number + 1, why))?);
    }
    Ok(pairs)
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\x0c'])
}

/// A line that ends in an odd number of backslashes goes on in the next one.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1
}

fn pair(line: &str) -> Result<(String, String), &'static str> {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|&(_, c)| {
            let separates = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\x0c');
            escaped = !escaped && c == '\\';
            separates
        })
        .map_or(line.len(), |(index, _)| index);
    let (key, rest) = line.split_at(end);
    let rest = skip_blanks(rest);
    let rest = skip_blanks(rest.strip_prefix(['=', ':']).unwrap_or(rest));
    Ok((unescape(key)?, unescape(rest)?))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut buffer = [0; 2];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut buffer));
            continue;
        }
        match chars.next() {
            Some('t') => units.push(u16::from(b'\t')),
            Some('n') => units.push(u16::from(b'\n')),
            Some('r') => units.push(u16::from(b'\r')),
            Some('f') => units.push(0x0c),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let valid = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| valid);
                units.push(unit.ok_or("malformed \\uxxxx escape")?);
            }
            Some(other) => units.extend_from_slice(other.encode_utf16(&mut buffer)),
            None => {}
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
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
    fn a_bad_escape_is_an_error_with_its_line() {
        assert_eq!(parse("a=1\nb=\\u12g4"), Err((2, "malformed \\uxxxx escape")));
        assert_eq!(parse("b=\\u12"), Err((1, "malformed \\uxxxx escape")));
    }
}
