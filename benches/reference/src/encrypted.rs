//! Pages over TLS on every loopback address, each with a certificate of its own, over HTTP/1 or HTTP/2 as the client
//! asks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The hosts, not yet asked.
pub struct EncryptedHosts {
    listener: std::net::TcpListener,
    certificates: Certificates,
}

/// An authority, and what it has signed so far. All hosts share one key.
struct Certificates {
    issuer: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
    signed: RefCell<HashMap<IpAddr, Arc<CertifiedKey>>>,
    config: ServerConfig,
}

impl EncryptedHosts {
    /// Takes a port on all loopback addresses.
    ///
    /// # Errors
    /// There is no port, or a key cannot be made.
    pub fn new() -> Result<EncryptedHosts, Box<dyn Error>> {
        let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
        listener.set_nonblocking(true)?;
        Ok(EncryptedHosts { listener, certificates: Certificates::new()? })
    }

    /// The port that all hosts have.
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn port(&self) -> std::io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// The certificate of the authority, to be trusted by clients.
    pub fn authority(&self) -> String {
        self.certificates.issuer.pem()
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// The runtime cannot be made, or nobody can be accepted.
    #[expect(clippy::disallowed_methods, reason = "the server ends with its process, and its tasks with it")]
    pub fn serve(self) -> Result<(), Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let certificates = Rc::new(self.certificates);
        let serving = tokio::task::LocalSet::new();
        serving.block_on(&runtime, async {
            let listener = TcpListener::from_std(self.listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::task::spawn_local(welcome(stream, Rc::clone(&certificates)));
            }
        })
    }
}

/// A client that goes away is not worth a word.
async fn welcome(stream: TcpStream, certificates: Rc<Certificates>) {
    let Ok(address) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let Ok(config) = certificates.config(address.ip()) else { return };
    let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let server = http2::Builder::new(LocalExecutor).max_concurrent_streams(256).to_owned();
        let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    } else {
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    }
}

/// HTTP/2 wants to serve streams beside each other.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    #[expect(clippy::disallowed_methods, reason = "the server ends with its process, and its tasks with it")]
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// The page that the small web has at the same path.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = request.uri().path().strip_prefix("/page/").unwrap_or("?");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Page {number}</title></head>\n\
         <body><h1>Page {number}</h1></body>\n</html>\n"
    );
    let mut response = Response::new(Full::from(page));
    let kind = hyper::header::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}

impl Certificates {
    fn new() -> Result<Certificates, Box<dyn Error>> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Reference authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let nobody = Arc::new(rustls::server::ResolvesServerCertUsingSni::new());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(nobody);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Certificates { issuer, key: KeyPair::generate()?, signed: RefCell::default(), config })
    }

    /// How to be this host. Its certificate is signed when it is first asked for.
    fn config(&self, address: IpAddr) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
        let known = self.signed.borrow().get(&address).cloned();
        let certified = match known {
            Some(certified) => certified,
            None => Arc::clone(self.signed.borrow_mut().entry(address).or_insert(self.sign(address)?)),
        };
        let mut config = self.config.clone();
        // The hosts that are asked for one page each speak what the clients do that they are compared with.
        if address != IpAddr::V4(Ipv4Addr::LOCALHOST) {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Arc::new(config))
    }

    fn sign(&self, address: IpAddr) -> Result<Arc<CertifiedKey>, Box<dyn Error>> {
        let mut params = CertificateParams::new(vec![address.to_string()])?;
        params.distinguished_name.push(DnType::CommonName, address.to_string());
        let certificate = CertificateDer::from(params.signed_by(&self.key, &self.issuer)?);
        let key = PrivateKeyDer::try_from(self.key.serialize_der())?;
        Ok(Arc::new(CertifiedKey::from_der(vec![certificate], key, self.config.crypto_provider())?))
    }
}
