//! Who has sent a request that a broker passes on: Kafka's `DefaultPrincipalData` in an Envelope.
//!
//! ```text
//! version i16 = 0 │ type compact string │ name compact string │ token_authenticated bool │ tagged fields
//! ```

use bytes::{Bytes, BytesMut};

use crate::malformed::{Malformed, Unencodable};
use crate::messages::{DefaultPrincipalData, Encodable, StrBytes};
use crate::reader::Reader;

const VERSION: i16 = 0;

/// A principal, and how it has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrincipalData<'a> {
    /// Its type.
    pub principal_type: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Whether it has proven who it is by a delegation token.
    pub token_authenticated: bool,
}

impl<'a> PrincipalData<'a> {
    /// Its bytes.
    ///
    /// # Errors
    /// Type or name is too long.
    pub fn encode(&self) -> Result<Bytes, Unencodable> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let data = DefaultPrincipalData::default()
            .with_type(text(self.principal_type))
            .with_name(text(self.name))
            .with_token_authenticated(self.token_authenticated);
        let mut buffer = BytesMut::from(&VERSION.to_be_bytes()[..]);
        data.encode(&mut buffer, VERSION)
            .map_err(|error| Unencodable(error.to_string()))?;
        Ok(buffer.freeze())
    }

    /// Reads them; unknown tagged fields are skipped.
    ///
    /// # Errors
    /// They are none.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.i16()? != VERSION {
            return Err(Malformed::Undecodable);
        }
        let mut text = || reader.nullable_string(true)?.ok_or(Malformed::UnexpectedNull);
        let (principal_type, name) = (text()?, text()?);
        let token_authenticated = reader.i8()? != 0;
        reader.skip_tagged_fields()?;
        Ok(PrincipalData {
            principal_type,
            name,
            token_authenticated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: PrincipalData<'_> = PrincipalData {
        principal_type: "User",
        name: "alice",
        token_authenticated: true,
    };
    /// Of `DefaultKafkaPrincipalBuilder.serialize` of Apache Kafka 4.4.0.
    const BYTES: &[u8] = b"\0\0\x05User\x06alice\x01\0";

    #[test]
    fn the_bytes_are_apache_kafkas() {
        assert_eq!(&*ALICE.encode().unwrap(), BYTES);
        assert_eq!(PrincipalData::decode(BYTES), Ok(ALICE));
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        for cut in 0..BYTES.len() {
            PrincipalData::decode(&BYTES[..cut]).unwrap_err();
        }
        let cases: [&[u8]; 3] = [
            b"\0\x01\x05User\x06alice\x01\0",
            b"\0\0\0\x06alice\x01\0",
            b"\0\0\xff\xff\xff\xff\x0fUser",
        ];
        for bytes in cases {
            PrincipalData::decode(bytes).unwrap_err();
        }
    }
}
