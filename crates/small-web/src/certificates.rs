//! The authority of a small web, and the certificates that its TLS hosts show, good and bad.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// What a TLS host shows. The names are `localhost`, `127.0.0.1`, `::1` and `*.small-web.test` unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Signed by the web's authority. `answered` for a client that trusts it, else `tls/certificate`.
    Good,
    /// Ran out in 2021. `tls/certificate`.
    Expired,
    /// Valid from 2900 on. `tls/certificate`.
    NotYetValid,
    /// For `elsewhere.example` only. `tls/certificate`.
    WrongName,
    /// Signed by itself, so that the authority does not help. `tls/certificate`.
    SelfSigned,
    /// The same, and an authority by its own word, as `openssl req -x509` makes them. `answered` for a client that trusts
    /// this very one, else `tls/certificate`.
    OwnAuthority,
}

/// The authority, made anew for each web, with one server configuration for each certificate.
#[derive(Debug)]
pub(crate) struct Authority {
    pem: String,
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    not_yet_valid: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    self_signed: Arc<ServerConfig>,
    own_authority: (String, Arc<ServerConfig>),
    for_members: Arc<ServerConfig>,
    member: (String, String),
}

impl Authority {
    pub(crate) fn new() -> io::Result<Authority> {
        let issuer = issuer().map_err(io::Error::other)?;
        let made = |certificate| server_config(certificate, &issuer).map_err(io::Error::other);
        let config = |certificate| made(certificate).map(|(_, config)| config);
        Ok(Authority {
            pem: issuer.pem(),
            good: config(Certificate::Good)?,
            expired: config(Certificate::Expired)?,
            not_yet_valid: config(Certificate::NotYetValid)?,
            wrong_name: config(Certificate::WrongName)?,
            self_signed: config(Certificate::SelfSigned)?,
            own_authority: made(Certificate::OwnAuthority)?,
            for_members: for_members(&issuer).map_err(io::Error::other)?,
            member: member(&issuer).map_err(io::Error::other)?,
        })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The certificate that is its own authority, in PEM.
    pub(crate) fn own_authority_pem(&self) -> &str {
        &self.own_authority.0
    }

    /// The configuration of a host that lets in only whom the authority has signed.
    pub(crate) fn members_only(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.for_members)
    }

    /// The certificate and the key of such a one, in PEM.
    pub(crate) fn member(&self) -> (&str, &str) {
        (&self.member.0, &self.member.1)
    }

    pub(crate) fn server_config(&self, certificate: Certificate) -> Arc<ServerConfig> {
        Arc::clone(match certificate {
            Certificate::Good => &self.good,
            Certificate::Expired => &self.expired,
            Certificate::NotYetValid => &self.not_yet_valid,
            Certificate::WrongName => &self.wrong_name,
            Certificate::SelfSigned => &self.self_signed,
            Certificate::OwnAuthority => &self.own_authority.1,
        })
    }
}

fn issuer() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Small web authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

/// The certificate in PEM, and the configuration of the host that shows it.
fn server_config(
    certificate: Certificate,
    issuer: &CertifiedIssuer<'static, KeyPair>,
) -> Result<(String, Arc<ServerConfig>), Failed> {
    let key = KeyPair::generate()?;
    let params = leaf(certificate)?;
    let signed = match certificate {
        Certificate::SelfSigned | Certificate::OwnAuthority => params.self_signed(&key)?,
        _ => params.signed_by(&key, issuer)?,
    };
    let pem = signed.pem();
    let chain = vec![CertificateDer::from(signed)];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((pem, Arc::new(config)))
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn for_members(issuer: &CertifiedIssuer<'static, KeyPair>) -> Result<Arc<ServerConfig>, Failed> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone())?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let key = KeyPair::generate()?;
    let signed = leaf(Certificate::Good)?.signed_by(&key, issuer)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![signed.into()], PrivateKeyDer::try_from(key.serialize_der())?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn member(issuer: &CertifiedIssuer<'static, KeyPair>) -> Result<(String, String), Failed> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec!["member.small-web.test".to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok((params.signed_by(&key, issuer)?.pem(), key.serialize_pem()))
}

fn leaf(certificate: Certificate) -> Result<CertificateParams, rcgen::Error> {
    let names: &[&str] = match certificate {
        Certificate::WrongName => &["elsewhere.example"],
        _ => &["localhost", "127.0.0.1", "::1", "*.small-web.test"],
    };
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    match certificate {
        Certificate::Expired => {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        Certificate::NotYetValid => params.not_before = date_time_ymd(2900, 1, 1),
        Certificate::OwnAuthority => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.extended_key_usages.clear();
        }
        Certificate::Good | Certificate::WrongName | Certificate::SelfSigned => {}
    }
    Ok(params)
}
