//! Hosts that speak HTTP/2: they answer as a script says, refuse requests, break them off, and say goodbye.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, SendResponse};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::site::Site;
use crate::{Answer, Request, Seen, connection};

/// How an HTTP/2 host treats its connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http2Manners {
    /// Requests under way at once on a connection, at most; who asks for more is refused.
    pub max_streams: Option<u32>,
    /// After so many requests a connection is closed in order (GOAWAY): what the client sent meanwhile is not looked at.
    pub goodbye_after: Option<u64>,
    /// Over TLS, it also speaks HTTP/1.1 with who wants that, as a fast host does.
    pub knows_http1: bool,
}

/// What an HTTP/2 host does with a request.
#[derive(Clone, Debug)]
pub enum Http2Reply {
    /// Answers it.
    Answer(Answer),
    /// Resets its stream with this error code, before an answer.
    Reset(u32),
    /// Answers, and resets the stream halfway through the body.
    ResetInBody(Answer, u32),
    /// Says nothing.
    Silence,
    /// Ends the whole connection without a word.
    Close,
}

type Responder = SendResponse<Bytes>;

pub(crate) async fn accept_all<F>(
    listener: TcpListener,
    site: Arc<Site>,
    tls: Option<Arc<ServerConfig>>,
    manners: Http2Manners,
    script: F,
) where
    F: Fn(&Request) -> Http2Reply + Send + Sync + 'static,
{
    let acceptor = tls.map(TlsAcceptor::from);
    let script = Arc::new(script);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (site, acceptor, script) = (Arc::clone(&site), acceptor.clone(), Arc::clone(&script));
        connections.spawn(async move { welcome(stream, &site, acceptor, manners, script).await });
    }
}

async fn welcome<F>(
    stream: TcpStream,
    site: &Arc<Site>,
    acceptor: Option<TlsAcceptor>,
    manners: Http2Manners,
    script: Arc<F>,
) where
    F: Fn(&Request) -> Http2Reply + Send + Sync + 'static,
{
    let number = site.tally.connections.fetch_add(1, Relaxed);
    let _open = site.tally.open.enter();
    // A client that leaves in the middle is none of a server's errors.
    let _ended = match acceptor {
        None => serve(stream, site, manners, script, number).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"http/1.1") => {
                connection::serve(stream, site, number).await;
                Ok(())
            }
            Ok(stream) => serve(stream, site, manners, script, number).await,
            Err(_) => Ok(()),
        },
    };
}

async fn serve<S, F>(
    stream: S,
    site: &Arc<Site>,
    manners: Http2Manners,
    script: Arc<F>,
    number: u64,
) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(&Request) -> Http2Reply + Send + Sync + 'static,
{
    let mut builder = Builder::new();
    if let Some(most) = manners.max_streams {
        builder.max_concurrent_streams(most);
    }
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    let mut answering = JoinSet::new();
    let mut answered = 0;
    loop {
        let (request, responder) = tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(accepted) => accepted?,
                None => return Ok(()),
            },
            Some(ended) = answering.join_next() => {
                // Not dropped before the connection, or its stream would be reset in order.
                if let Ok(Some(_responder)) = ended {
                    return Ok(());
                }
                continue;
            }
        };
        answered += 1;
        if manners.goodbye_after == Some(answered) {
            connection.graceful_shutdown();
        }
        let (site, script) = (Arc::clone(site), Arc::clone(&script));
        answering.spawn(async move {
            let Ok(request) = read(request, &site, number, answered - 1).await else { return None };
            let _counted = site.tally.in_flight.enter();
            play(script(&request), &request.method, responder).await.ok().flatten()
        });
    }
}

/// The whole request, noted as the host has seen it.
async fn read(
    request: http::Request<h2::RecvStream>,
    site: &Site,
    connection: u64,
    answered_before: u64,
) -> Result<Request, h2::Error> {
    let (parts, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        incoming.flow_control().release_capacity(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let authority = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut headers = vec![(":authority".to_owned(), authority)];
    headers.extend(parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))));
    let request = Request {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers,
        body,
        speaks_http11: true,
        connection,
        answered_before,
        number: site.tally.requests.fetch_add(1, Relaxed),
    };
    site.note(|| Seen {
        method: request.method.clone(),
        target: request.target.clone(),
        headers: request.headers.clone(),
        connection,
        at: site.age(),
    });
    Ok(request)
}

/// Does as the script says. What is not to be answered comes back, and ends the connection.
async fn play(
    reply: Http2Reply,
    method: &str,
    mut responder: Responder,
) -> Result<Option<Responder>, h2::Error> {
    let (answer, reset) = match reply {
        Http2Reply::Answer(answer) => (answer, None),
        Http2Reply::ResetInBody(answer, code) => (answer, Some(code)),
        Http2Reply::Reset(code) => {
            responder.send_reset(Reason::from(code));
            return Ok(None);
        }
        Http2Reply::Silence => {
            // Until the client has enough of it.
            std::future::poll_fn(|context| responder.poll_reset(context)).await?;
            return Ok(None);
        }
        Http2Reply::Close => return Ok(Some(responder)),
    };
    let (response, body, wait) = answer.into_http2(method);
    tokio::time::sleep(wait).await;
    let mut stream = responder.send_response(response, body.is_empty())?;
    match reset {
        Some(code) => {
            stream.send_data(body.slice(..body.len() / 2), false)?;
            // What was sent has to arrive before the reset overtakes it.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream.send_reset(Reason::from(code));
        }
        None if body.is_empty() => {}
        None => stream.send_data(body, true)?,
    }
    Ok(None)
}
