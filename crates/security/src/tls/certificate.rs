//! An X.509 certificate, as far as Kafka's rules look into it: of version 1 too, which webpki does not read.

use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::UnixTime;

use super::der::{self, BOOLEAN, BadDer, Der, OCTET_STRING, OID, SEQUENCE};
use super::distinguished_name;

const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 19];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// What is signed.
    signed: &'a [u8],
    signature_algorithm: &'a [u8],
    signature: &'a [u8],
    /// 1 to 3.
    pub version: u32,
    /// The issuer's name, its content.
    pub issuer: &'a [u8],
    /// The subject's name, its content.
    pub subject: &'a [u8],
    not_before: i64,
    not_after: i64,
    /// Algorithm and key of the subject, the whole element.
    pub public_key_info: &'a [u8],
    key_algorithm: &'a [u8],
    key: &'a [u8],
    /// The content of the names beside the subject; empty where there are none.
    alternative_names: &'a [u8],
    /// Whether it says that it may sign others.
    is_marked_authority: bool,
}

/// A name beside the subject that a host may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlternativeName<'a> {
    /// A host's name, maybe with a wildcard.
    Dns(&'a [u8]),
    /// The 4 or 16 bytes of an address.
    Ip(&'a [u8]),
    /// Anything else, with its tag.
    Other(u8, &'a [u8]),
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; whether it is any good is not asked.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BadDer> {
        let mut outer = Der::new(bytes);
        let mut certificate = outer.inner(SEQUENCE)?;
        outer.end()?;
        let signed = certificate.element()?;
        let signature_algorithm = certificate.expect(SEQUENCE)?;
        let signature = certificate.bits()?;
        certificate.end()?;
        if signed.tag != SEQUENCE {
            return Err(BadDer);
        }
        let mut fields = Der::new(signed.content);
        let version = match fields.optional(der::context(0))? {
            Some(version) => Der::new(version).unsigned()?.checked_add(1).ok_or(BadDer)?,
            None => 1,
        };
        fields.expect(der::INTEGER)?;
        fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?;
        let mut validity = fields.inner(SEQUENCE)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = fields.expect(SEQUENCE)?;
        let public_key_info = fields.element()?.whole;
        let mut public_key = Der::new(public_key_info).inner(SEQUENCE)?;
        let (key_algorithm, key) = (public_key.expect(SEQUENCE)?, public_key.bits()?);
        let mut alternative_names: &[u8] = &[];
        let mut is_marked_authority = false;
        while !fields.is_empty() {
            let field = fields.element()?;
            if field.tag != der::context(3) {
                continue;
            }
            let mut extensions = Der::new(field.content).inner(SEQUENCE)?;
            while !extensions.is_empty() {
                let mut extension = extensions.inner(SEQUENCE)?;
                let id = extension.expect(OID)?;
                extension.optional(BOOLEAN)?;
                let value = extension.expect(OCTET_STRING)?;
                if id == SUBJECT_ALTERNATIVE_NAME {
                    alternative_names = Der::new(value).expect(SEQUENCE)?;
                }
                if id == BASIC_CONSTRAINTS {
                    let mark = Der::new(value).inner(SEQUENCE)?.optional(BOOLEAN)?;
                    is_marked_authority = mark.is_some_and(|mark| mark != [0]);
                }
            }
        }
        Ok(Certificate {
            signed: signed.whole,
            signature_algorithm,
            signature,
            version,
            issuer,
            subject,
            not_before,
            not_after,
            public_key_info,
            key_algorithm,
            key,
            alternative_names,
            is_marked_authority,
        })
    }

    /// The subject's name as Java prints it.
    pub fn subject_name(&self) -> Result<String, BadDer> {
        distinguished_name::rfc2253(self.subject)
    }

    /// The names beside the subject; those that can't be read are left out.
    pub fn alternative_names(&self) -> Vec<AlternativeName<'a>> {
        let mut names = Der::new(self.alternative_names);
        let mut found = Vec::new();
        while let Ok(name) = names.element() {
            found.push(match name.tag {
                DNS_NAME => AlternativeName::Dns(name.content),
                IP_ADDRESS => AlternativeName::Ip(name.content),
                tag => AlternativeName::Other(tag, name.content),
            });
        }
        found
    }

    /// Whether it may sign others: before version 3 a certificate can't say, and from then on it must.
    pub fn is_authority(&self) -> bool {
        self.version < 3 || self.is_marked_authority
    }

    /// Whether it is valid at `now`, and if not, whether it is not yet.
    pub fn validity(&self, now: UnixTime) -> Validity {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::NoMore
        } else {
            Validity::Now
        }
    }

    /// Whether the holder of `issuer`'s key has signed this certificate, by an algorithm of `known`.
    pub fn is_signed_by(&self, issuer: &Certificate<'_>, known: &WebPkiSupportedAlgorithms) -> bool {
        let mut fitting = known.all.iter().filter(|algorithm| {
            algorithm.signature_alg_id().as_ref() == self.signature_algorithm
                && algorithm.public_key_alg_id().as_ref() == issuer.key_algorithm
        });
        fitting.any(|algorithm| {
            algorithm
                .verify_signature(issuer.key, self.signed, self.signature)
                .is_ok()
        })
    }

    /// Whether the holder of the certificate's key has signed `message` in a handshake. TLS 1.3 binds a
    /// scheme to one curve: only its first algorithm counts (`only_first`).
    pub fn has_signed(
        &self,
        (message, signature): (&[u8], &[u8]),
        scheme: SignatureScheme,
        known: &WebPkiSupportedAlgorithms,
        only_first: bool,
    ) -> bool {
        let Some((_, algorithms)) = known.mapping.iter().find(|(known, _)| *known == scheme) else {
            return false;
        };
        let count = if only_first { 1 } else { algorithms.len() };
        algorithms.iter().take(count).any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == self.key_algorithm
                && algorithm.verify_signature(self.key, message, signature).is_ok()
        })
    }
}

