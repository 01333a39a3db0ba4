//! The same with reqwest, a general client. `reference-reqwest FILE CONCURRENCY [AUTHORITY]`.

use std::error::Error;

use reference::{List, drive};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [list, concurrency, rest @ ..] = arguments.as_slice() else {
        return Err("usage: FILE CONCURRENCY [AUTHORITY]".into());
    };
    let list = std::fs::read_to_string(list)?;
    let urls: Vec<String> = list.lines().map(str::to_owned).collect();
    let mut builder = reqwest::Client::builder();
    for authority in rest {
        builder = builder.add_root_certificate(reqwest::Certificate::from_pem(&std::fs::read(authority)?)?);
    }
    // Idle connections to hosts that are not asked again would cost it a third more.
    let authorities: std::collections::HashSet<&str> =
        urls.iter().filter_map(|url| url.split('/').nth(2)).collect();
    if authorities.len() > 1 {
        builder = builder.pool_max_idle_per_host(0);
    }
    let client = builder.build()?;
    drive(urls, concurrency.parse()?, |urls| work(urls, client.clone()))
}

async fn work(urls: List<String>, client: reqwest::Client) -> usize {
    let mut answered = 0;
    loop {
        let Some(url) = urls.borrow_mut().next() else { return answered };
        if ask(&client, &url).await.is_ok_and(|is_right| is_right) {
            answered += 1;
        }
    }
}

async fn ask(client: &reqwest::Client, url: &str) -> reqwest::Result<bool> {
    let response = client.get(url).send().await?;
    let is_success = response.status() == 200;
    let body = response.bytes().await?;
    let number = url.rsplit('/').next().unwrap_or_default();
    Ok(is_success && memchr::memmem::find(&body, format!("<title>Page {number}<").as_bytes()).is_some())
}
