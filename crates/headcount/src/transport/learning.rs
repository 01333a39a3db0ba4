//! What the user has asked to learn of an answer besides its title: fields of its header, its body's hash, what is
//! extracted from it, and the body itself.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use headcount_tasks::{Value, compute};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::keeping::{Keeping, KeptBody};
use crate::Config;
use crate::probe::extract;
use crate::record::{Failure, Object};

/// What was learnt. There only where something was asked for.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    pub(crate) header_fields: Option<Box<Object>>,
    pub(crate) extracted: Option<Box<Object>>,
    pub(crate) sha256: Option<String>,
    pub(crate) body: Option<KeptBody>,
}

impl Learnt {
    /// What the header of an answer says.
    pub(super) fn of_header(headers: &HeaderMap, config: &Config) -> Option<Box<Learnt>> {
        let names = &config.header_fields;
        let asks =
            !names.is_empty() || config.hash_body || !config.extract.is_empty() || config.body_dir.is_some();
        asks.then(|| {
            let fields = || Box::new(names.iter().map(|name| entry(headers, name)).collect());
            Box::new(Learnt { header_fields: (!names.is_empty()).then(fields), ..Learnt::default() })
        })
    }
}

/// A field's value, all of them if it stands there more than once, or `null`.
fn entry(headers: &HeaderMap, name: &HeaderName) -> (String, serde_json::Value) {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut values: Vec<String> = headers.get_all(name).iter().map(text).collect();
    let value = match values.len() {
        0 => serde_json::Value::Null,
        1 => values.remove(0).into(),
        _ => values.into(),
    };
    (name.as_str().to_owned(), value)
}

/// What is being learnt of a body that comes.
pub(super) struct Learning {
    hash: Option<Context>,
    whole: Option<BytesMut>,
    keeping: Option<Keeping>,
}

impl Learning {
    /// `None`: nothing of it is asked for.
    pub(super) fn new(config: &Config) -> Option<Learning> {
        let learning = Learning {
            hash: config.hash_body.then(|| Context::new(&SHA256)),
            whole: (!config.extract.is_empty()).then(BytesMut::new),
            keeping: config
                .body_dir
                .as_ref()
                .map(|folder| Keeping::new(folder.clone(), config.body_owner.clone())),
        };
        (learning.hash.is_some() || learning.whole.is_some() || learning.keeping.is_some())
            .then_some(learning)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// The body cannot be kept.
    pub(super) async fn take(&mut self, bytes: &Bytes) -> Result<(), Failure> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(bytes);
        }
        match &mut self.keeping {
            Some(keeping) => keeping.take(bytes).await,
            None => Ok(()),
        }
    }

    /// That was the whole body.
    ///
    /// # Errors
    /// The body cannot be kept.
    pub(super) async fn finish(
        self,
        content_type: Option<String>,
        config: &Config,
        learnt: &mut Learnt,
    ) -> Result<(), Failure> {
        learnt.sha256 = self.hash.map(|hash| hexadecimal(hash.finish().as_ref()));
        if let Some(keeping) = self.keeping {
            learnt.body = Some(keeping.finish().await?);
        }
        if let Some(whole) = self.whole {
            let extractions = config.extract.clone();
            let search = move || Value(extract(&whole, content_type.as_deref(), &extractions));
            // It comes to nothing if it panicked, which the run's other records shall not suffer for.
            learnt.extracted = compute("extract", search).await.ok().map(Box::new);
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
