//! Base64 (RFC 4648), with the alphabet of SCRAM or that of web tokens.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes as text, padded.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
            } else {
                let index = group >> (18 - 6 * place) & 63;
                text.push(char::from(STANDARD[index as usize]));
            }
        }
    }
    text
}

/// Text that is padded as it has to be, as bytes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - bare.len() > 2 {
        return None;
    }
    decode_bare(bare, value)
}

/// Text whose padding may be missing, as Java's decoder takes it.
pub fn decode_lenient(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if text.len() - bare.len() > 2 {
        return None;
    }
    decode_bare(bare, value)
}

/// Text in the alphabet for addresses and file names, as web tokens have it: no padding.
pub fn decode_url(text: &str) -> Option<Vec<u8>> {
    decode_bare(text, |byte| match byte {
        b'-' => Some(62),
        b'_' => Some(63),
        b'+' | b'/' => None,
        byte => value(byte),
    })
}

fn value(byte: u8) -> Option<u32> {
    let at = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(at))
}

fn decode_bare(text: &str, value: impl Fn(u8) -> Option<u32>) -> Option<Vec<u8>> {
    if text.len() % 4 == 1 {
        return None;
    }
    let (mut bits, mut count) = (0_u32, 0);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for byte in text.bytes() {
        bits = bits << 6 | value(byte)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text), Some(bytes.as_bytes().to_vec()));
            assert_eq!(
                decode_lenient(text.trim_end_matches('=')),
                Some(bytes.as_bytes().to_vec())
            );
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
        assert_eq!(decode_url("-_8"), Some(vec![0xfb, 0xff]));
    }

    #[test]
    fn what_is_no_base64() {
        for text in [
            "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v!", "Zm=v", "Zg==Zg==",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode_url("+/8"), None);
        assert_eq!(decode_lenient("A==="), None);
    }
}
