//! Reads DER, the encoding of certificates, keys and PKCS#12 stores: tag, length, content.
//!
//! Every length is held against the bytes that remain; nothing is copied or allocated.

/// The bytes are not what their length or tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadDer;

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const OID: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// The tag of `[number]` around other elements.
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    /// Tag, length and content.
    pub whole: &'a [u8],
}

/// What has not been read yet.
#[derive(Debug, Clone, Copy)]
pub struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Der(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element.
    pub fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element. Tags have one byte, and lengths are definite, of at most four bytes.
    pub fn element(&mut self) -> Result<Element<'a>, BadDer> {
        let (&tag, rest) = self.0.split_first().ok_or(BadDer)?;
        let (&first, rest) = rest.split_first().ok_or(BadDer)?;
        if tag & 0x1F == 0x1F {
            return Err(BadDer);
        }
        let (len, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F)).ok_or(BadDer)?;
                let len = bytes
                    .iter()
                    .fold(0_usize, |len, byte| (len << 8) | usize::from(*byte));
                (len, rest)
            }
            _ => return Err(BadDer),
        };
        let (content, left) = rest.split_at_checked(len).ok_or(BadDer)?;
        let whole = &self.0[..self.0.len() - left.len()];
        self.0 = left;
        Ok(Element { tag, content, whole })
    }

    /// The content of the next element, which has this tag.
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], BadDer> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element.content)
        } else {
            Err(BadDer)
        }
    }

    /// What lies in the next element, which has this tag.
    pub fn inner(&mut self, tag: u8) -> Result<Der<'a>, BadDer> {
        self.expect(tag).map(Der)
    }

    /// The content of the next element if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BadDer> {
        if self.peek() == Some(tag) {
            self.expect(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A number that is not negative.
    pub fn unsigned(&mut self) -> Result<u32, BadDer> {
        let content = self.expect(INTEGER)?;
        let is_negative = content.first().is_none_or(|first| first & 0x80 != 0);
        let digits: &[u8] = match content {
            [0, digits @ ..] => digits,
            digits => digits,
        };
        if is_negative || digits.len() > 4 {
            return Err(BadDer);
        }
        Ok(digits
            .iter()
            .fold(0, |number, byte| (number << 8) | u32::from(*byte)))
    }

    /// A bit string of whole bytes.
    pub fn bits(&mut self) -> Result<&'a [u8], BadDer> {
        match self.expect(BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(BadDer),
        }
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), BadDer> {
        if self.is_empty() { Ok(()) } else { Err(BadDer) }
    }
}

/// An object identifier in numbers, `2.5.4.3`; `None` where the content is none.
pub fn oid_text(content: &[u8]) -> Option<String> {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for (index, byte) in content.iter().enumerate() {
        arc = arc.checked_mul(128)? + u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        } else if index + 1 == content.len() {
            return None;
        }
    }
    let (&first, rest) = arcs.split_first()?;
    let top = (first / 40).min(2);
    let mut text = format!("{top}.{}", first - top * 40);
    for arc in rest {
        text.push_str(&format!(".{arc}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_and_lengths_held_against_the_bytes() {
        let mut der = Der::new(&[0x30, 3, 2, 1, 7, 4, 0x81, 2, 8, 9]);
        let mut sequence = der.inner(SEQUENCE).unwrap();
        assert_eq!(sequence.unsigned(), Ok(7));
        assert_eq!(sequence.end(), Ok(()));
        assert_eq!(der.expect(OCTET_STRING), Ok(&[8, 9][..]));
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x1F, 1, 0],
        ] {
            assert!(Der::new(bad).element().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn object_identifiers_are_printed() {
        assert_eq!(oid_text(&[0x55, 4, 3]).unwrap(), "2.5.4.3");
        let email = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1];
        assert_eq!(oid_text(&email).unwrap(), "1.2.840.113549.1.9.1");
        assert_eq!(oid_text(&[0x88, 0x37]).unwrap(), "2.999");
        assert_eq!(oid_text(&[0x55, 0x84]), None);
        assert_eq!(oid_text(&[]), None);
    }
}
