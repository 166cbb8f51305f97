//! PEM: blocks of base64 between `-----BEGIN …-----` and `-----END …-----`. Settings hold them inline too,
//! where line ends may have become spaces.

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it says to be: `CERTIFICATE`, `PRIVATE KEY` …
    pub label: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The blocks of a text; what stands between them is passed over.
///
/// # Errors
/// What is wrong with a block.
pub fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        rest = &rest[at + BEGIN.len()..];
        let (label, body) = rest
            .split_once(DASHES)
            .ok_or_else(|| "a PEM block has no end of its first line".to_owned())?;
        let (body, behind) = body
            .split_once(&format!("{END}{label}{DASHES}"))
            .ok_or_else(|| format!("the PEM block {label} has no end"))?;
        if body.contains("Proc-Type:") {
            return Err(format!(
                "{label} is encrypted in OpenSSL's old form; convert it with openssl pkcs8 -topk8"
            ));
        }
        let bytes = decode_base64(body).ok_or_else(|| format!("the PEM block {label} is not base64"))?;
        blocks.push(Block {
            label: label.to_owned(),
            bytes,
        });
        rest = behind;
    }
    Ok(blocks)
}

/// White space anywhere, padding at the end.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut digits, mut padding) = (0_u32, 0, 0_usize, 0_usize);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'=' => {
                padding += 1;
                continue;
            }
            _ if padding > 0 => return None,
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        digits += 1;
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (digits > 0 && bits == 0 && (digits + padding).is_multiple_of(4) && padding <= 2).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_also_where_lines_have_become_spaces() {
        let text = "Bag Attributes\n-----BEGIN CERTIFICATE-----\naGVs\nbG8=\n-----END CERTIFICATE-----\n \
                    -----BEGIN PRIVATE KEY----- aGVsbG8h -----END PRIVATE KEY-----";
        let found = blocks(text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|block| (block.label.as_str(), block.bytes.as_slice()))
            .collect();
        assert_eq!(
            found,
            [("CERTIFICATE", &b"hello"[..]), ("PRIVATE KEY", b"hello!")]
        );
        assert_eq!(blocks("nothing"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_broken_is_told() {
        for text in [
            "-----BEGIN X",
            "-----BEGIN X-----\naaaa",
            "-----BEGIN X-----\na!aa\n-----END X-----",
            "-----BEGIN X-----\naaaaa\n-----END X-----",
            "-----BEGIN X-----\n-----END X-----",
            "-----BEGIN X-----\naa==aaaa\n-----END X-----",
            "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\naaaa\n-----END X-----",
        ] {
            assert!(blocks(text).is_err(), "{text}");
        }
    }
}
