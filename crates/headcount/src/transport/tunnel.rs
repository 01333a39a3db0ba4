//! The way through a proxy: CONNECT, SOCKS4 or SOCKS5.

use std::net::IpAddr;

use http::Uri;
use http::header::PROXY_AUTHORIZATION;
use http::uri::{Authority, Scheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_socks::TargetAddr;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};

use super::connection::Outgoing;
use crate::proxies::{Proxy, ProxyKind};
use crate::record::{Failure, Kind, Phase};

/// A proxy's answer to CONNECT may be this long, in bytes.
const LONGEST_ANSWER: usize = 16 << 10;
const MOST_FIELDS: usize = 64;

/// Bytes of a host's name in SOCKS.
const LONGEST_NAME: usize = 255;

/// A request without TLS, as an HTTP proxy takes it: with the whole URL, and with who is asking.
pub(super) struct WholeUrl {
    pub(super) proxy: Proxy,
    pub(super) authority: Authority,
}

impl WholeUrl {
    pub(super) fn write_into(&self, request: &mut Outgoing) {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(self.authority.clone()));
        // With a path, which every request has, these are a URI.
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
        if let Some(authorization) = self.proxy.authorization() {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
    }
}

/// Where a tunnel leads to.
pub(super) struct Target<'u> {
    /// With brackets, if it is an IPv6 address.
    pub(super) host: &'u str,
    pub(super) port: u16,
    /// If it is known here.
    pub(super) address: Option<IpAddr>,
}

/// What is said of a proxy that does not do as it is asked. A password is never part of it.
pub(super) fn failure(proxy: &Proxy, reason: impl std::fmt::Display) -> Failure {
    Failure::new(Phase::Connect, Kind::Proxy, format!("the proxy {proxy} {reason}"))
}

/// Asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
pub(super) async fn connect<S>(mut stream: S, proxy: &Proxy, target: &Target<'_>) -> Result<S, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |error: std::io::Error| failure(proxy, format_args!("broke off: {error}"));
    let Target { host, port, .. } = target;
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(value) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await.map_err(broken)? == 0 {
            return Err(failure(proxy, "closed the connection"));
        }
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        match head.parse(&answer) {
            Ok(httparse::Status::Complete(length)) => {
                let code = head.code.unwrap_or_default();
                if !(200..300).contains(&code) {
                    let reason = head.reason.unwrap_or_default();
                    return Err(failure(proxy, format_args!("answered {code} {reason}")));
                }
                // Nobody but us speaks first through a tunnel.
                if length < answer.len() {
                    return Err(failure(proxy, "sent more than it was asked for"));
                }
                return Ok(stream);
            }
            Ok(httparse::Status::Partial) if answer.len() < LONGEST_ANSWER => {}
            Ok(httparse::Status::Partial) => return Err(failure(proxy, "sent an endless header")),
            Err(reason) => return Err(failure(proxy, format_args!("does not speak HTTP: {reason}"))),
        }
    }
}

/// Asks a SOCKS proxy for a tunnel (RFC 1928; SOCKS4 has none, and 4A is how it names hosts).
pub(super) async fn socks<S>(stream: S, proxy: &Proxy, target: &Target<'_>) -> Result<S, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let refused = |reason: tokio_socks::Error| failure(proxy, format_args!("did not connect: {reason}"));
    let to = match target.address {
        Some(address) => TargetAddr::Ip((address, target.port).into()),
        // Its length is written in a byte.
        None if target.host.len() > LONGEST_NAME => {
            let reason = format_args!("cannot be told a name of more than {LONGEST_NAME} bytes");
            return Err(failure(proxy, reason));
        }
        None => TargetAddr::Domain(target.host.into(), target.port),
    };
    if matches!(proxy.kind, ProxyKind::Socks4 | ProxyKind::Socks4Names) {
        let tunnel = match &proxy.credentials {
            Some((name, _)) => Socks4Stream::connect_with_userid_and_socket(stream, to, name).await,
            None => Socks4Stream::connect_with_socket(stream, to).await,
        };
        return Ok(tunnel.map_err(refused)?.into_inner());
    }
    let tunnel = match &proxy.credentials {
        Some((name, password)) => {
            Socks5Stream::connect_with_password_and_socket(stream, to, name, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, to).await,
    };
    Ok(tunnel.map_err(refused)?.into_inner())
}
