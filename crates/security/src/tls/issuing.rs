//! An authority and the certificate of one server, for `barnabas --secure`: X.509 version 3, ECDSA on P-256.
//!
//! The authority's key is forgotten as soon as it has signed: nobody can make another certificate that is
//! trusted where this one is.

use std::net::IpAddr;

use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use sha2::{Digest, Sha256};

use super::der::{BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, context};
use crate::sasl::base64;

const UTF8_STRING: u8 = 0x0C;
const GENERALIZED_TIME: u8 = 0x18;
const UTC_TIME: u8 = 0x17;
/// `[number]` with a plain value in it.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const KEY_ID: u8 = 0x80;

const ECDSA_WITH_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1D, 14];
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 15];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1D, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 19];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1D, 35];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 37];
const SERVER_AUTH: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 1];
/// keyCertSign and cRLSign; digitalSignature.
const SIGNS_CERTIFICATES: &[u8] = &[BIT_STRING, 2, 1, 0x06];
const SIGNS_HANDSHAKES: &[u8] = &[BIT_STRING, 2, 7, 0x80];

const DAY_S: i64 = 86_400;
/// How long both are good for.
const DAYS: i64 = 3650;

/// What was made, as PEM.
pub struct Issued {
    /// The authority's certificate, for clients.
    pub authority: String,
    /// Key and certificate of the server.
    pub server: String,
}

/// Makes an authority, and a certificate by it for a server of these names and addresses; `now_s` is the
/// time in seconds since 1970.
///
/// # Errors
/// There are no random numbers.
pub fn issue(random: &dyn SecureRandom, now_s: i64, hosts: &[String]) -> Result<Issued, String> {
    let authority = Key::generate(random)?;
    let server = Key::generate(random)?;
    let name = "barnabas --secure";
    let authority_id = key_id(authority.public());
    let signed = Certificate {
        subject: name,
        key: &server,
        extensions: of_server(&server, &authority_id, hosts),
    };
    let own = Certificate {
        subject: name,
        key: &authority,
        extensions: of_authority(&authority),
    };
    let signed = signed.issued_by(&authority, name, random, now_s)?;
    let own = own.issued_by(&authority, name, random, now_s)?;
    Ok(Issued {
        authority: pem("CERTIFICATE", &own),
        server: pem("PRIVATE KEY", &server.pkcs8) + &pem("CERTIFICATE", &signed),
    })
}

/// ring does not say why.
fn refused<E>(_: E) -> String {
    "the system has no random numbers for keys".to_owned()
}

struct Key {
    pkcs8: Vec<u8>,
    pair: EcdsaKeyPair,
}

impl Key {
    fn generate(random: &dyn SecureRandom) -> Result<Self, String> {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, random).map_err(refused)?;
        let pkcs8 = pkcs8.as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, random).map_err(refused)?;
        Ok(Key { pkcs8, pair })
    }

    fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}

struct Certificate<'a> {
    subject: &'a str,
    key: &'a Key,
    extensions: Vec<u8>,
}

impl Certificate<'_> {
    fn issued_by(
        &self,
        issuer: &Key,
        name: &str,
        random: &dyn SecureRandom,
        now_s: i64,
    ) -> Result<Vec<u8>, String> {
        let mut serial = [0; 16];
        random.fill(&mut serial).map_err(refused)?;
        // Positive, and with no zero at the beginning.
        serial[0] = serial[0] & 0x7F | 0x40;
        let algorithm = nested(SEQUENCE, &[element(OID, ECDSA_WITH_SHA256)]);
        let key_algorithm = nested(SEQUENCE, &[element(OID, EC_PUBLIC_KEY), element(OID, P256)]);
        let signed = nested(
            SEQUENCE,
            &[
                nested(context(0), &[element(INTEGER, &[2])]),
                element(INTEGER, &serial),
                algorithm.clone(),
                named(name),
                nested(SEQUENCE, &[time(now_s - DAY_S), time(now_s + DAYS * DAY_S)]),
                named(self.subject),
                nested(SEQUENCE, &[key_algorithm, bits(self.key.public())]),
                nested(context(3), &[element(SEQUENCE, &self.extensions)]),
            ],
        );
        let signature = issuer.pair.sign(random, &signed).map_err(refused)?;
        Ok(nested(SEQUENCE, &[signed, algorithm, bits(signature.as_ref())]))
    }
}

fn of_authority(key: &Key) -> Vec<u8> {
    let is_authority = nested(SEQUENCE, &[element(BOOLEAN, &[0xFF])]);
    [
        extension(BASIC_CONSTRAINTS, true, &is_authority),
        extension(KEY_USAGE, true, SIGNS_CERTIFICATES),
        extension(
            SUBJECT_KEY_ID,
            false,
            &element(OCTET_STRING, &key_id(key.public())),
        ),
    ]
    .concat()
}

