//! Certificates: what one says, and why it was refused.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::record::{Certificate, Reason};

/// What a certificate says; nothing, if it cannot be read.
pub(super) fn facts(certificate: &CertificateDer<'_>) -> Option<Arc<Certificate>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
    let time = |time: i64| Timestamp::from_second(time).ok();
    let digest = digest::digest(&digest::SHA256, certificate);
    Some(Arc::new(Certificate {
        issuer: parsed.issuer().to_string(),
        subject: parsed.subject().to_string(),
        names: names.unwrap_or_default(),
        not_before: time(parsed.validity().not_before.timestamp())?,
        not_after: time(parsed.validity().not_after.timestamp())?,
        fingerprint_sha256: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
    }))
}

/// Names of hosts, and their addresses.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

/// A certificate that was refused, with what its verifier could not say.
#[derive(Debug)]
struct Refused {
    error: CertificateError,
    is_self_signed: bool,
    facts: Option<Arc<Certificate>>,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_self_signed {
            true => formatter.write_str("it is signed by itself"),
            false => self.error.fmt(formatter),
        }
    }
}

impl std::error::Error for Refused {}

/// Why a certificate was refused.
pub(super) fn reason(error: &CertificateError) -> Reason {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Reason::NotYetValid,
        CertificateError::UnknownIssuer => Reason::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Reason::WrongName
        }
        CertificateError::Revoked => Reason::Revoked,
        CertificateError::BadSignature => Reason::BadSignature,
        CertificateError::Other(OtherError(other)) => match other.downcast_ref::<Refused>() {
            Some(refused) if refused.is_self_signed => Reason::SelfSigned,
            Some(refused) => reason(&refused.error),
            None => Reason::Other,
        },
        _ => Reason::Other,
    }
}

/// The same for people. rustls shows an error of ours as programmers see it.
pub(super) fn said(error: &CertificateError) -> String {
    match error {
        CertificateError::Other(OtherError(other)) => other.to_string(),
        _ => error.to_string(),
    }
}

/// The facts of a certificate that was refused, if they were wanted.
pub(super) fn refused(error: &io::Error) -> Option<Arc<Certificate>> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
            other.downcast_ref::<Refused>()?.facts.clone()
        }
        _ => None,
    }
}

/// Verifies as `inner` does, and keeps of what is refused what a record wants to say.
#[derive(Debug)]
pub(super) struct Explaining {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
    pub(super) wants_facts: bool,
}

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.inner.verify_server_cert(certificate, intermediates, name, stapled, now);
        let Err(rustls::Error::InvalidCertificate(error)) = result else { return result };
        // A root that only bears the same name may make another error of it than an unknown issuer.
        let is_about_issuer =
            matches!(reason(&error), Reason::UnknownIssuer | Reason::BadSignature | Reason::Other);
        let is_self_signed = is_about_issuer
            && X509Certificate::from_der(certificate)
                .is_ok_and(|(_, parsed)| parsed.issuer() == parsed.subject());
        // The host is told the reason that stands in the error: where there is nothing to add, it stays as it is.
        if !is_self_signed && !self.wants_facts {
            return Err(rustls::Error::InvalidCertificate(error));
        }
        let facts = if self.wants_facts { facts(certificate) } else { None };
        let refused = OtherError(Arc::new(Refused { error, is_self_signed, facts }));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(refused)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
