//! Whom to trust, as Java's PKIX does with a truststore: chains up to one of its certificates, and its
//! certificates themselves. Chains are webpki's affair. What it does not read, and Kafka takes: certificates
//! of version 1 that an authority of the truststore has signed, as `openssl x509 -req` makes them, and the
//! holder of a certificate that lies in the truststore itself.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use webpki::{EndEntityCert, KeyUsage};

use super::certificate::{Certificate, Validity};
use super::host_name;

/// A truststore, ready for use.
#[derive(Debug)]
struct Trust {
    certificates: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    fn new(certificates: Vec<CertificateDer<'static>>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        // As with Java: who lies in the truststore is trusted, but vouches for others only as an authority.
        let anchors = certificates
            .iter()
            .filter(|certificate| Certificate::parse(certificate).is_ok_and(|parsed| parsed.is_authority()))
            .filter_map(|certificate| webpki::anchor_from_trusted_cert(certificate).ok());
        Trust {
            anchors: anchors.map(|anchor| anchor.to_owned()).collect(),
            certificates,
            algorithms,
        }
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: KeyUsage,
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = Certificate::parse(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if self.certificates.iter().any(|trusted| trusted == end_entity) {
            return in_time(&certificate, now);
        }
        if certificate.version < 3 {
            in_time(&certificate, now)?;
            return if self.has_signed(&certificate) {
                Ok(())
            } else {
                Err(CertificateError::UnknownIssuer.into())
            };
        }
        let parsed = EndEntityCert::try_from(end_entity).map_err(error_of)?;
        parsed
            .verify_for_usage(
                self.algorithms.all,
                &self.anchors,
                intermediates,
                now,
                usage,
                None,
                None,
            )
            .map(drop)
            .map_err(error_of)
    }

    /// Whether an authority of the truststore has signed it, itself.
    fn has_signed(&self, certificate: &Certificate<'_>) -> bool {
        let mut authorities = self
            .certificates
            .iter()
            .filter_map(|trusted| Certificate::parse(trusted).ok());
        authorities.any(|authority| {
            authority.is_authority()
                && authority.subject == certificate.issuer
                && certificate.is_signed_by(&authority, &self.algorithms)
        })
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        only_first: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = Certificate::parse(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let message = (message, signed.signature());
        if certificate.has_signed(message, signed.scheme, &self.algorithms, only_first) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }
}

fn in_time(certificate: &Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    match certificate.validity(now) {
        Validity::Now => Ok(()),
        Validity::NotYet => Err(CertificateError::NotValidYet.into()),
        Validity::NoMore => Err(CertificateError::Expired.into()),
    }
}

fn error_of(error: webpki::Error) -> Error {
    let error = match error {
        webpki::Error::BadDer => CertificateError::BadEncoding,
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    error.into()
}

/// Judges the certificates of clients.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    trust: Trust,
    subjects: Vec<DistinguishedName>,
    is_mandatory: bool,
}

impl ClientVerifier {
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
        is_mandatory: bool,
    ) -> Self {
        let subjects = certificates
            .iter()
            .filter_map(|certificate| Certificate::parse(certificate).ok());
        ClientVerifier {
            subjects: subjects
                .map(|certificate| DistinguishedName::in_sequence(certificate.subject))
                .collect(),
            trust: Trust::new(certificates, algorithms),
            is_mandatory,
        }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.trust
            .check(end_entity, intermediates, KeyUsage::client_auth(), now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.check_signature(message, certificate, signed, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.check_signature(message, certificate, signed, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

/// Judges the certificates of nodes that are asked.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trust: Trust,
    checks_host: bool,
}

impl ServerVerifier {
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
        checks_host: bool,
    ) -> Self {
        ServerVerifier {
            trust: Trust::new(certificates, algorithms),
            checks_host,
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.trust
            .check(end_entity, intermediates, KeyUsage::server_auth(), now)?;
        let certificate = Certificate::parse(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if self.checks_host && !host_name::is_of(&certificate, server_name) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.check_signature(message, certificate, signed, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.check_signature(message, certificate, signed, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}
