//! Ids as Kafka writes them in files: 16 bytes in URL-safe base64 without padding, 22 characters.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: usize = 22;

/// The id's 22 characters.
pub fn encode(id: Uuid) -> String {
    // 132 bits in 22 digits: the number shifted by the four that are left over.
    let bits = id.as_u128();
    let digit = |index: usize| {
        let shift = 128 - 6 * (index as i32 + 1);
        let value = if shift >= 0 { bits >> shift } else { bits << -shift };
        char::from(ALPHABET[(value & 63) as usize])
    };
    (0..DIGITS).map(digit).collect()
}

/// The id that `text` stands for.
pub fn decode(text: &str) -> Option<Uuid> {
    if text.len() != DIGITS {
        return None;
    }
    let mut bits: u128 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|&known| known == byte)? as u128;
        bits = if index + 1 < DIGITS {
            bits << 6 | value
        } else {
            bits << 2 | value >> 4
        };
    }
    Some(Uuid::from_u128(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_kafka_does() {
        let cases = [
            (0, "AAAAAAAAAAAAAAAAAAAAAA"),
            (1, "AAAAAAAAAAAAAAAAAAAAAQ"),
            (u128::MAX, "_____________________w"),
            (0x00010203_04050607_08090a0b_0c0d0e0f, "AAECAwQFBgcICQoLDA0ODw"),
        ];
        for (bits, text) in cases {
            let id = Uuid::from_u128(bits);
            assert_eq!(encode(id), text);
            assert_eq!(decode(text), Some(id));
        }
        for bad in [
            "",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAA+",
            "AAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
