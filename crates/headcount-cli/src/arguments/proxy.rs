//! Flags about proxies: through which one requests go, and which do not.

use std::net::IpAddr;

use clap::Args;
use headcount::{Config, Proxies, Proxy};

use crate::terminal::Problem;

#[derive(Args, Debug)]
#[command(next_help_heading = "Proxies")]
pub(crate) struct ProxyFlags {
    /// Send requests through a proxy: http://HOST:PORT, https://, socks4:// or socks5://, perhaps with NAME:PASSWORD@
    ///
    /// An http:// proxy is asked for a tunnel to https:// hosts, and to fetch http:// URLs itself; with https:// TLS is spoken
    /// to it, and its certificate checked also with --insecure. socks4a:// and socks5h:// resolve names at the proxy,
    /// socks4:// and socks5:// here. Without this flag the environment decides: http_proxy, HTTPS_PROXY, ALL_PROXY,
    /// NO_PROXY. --proxy '' disables them.
    #[arg(short = 'x', long, value_name = "PROXY")]
    proxy: Option<String>,
    /// Hosts to ask without a proxy, separated by commas: names, addresses, networks, each with or without :PORT
    #[arg(long, value_name = "HOSTS", value_parser = hosts)]
    noproxy: Option<String>,
}

impl ProxyFlags {
    pub(super) fn set(&self, config: &mut Config) -> Result<(), Problem> {
        let variable = |name: &str| std::env::var(name).ok();
        // Its text may hold a password: it stands in no message.
        let problem = |flag: &str, reason: String| {
            Problem::usage(format!("{flag}: {reason}"), "`headcount check --help` shows what a proxy is")
        };
        config.proxies = match self.proxy.as_deref() {
            None => Proxies::from_environment(variable)
                .map_err(|reason| problem("an environment variable names no proxy", reason))?,
            Some("") => Proxies::default(),
            Some(text) => {
                let proxy: Proxy = text.parse().map_err(|reason| problem("--proxy names none", reason))?;
                let exceptions = variable("no_proxy").or_else(|| variable("NO_PROXY"));
                Proxies::all(&proxy).except(&exceptions.unwrap_or_default())
            }
        };
        if let Some(hosts) = &self.noproxy {
            config.proxies = std::mem::take(&mut config.proxies).except(hosts);
        }
        Ok(())
    }
}

/// Exceptions from a proxy. One that can never hold would send through it what was not meant to be.
fn hosts(text: &str) -> Result<String, String> {
    let is_network = |entry: &str| {
        let (address, bits) = entry.split_once('/')?;
        let address: IpAddr = address.trim_start_matches('[').parse().ok()?;
        let bits: u8 = bits.split([']', ':']).next()?.parse().ok()?;
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(())
    };
    match text.split([',', ' ']).find(|entry| entry.contains('/') && is_network(entry).is_none()) {
        Some(entry) => Err(format!(
            "{entry:?} is neither host nor network; a host is a name or an address, a network 10.0.0.0/8"
        )),
        None => Ok(text.to_owned()),
    }
}
