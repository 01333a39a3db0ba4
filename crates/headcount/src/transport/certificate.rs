//! Certificates: what one says, and why it was refused.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
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
            false => formatter.write_str(&said(&self.error)),
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

/// The same for people. rustls shows an error of ours as programmers see it, and some of its own by their names only.
pub(super) fn said(error: &CertificateError) -> String {
    let said = match error {
        CertificateError::Other(OtherError(other)) => other.to_string(),
        _ => error.to_string(),
    };
    match said.as_str() {
        "CaUsedAsEndEntity" => "it is the certificate of an authority, and not of a host".to_owned(),
        name if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => in_words(name),
        _ => said,
    }
}

/// `UnknownIssuer` is `unknown issuer`.
fn in_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
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
    /// Certificates that the user has named. A host may show one of them itself, though it be an authority's: most
    /// certificates that are signed by themselves are made so.
    pub(super) named: Arc<[CertificateDer<'static>]>,
    pub(super) wants_facts: bool,
}

/// Verifies a certificate that is trusted itself: it has only to be for this name, this time and this purpose. That the host
/// has its key shows in the handshake's signature, as ever.
fn verify_named(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, rustls::Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_unreadable| CertificateError::BadEncoding)?;
    let (validity, now) = (parsed.validity(), i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    match parsed.extended_key_usage() {
        Ok(None) => {}
        Ok(Some(usage)) if usage.value.server_auth || usage.value.any => {}
        _ => return Err(CertificateError::InvalidPurpose.into()),
    }
    Ok(ServerCertVerified::assertion())
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
        let Err(rustls::Error::InvalidCertificate(mut error)) = result else { return result };
        if matches!(error, CertificateError::Other(_)) && self.named.contains(certificate) {
            match verify_named(certificate, name, now) {
                Err(rustls::Error::InvalidCertificate(reason)) => error = reason,
                accepted => return accepted,
            }
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::crypto::aws_lc_rs;
    use small_web::SmallWeb;

    use super::*;
    use crate::transport::tls::parse_certificates;

    const YEAR: u64 = 365 * 24 * 3_600;

    /// What is thought of the first certificate, where those of `named` are trusted.
    fn verify(shown: &str, named: &str, name: &str, years: u64) -> Result<(), Reason> {
        let named: Arc<[_]> = parse_certificates(named.as_bytes()).unwrap().into();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(named.iter().cloned());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let verifier = Explaining { inner, named, wants_facts: false };
        let shown = &parse_certificates(shown.as_bytes()).unwrap()[0];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(years * YEAR));
        match verifier.verify_server_cert(shown, &[], &name, &[], now) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(error)) => Err(reason(&error)),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_certificate_that_was_named_is_believed_for_its_names_and_its_time_only() {
        let (web, other) = (SmallWeb::start().unwrap(), SmallWeb::start().unwrap());
        let (own, others) = (web.own_authority_pem(), other.own_authority_pem());
        assert_eq!(verify(own, own, "localhost", 50), Ok(()));
        assert_eq!(verify(own, &[others, own].concat(), "127.0.0.1", 50), Ok(()));
        assert_eq!(verify(own, own, "elsewhere.example", 50), Err(Reason::WrongName));
        assert_eq!(verify(own, own, "localhost", 1), Err(Reason::NotYetValid));
        assert_eq!(verify(own, own, "localhost", 3_000), Err(Reason::Expired));
        assert_eq!(verify(own, others, "localhost", 50), Err(Reason::SelfSigned));
        assert_eq!(verify(own, web.authority_pem(), "localhost", 50), Err(Reason::SelfSigned));
    }

    #[test]
    fn names_of_errors_are_said_in_words() {
        assert_eq!(said(&CertificateError::UnknownIssuer), "unknown issuer");
    }
}
