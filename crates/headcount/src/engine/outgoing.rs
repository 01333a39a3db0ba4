//! What is sent: a job's next request, with what of its user's fields and body may go where it goes.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HOST, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use url::Url;

use super::job::Job;
use crate::Config;
use crate::record::{Failure, Kind, Phase};
use crate::transport::{ACCEPTED_CODINGS, Outgoing};

/// Fields that speak of a body, and go with it (Fetch Standard, "request-body-header name").
const OF_A_BODY: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE];

/// The fields that every request has. They are made once for a run and copied: each costs a search where it is inserted.
pub(super) fn usual_fields(config: &Config) -> HeaderMap {
    let mut fields = HeaderMap::new();
    // RFC 9110, section 7.2: it should stand first.
    fields.insert(HOST, HeaderValue::from_static(""));
    fields.insert(USER_AGENT, config.user_agent.clone());
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED_CODINGS));
    fields
}

/// A GET with the usual fields, and nothing that the user has added.
pub(super) fn plain_request(usual_fields: &HeaderMap, url: &Url) -> Result<Outgoing, Failure> {
    let unusable = |reason: &dyn std::fmt::Display| {
        Failure::new(Phase::Input, Kind::InvalidUrl, format!("{url} cannot be sent in HTTP: {reason}"))
    };
    let mut request = Outgoing::new(Bytes::new());
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = Uri::try_from(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .map_err(|reason| unusable(&reason))?;
    *request.headers_mut() = usual_fields.clone();
    request.headers_mut().insert(HOST, host_value(url).map_err(|reason| unusable(&reason))?);
    Ok(request)
}

/// The request that the job makes next.
pub(super) fn request(usual_fields: &HeaderMap, config: &Config, job: &Job) -> Result<Outgoing, Failure> {
    let mut request = plain_request(usual_fields, &job.attempt.url).map_err(|mut failure| {
        if !job.attempt.is_first_hop() {
            failure.phase = Phase::Redirect;
        }
        failure
    })?;
    let method = &job.attempt.method;
    *request.method_mut() = method.clone();
    let body = job.body(config);
    let headers = request.headers_mut();
    // Whatever the user adds may be a secret, and a secret belongs to the origin it was given for.
    if job.is_at_home() {
        put(headers, &config.headers);
        if let Some(authorization) = &job.request.authorization {
            headers.insert(AUTHORIZATION, (**authorization).clone());
        }
        if let Some(own) = &job.request.headers {
            put(headers, own);
        }
        if *method != job.request.method {
            OF_A_BODY.iter().for_each(|name| drop(headers.remove(name)));
        }
    }
    if let Some(authorization) = job.attempt.authorization() {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    if let Some(cookie) = job.attempt.cookie() {
        add_cookie(headers, cookie);
    }
    // RFC 9110, section 8.6: where a body is expected, so is its length.
    if body.is_some() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, body.map_or(0, Bytes::len).into());
    }
    if let Some(body) = body {
        *request.body_mut() = body.clone();
    }
    Ok(request)
}

/// The user's fields in the place of those of the same name; one that is empty takes it away, as with curl. How long the body
/// is, is not for them to say.
fn put(headers: &mut HeaderMap, fields: &HeaderMap) {
    for name in fields.keys().filter(|name| ![TRANSFER_ENCODING, CONTENT_LENGTH].contains(name)) {
        headers.remove(name);
        for value in fields.get_all(name).iter().filter(|value| !value.is_empty()) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Adds the chain's cookies to those of the user: RFC 6265 has one field for all.
fn add_cookie(headers: &mut HeaderMap, cookie: &HeaderValue) {
    let of_user = headers.get(COOKIE).map(HeaderValue::as_bytes);
    let all = of_user.map(|of_user| [of_user, b"; ", cookie.as_bytes()].concat());
    // Both are header values, and so is what they make together.
    let all = all.and_then(|all| HeaderValue::from_bytes(&all).ok()).unwrap_or_else(|| cookie.clone());
    headers.insert(COOKIE, all);
}

fn host_value(url: &Url) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::from_str(&url[url::Position::BeforeHost..url::Position::AfterPort])
}