/// Whether a certificate's time is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It is.
    Now,
    /// It is to come.
    NotYet,
    /// It is over.
    NoMore,
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Seconds since 1970.
fn time(der: &mut Der<'_>) -> Result<i64, BadDer> {
    let element = der.element()?;
    let digits = element.content.strip_suffix(b"Z").ok_or(BadDer)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadDer);
    }
    let number = |range: std::ops::Range<usize>| {
        let digits = digits.get(range).ok_or(BadDer)?;
        Ok(digits
            .iter()
            .fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0')))
    };
    let (year, at) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => match number(0..2)? {
            year @ 0..50 => (2000 + year, 2),
            year => (1900 + year, 2),
        },
        (GENERALIZED_TIME, 14) => (number(0..4)?, 4),
        _ => return Err(BadDer),
    };
    let (month, day) = (number(at..at + 2)?, number(at + 2..at + 4)?);
    let (hour, minute, second) = (
        number(at + 4..at + 6)?,
        number(at + 6..at + 8)?,
        number(at + 8..at + 10)?,
    );
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(BadDer);
    }
    // Days of the proleptic Gregorian calendar, counted in years that begin in March.
    let (shifted_year, shifted_month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * shifted_year + shifted_year.div_euclid(4) - shifted_year.div_euclid(100)
        + shifted_year.div_euclid(400)
        + (153 * shifted_month + 2) / 5
        + day
        - 1
        - 719_468;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        let read = |tag: u8, text: &str| {
            let mut bytes = vec![tag, u8::try_from(text.len()).unwrap()];
            bytes.extend_from_slice(text.as_bytes());
            time(&mut Der::new(&bytes))
        };
        let cases = [
            (UTC_TIME, "700101000000Z", Ok(0)),
            (UTC_TIME, "491231235959Z", Ok(2_524_607_999)),
            (GENERALIZED_TIME, "20000229120000Z", Ok(951_825_600)),
            (GENERALIZED_TIME, "99991231235959Z", Ok(253_402_300_799)),
            (UTC_TIME, "7001010000Z", Err(BadDer)),
            (UTC_TIME, "701301000000Z", Err(BadDer)),
            (UTC_TIME, "70010100000aZ", Err(BadDer)),
        ];
        for (tag, text, expected) in cases {
            assert_eq!(read(tag, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for bytes in [&[][..], &[0x30, 0], &[0x30, 3, 2, 1, 0], b"-----BEGIN"] {
            assert!(Certificate::parse(bytes).is_err());
        }
    }
}
