//! TLS settings: which certificates are believed, and which ciphers are preferred.

use std::io;
use std::sync::Arc;

use headcount_tasks::{Value, to_thread};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CipherSuite, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::Explaining;
use super::corked::Corked;
use crate::record::{Failure, Kind, Phase};
use crate::{ClientCertificate, Config, Error, HttpVersion};

/// Makes the connector when the first TLS host is met: reading the system's certificates takes milliseconds.
pub(crate) struct Tls {
    insecure: bool,
    extra_roots: Arc<[CertificateDer<'static>]>,
    identity: Option<Arc<CertifiedKey>>,
    wants_facts: bool,
    version: HttpVersion,
    /// One for each purpose.
    connectors: [OnceCell<TlsConnector>; 3],
}

/// With whom TLS is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Host,
    /// A host that has asked for HTTP/1.1.
    HostInHttp1,
    /// A proxy. It has to show a certificate that is believed, for it hears a password, and is not shown ours.
    Proxy,
}

impl Tls {
    pub(crate) fn new(
        config: &Config,
        extra_roots: Arc<[CertificateDer<'static>]>,
        identity: Option<Arc<CertifiedKey>>,
    ) -> Tls {
        Tls {
            insecure: config.insecure,
            extra_roots,
            identity,
            wants_facts: config.certificate_facts,
            version: config.http_version,
            connectors: Default::default(),
        }
    }

    /// Believes no certificate: simulated hosts have none, and reading the system's would take a thread, whose time no
    /// clock of ours decides.
    #[cfg(feature = "simulation")]
    pub(crate) fn believing_nobody() -> Tls {
        let nobody = Tls {
            insecure: false,
            extra_roots: Arc::default(),
            identity: None,
            wants_facts: false,
            version: HttpVersion::Http1,
            connectors: Default::default(),
        };
        let connector = nobody
            .connector_for(Purpose::Host, Some(RootCertStore::empty()))
            .expect("the provider has safe versions");
        let connectors = nobody.connectors.map(|_| OnceCell::new_with(Some(connector.clone())));
        Tls { connectors, ..nobody }
    }

    pub(crate) async fn connector(&self, purpose: Purpose) -> Result<&TlsConnector, Failure> {
        let connector = &self.connectors[purpose as usize];
        connector.get_or_try_init(async || self.make_connector(purpose).await).await
    }

    async fn make_connector(&self, purpose: Purpose) -> Result<TlsConnector, Failure> {
        if self.insecure && purpose != Purpose::Proxy {
            return self.connector_for(purpose, None);
        }
        let mut roots = RootCertStore::empty();
        // These first, for they are tried in order, and were named to be used.
        roots.add_parsable_certificates(self.extra_roots.iter().cloned());
        roots.roots.extend(system_roots().await.roots);
        self.connector_for(purpose, Some(roots))
    }

    /// A connector that believes these certificates, or without them any.
    fn connector_for(&self, purpose: Purpose, roots: Option<RootCertStore>) -> Result<TlsConnector, Failure> {
        let wrong = |reason: &dyn std::fmt::Display| {
            Failure::new(Phase::Tls, Kind::Handshake, format!("TLS cannot be set up: {reason}"))
        };
        let provider = Arc::new(provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|reason| wrong(&reason))?;
        let builder = match roots {
            None => {
                let verifier = AcceptAny(provider.signature_verification_algorithms);
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
            Some(roots) if roots.is_empty() => builder.with_root_certificates(roots),
            Some(roots) => {
                let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let inner = inner.map_err(|reason| wrong(&reason))?;
                let named = Arc::clone(&self.extra_roots);
                let verifier = Explaining { inner, named, wants_facts: self.wants_facts };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let mut config = match self.identity.as_ref().filter(|_| purpose != Purpose::Proxy) {
            Some(identity) => {
                let identity = SingleCertAndKey::from(Arc::clone(identity));
                builder.with_client_cert_resolver(Arc::new(identity))
            }
            None => builder.with_no_client_auth(),
        };
        let protocols: &[&[u8]] = match (purpose, self.version) {
            (Purpose::Host, HttpVersion::Negotiated) => &[b"h2", b"http/1.1"],
            (Purpose::Host, HttpVersion::Http2) => &[b"h2"],
            _ => &[b"http/1.1"],
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Speaks TLS over a stream. The last of the handshake goes out with what is written next.
pub(super) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    name: ServerName<'static>,
    stream: S,
) -> io::Result<Box<TlsStream<Corked<S>>>> {
    // In a box, because it is large, and every worker has room for one, also where there is no TLS.
    let handshake = Box::pin(connector.connect(name, Corked::new(stream)).into_fallible());
    match handshake.await {
        Ok(mut stream) => {
            stream.get_mut().0.uncork();
            Ok(Box::new(stream))
        }
        Err((error, mut stream)) => {
            // The peer is told why.
            stream.let_out();
            Err(error)
        }
    }
}

/// The certificate that this client shows, with its key.
pub(crate) fn parse_identity(client: &ClientCertificate) -> Result<Arc<CertifiedKey>, Error> {
    let certificates = parse_certificates(&client.certificates)?;
    let key = PrivateKeyDer::from_pem_slice(&client.key).map_err(|reason| {
        Error::configuration("the key of the client's certificate is not valid PEM").because(reason)
    })?;
    let identity = CertifiedKey::from_der(certificates, key, &provider());
    let identity = identity.map_err(|reason| {
        Error::configuration("the client's certificate and its key do not fit").because(reason)
    })?;
    Ok(Arc::new(identity))
}

/// The certificates of a PEM file, at least one.
pub(crate) fn parse_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|reason| Error::configuration("a certificate file is not valid PEM").because(reason))?;
    if certificates.is_empty() {
        return Err(Error::configuration("a certificate file holds no certificate in PEM"));
    }
    let (added, _) = RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(Error::configuration("a certificate file holds no certificate that can be read"));
    }
    Ok(certificates)
}

/// The system's certificates. A machine that has none can still ask hosts without TLS; the others get
/// `tls/certificate` failures.
async fn system_roots() -> RootCertStore {
    let load = || {
        // The first random bytes of a process are gathered for tens of milliseconds, which would hold up the loop. Should
        // there be none, the handshake says so.
        let _ = provider().secure_random.fill(&mut [0]);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Value(roots)
    };
    to_thread("system certificates", load).await.unwrap_or_else(|_| RootCertStore::empty())
}

/// AES-128-GCM first: its suite's SHA-256 costs less than the SHA-384 of the 256-bit one, 6 to 11 % of the client's
/// share of a handshake.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let preferred = [
        CipherSuite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ];
    provider.cipher_suites.sort_by_key(|suite| !preferred.contains(&suite.suite()));
    provider
}

/// `--insecure`: any certificate will do. The handshake's signature is still checked.
#[derive(Debug)]
struct AcceptAny(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _stapled: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
