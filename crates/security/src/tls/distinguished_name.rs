//! The subject of a certificate as Java's `X500Principal.getName()` prints it: RFC 2253, the most specific
//! part first, with the keywords and escapes of Java. `super.users`, ACLs and mapping rules name clients in
//! this form.

use super::der::{self, BadDer, Der, OID, SEQUENCE, SET};

/// What RFC 2253 has keywords for; everything else is printed as its number.
const KEYWORDS: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1], "UID"),
];
/// The kinds of strings that are printed as text: UTF8, Printable, T61, IA5, General, Universal and BMP.
const TEXTS: &[u8] = &[0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1C, 0x1E];
const ESCAPED: &str = ",=+<>#;\"\\";
/// The common name, for finding a host's.
pub const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Prints the content of a `Name`.
pub fn rfc2253(name: &[u8]) -> Result<String, BadDer> {
    let mut parts = Vec::new();
    each_part(name, |part| {
        let mut text = String::new();
        for (position, (oid, tag, value, whole)) in part.iter().enumerate() {
            if position > 0 {
                text.push('+');
            }
            attribute(oid, *tag, value, whole, &mut text)?;
        }
        parts.push(text);
        Ok(())
    })?;
    parts.reverse();
    Ok(parts.join(","))
}

/// The value of the most specific common name.
pub fn common_name(name: &[u8]) -> Option<String> {
    let mut found = None;
    each_part(name, |part| {
        let of_host = part.iter().find(|(oid, ..)| *oid == COMMON_NAME);
        if let Some((_, _, value, _)) = of_host {
            found = Some(String::from_utf8_lossy(value).into_owned());
        }
        Ok(())
    })
    .ok()?;
    found
}

type Attribute<'a> = (&'a [u8], u8, &'a [u8], &'a [u8]);

fn each_part<'a>(
    name: &'a [u8],
    mut take: impl FnMut(&[Attribute<'a>]) -> Result<(), BadDer>,
) -> Result<(), BadDer> {
    let mut parts = Der::new(name);
    while !parts.is_empty() {
        let mut attributes = parts.inner(SET)?;
        let mut part = Vec::new();
        while !attributes.is_empty() {
            let mut attribute = attributes.inner(SEQUENCE)?;
            let oid = attribute.expect(OID)?;
            let value = attribute.element()?;
            attribute.end()?;
            part.push((oid, value.tag, value.content, value.whole));
        }
        take(&part)?;
    }
    Ok(())
}

fn attribute(oid: &[u8], tag: u8, value: &[u8], whole: &[u8], text: &mut String) -> Result<(), BadDer> {
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == oid);
    match keyword {
        Some((_, keyword)) => text.push_str(keyword),
        None => text.push_str(&der::oid_text(oid).ok_or(BadDer)?),
    }
    text.push('=');
    if keyword.is_none() || !TEXTS.contains(&tag) {
        text.push('#');
        for byte in whole {
            text.push_str(&format!("{byte:02x}"));
        }
        return Ok(());
    }
    let value = String::from_utf8_lossy(value);
    let is_space = |c: char| c == ' ' || c == '\r';
    let leading = value.chars().take_while(|c| is_space(*c)).count();
    let count = value.chars().count();
    let trailing = value.chars().rev().take_while(|c| is_space(*c)).count();
    for (index, c) in value.chars().enumerate() {
        if c == '\0' {
            text.push_str("\\00");
            continue;
        }
        if index < leading || index >= count - trailing || ESCAPED.contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of one attribute in each part; short ones only.
    fn name(parts: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| {
            let mut element = vec![tag, u8::try_from(content.len()).unwrap()];
            element.extend_from_slice(content);
            element
        };
        let part = |(oid, tag, value): &(&[u8], u8, &[u8])| {
            let attribute = [wrap(OID, oid), wrap(*tag, value)].concat();
            wrap(SET, &wrap(SEQUENCE, &attribute))
        };
        parts.iter().map(part).collect::<Vec<_>>().concat()
    }

    const UTF8: u8 = 0x0C;

    #[test]
    fn names_are_printed_as_java_prints_them() {
        let country: &[u8] = &[0x55, 4, 6];
        let email: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1];
        type Attribute<'a> = (&'a [u8], u8, &'a [u8]);
        let cases: &[(&[Attribute<'_>], &str)] = &[
            (&[], ""),
            (
                &[(country, 0x13, b"FR"), (COMMON_NAME, UTF8, b"Other")],
                "CN=Other,C=FR",
            ),
            (&[(COMMON_NAME, UTF8, b"a,b=c#d")], "CN=a\\,b\\=c\\#d"),
            (&[(COMMON_NAME, UTF8, b" a ")], "CN=\\ a\\ "),
            (&[(COMMON_NAME, UTF8, "Zo\u{eb}".as_bytes())], "CN=Zo\u{eb}"),
            (&[(email, 0x16, b"a@b")], "1.2.840.113549.1.9.1=#1603614062"),
            (&[(COMMON_NAME, 0x04, b"x")], "CN=#040178"),
        ];
        for (parts, expected) in cases {
            assert_eq!(rfc2253(&name(parts)).unwrap(), *expected);
        }
        assert_eq!(common_name(&name(cases[1].0)).unwrap(), "Other");
        assert!(rfc2253(&[SET, 9]).is_err());
    }
}
