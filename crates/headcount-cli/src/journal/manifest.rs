//! What a run's records depend on, in words that can be compared and hold no secret.

use std::collections::BTreeMap;

use aws_lc_rs::digest;

use headcount::list::ListOptions;
use headcount::{AddressFamily, Config, HttpVersion, Proxies};
use headcount_journal::Manifest;
use http::Method;

use crate::inputs::Input;
use crate::output::Form;

/// The manifest of a run. With the salt of an earlier one, equal secrets have equal hashes.
pub(crate) fn manifest(
    config: &Config,
    lists: &ListOptions,
    form: Form,
    inputs: &[Input],
    salt: Option<&str>,
) -> Manifest {
    // It stands beside the hashes: it has to be another one each time, and is no secret.
    let salt = salt.map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned);
    let hash = |secret: &[u8]| {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(salt.as_bytes());
        context.update(secret);
        format!("sha256:{}", hexadecimal(context.finish().as_ref()))
    };
    let list_format =
        lists.format.map_or_else(|| "auto".to_owned(), |format| format!("{format:?}").to_lowercase());
    let method = lists.method.as_ref().map_or("by default", Method::as_str).to_owned();
    let mut options = BTreeMap::from([
        ("--list-format".to_owned(), list_format),
        ("--column".to_owned(), lists.column.clone()),
        ("--method".to_owned(), method),
        ("--user-agent".to_owned(), String::from_utf8_lossy(config.user_agent.as_bytes()).into_owned()),
        ("--accept".to_owned(), config.accept.to_string()),
        ("--max-redirects".to_owned(), config.max_redirects.to_string()),
        ("--allow-private-redirects".to_owned(), config.allow_private_redirects.to_string()),
        ("--max-body".to_owned(), config.max_body.to_string()),
        ("--max-ratio".to_owned(), config.max_ratio.to_string()),
        ("--insecure".to_owned(), config.insecure.to_string()),
        ("--format".to_owned(), form.name().to_owned()),
    ]);
    if config.robots {
        options.insert("--robots".to_owned(), "true".to_owned());
    }
    if config.http_version != HttpVersion::Negotiated {
        options.insert("HTTP version".to_owned(), format!("{:?}", config.http_version));
    }
    for (number, server) in config.name_servers.iter().enumerate() {
        options.insert(format!("--dns-server {}", number + 1), server.to_string());
    }
    for (number, entry) in config.fixed_addresses.iter().enumerate() {
        options.insert(format!("--resolve {}", number + 1), entry.to_string());
    }
    if let Some(client) = &config.client_certificate {
        options.insert("--cert".to_owned(), hash(&client.certificates));
        options.insert("--key".to_owned(), hash(&client.key));
    }
    if config.certificate_facts {
        options.insert("--tls-info".to_owned(), "true".to_owned());
    }
    if config.proxies != Proxies::default() {
        options.insert("proxies".to_owned(), config.proxies.to_string());
    }
    for (scheme, secret) in ["http", "https"].into_iter().zip(config.proxies.authorizations()) {
        if let Some(secret) = secret {
            options.insert(format!("login at the proxy for {scheme}"), hash(secret.as_bytes()));
        }
    }
    if config.address_family != AddressFamily::Any {
        options.insert("address family".to_owned(), format!("{:?}", config.address_family));
    }
    for name in config.headers.keys() {
        let mut values = Vec::new();
        for value in config.headers.get_all(name) {
            values.extend_from_slice(value.as_bytes());
            values.push(b'\n');
        }
        options.insert(format!("--header {name}"), hash(&values));
    }
    for name in &config.header_fields {
        options.insert(format!("--header-field {name}"), "true".to_owned());
    }
    for extraction in &config.extract {
        options.insert(format!("--extract {}", extraction.name()), extraction.to_string());
    }
    if config.hash_body {
        options.insert("--hash".to_owned(), "sha256".to_owned());
    }
    if let Some(folder) = &config.body_dir {
        options.insert("--body-dir".to_owned(), folder.display().to_string());
    }
    if let Some(body) = &config.body {
        options.insert("--data".to_owned(), hash(body));
    }
    for (number, certificates) in config.extra_certificates.iter().enumerate() {
        options.insert(format!("--cacert {}", number + 1), hash(certificates));
    }
    let inputs: Vec<String> = inputs
        .iter()
        .map(|input| match input {
            Input::File { name, .. } => name.clone(),
            Input::Standard => "-".to_owned(),
            Input::Url(request) => match request.authorization() {
                Some(secret) => format!("{} ({})", request.input(), hash(secret.as_bytes())),
                None => request.input().to_owned(),
            },
        })
        .collect();
    Manifest::new(fastrand::u64(..), salt, options, inputs)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