fn of_server(key: &Key, authority_id: &[u8], hosts: &[String]) -> Vec<u8> {
    let names: Vec<Vec<u8>> = hosts
        .iter()
        .map(|host| match host.parse() {
            Ok(IpAddr::V4(address)) => element(IP_ADDRESS, &address.octets()),
            Ok(IpAddr::V6(address)) => element(IP_ADDRESS, &address.octets()),
            Err(_) => element(DNS_NAME, host.as_bytes()),
        })
        .collect();
    [
        extension(BASIC_CONSTRAINTS, true, &element(SEQUENCE, b"")),
        extension(KEY_USAGE, true, SIGNS_HANDSHAKES),
        extension(
            EXTENDED_KEY_USAGE,
            false,
            &nested(SEQUENCE, &[element(OID, SERVER_AUTH)]),
        ),
        extension(ALTERNATIVE_NAMES, false, &nested(SEQUENCE, &names)),
        extension(
            SUBJECT_KEY_ID,
            false,
            &element(OCTET_STRING, &key_id(key.public())),
        ),
        extension(
            AUTHORITY_KEY_ID,
            false,
            &nested(SEQUENCE, &[element(KEY_ID, authority_id)]),
        ),
    ]
    .concat()
}

fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical {
        element(BOOLEAN, &[0xFF])
    } else {
        Vec::new()
    };
    nested(
        SEQUENCE,
        &[element(OID, id), critical, element(OCTET_STRING, value)],
    )
}

fn named(common_name: &str) -> Vec<u8> {
    let pair = nested(
        SEQUENCE,
        &[
            element(OID, COMMON_NAME),
            element(UTF8_STRING, common_name.as_bytes()),
        ],
    );
    nested(SEQUENCE, &[nested(SET, &[pair])])
}

fn key_id(public_key: &[u8]) -> Vec<u8> {
    Sha256::digest(public_key)[..20].to_vec()
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// An element that holds others.
fn nested(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &parts.concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..0x80 => bytes.push(length as u8),
        length => {
            let digits = length.to_be_bytes();
            let first = digits.iter().position(|digit| *digit != 0).unwrap_or(0);
            bytes.push(0x80 | (digits.len() - first) as u8);
            bytes.extend_from_slice(&digits[first..]);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A time of these seconds since 1970, with two digits of the year until 2050.
fn time(seconds: i64) -> Vec<u8> {
    let (days, second) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    // The proleptic Gregorian calendar, in years that begin in March and eras of 400 of them.
    let from_march = days + 719_468;
    let (era, day_of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let rest = format!(
        "{month:02}{day:02}{:02}{:02}{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    match year {
        ..2050 => element(UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes()),
        _ => element(GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes()),
    }
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = base64::encode(bytes);
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use rustls::pki_types::{CertificateDer, UnixTime};

    use super::super::certificate::{AlternativeName, Certificate, Validity};
    use super::super::pem::blocks;
    use super::*;

    const NOW_S: i64 = 1_790_000_000;

    #[test]
    fn a_server_is_trusted_by_who_trusts_its_authority() {
        let hosts = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let issued = issue(&SystemRandom::new(), NOW_S, &hosts).unwrap();
        let authority = blocks(&issued.authority).unwrap();
        let server = blocks(&issued.server).unwrap();
        assert_eq!(server[0].label, "PRIVATE KEY");
        let (own, signed) = (
            Certificate::parse(&authority[0].bytes),
            Certificate::parse(&server[1].bytes),
        );
        let (own, signed) = (own.unwrap(), signed.unwrap());
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        assert!(own.is_authority() && own.is_signed_by(&own, &known));
        assert!(!signed.is_authority() && signed.is_signed_by(&own, &known));
        let names = signed.alternative_names();
        assert_eq!(names[0], AlternativeName::Dns(b"localhost"));
        assert_eq!(names[1], AlternativeName::Ip(&[127, 0, 0, 1]));
        assert_eq!(names.len(), 3);
        let at = |seconds| {
            signed.validity(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                seconds,
            )))
        };
        let now = NOW_S as u64;
        assert_eq!(at(now), Validity::Now);
        assert_eq!(at(now - 2 * DAY_S as u64), Validity::NotYet);
        assert_eq!(at(now + ((DAYS + 1) * DAY_S) as u64), Validity::NoMore);
        // As rustls' own verifier reads them.
        let (end, anchor) = (
            CertificateDer::from(&*server[1].bytes),
            CertificateDer::from(&*authority[0].bytes),
        );
        let anchor = webpki::anchor_from_trusted_cert(&anchor).unwrap();
        webpki::EndEntityCert::try_from(&end)
            .unwrap()
            .verify_for_usage(
                known.all,
                &[anchor],
                &[],
                UnixTime::since_unix_epoch(std::time::Duration::from_secs(now)),
                webpki::KeyUsage::server_auth(),
                None,
                None,
            )
            .unwrap();
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for (seconds, text) in [
            (0, "700101000000Z"),
            (951_825_600, "000229120000Z"),
            (2_524_607_999, "491231235959Z"),
            (2_524_608_000, "20500101000000Z"),
        ] {
            assert_eq!(&time(seconds)[2..], text.as_bytes());
        }
    }
}
