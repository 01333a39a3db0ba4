//! An HTTP client that waits: one for the whole program, which keeps connections to use again.

use headcount_tasks::{BoxError, LoopExecutor};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;

/// What a page came to.
#[derive(Debug)]
pub struct Page {
    /// The status of the answer.
    pub status: u16,
    /// The whole body.
    pub text: String,
}

/// Clones share the connections.
#[derive(Clone, Debug)]
pub struct Client(legacy::Client<HttpConnector, Empty<Bytes>>);

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client without connections; it makes them when it needs them.
    #[must_use]
    pub fn new() -> Self {
        Self(legacy::Client::builder(ConnectionTasks(LoopExecutor::new("connection"))).build_http())
    }

    /// Asks for a page. Cancel safety: dropping the future ends the request.
    ///
    /// # Errors
    /// The URL is none, nobody is there, or the answer broke off. A status such as 404 is an answer.
    pub async fn get(&self, url: &str) -> Result<Page, BoxError> {
        let answer = self.0.get(url.parse()?).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Page { status, text: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// hyper's connections are tasks; here they become daemons of the loop, with a name in its tree.
#[derive(Clone)]
struct ConnectionTasks(LoopExecutor);

impl<F: Future + 'static> hyper::rt::Executor<F> for ConnectionTasks {
    fn execute(&self, connection: F) {
        self.0.spawn(connection);
    }
}
