//! Proxies: which one a request goes through, said by the user or by the environment.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderValue;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::basic_authorization;

/// The ports of proxies that are named without one, as in curl.
const USUAL_PORT: u16 = 1080;
const USUAL_PORT_WITH_TLS: u16 = 443;

/// Bytes of a name or a password in SOCKS. It has room for 255, and who writes it for a user's and a host's in all.
const LONGEST_IN_SOCKS: usize = 240;

/// Which requests go through which proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    for_http: Option<Proxy>,
    for_https: Option<Proxy>,
    exceptions: Exceptions,
}

/// A proxy: `http://`, `https://`, `socks4://`, `socks4a://`, `socks5://` or `socks5h://` before `[name:password@]host[:port]`.
/// Its password is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) kind: ProxyKind,
    /// With brackets, if it is an IPv6 address.
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    pub(crate) credentials: Option<(String, String)>,
}

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// CONNECT, and whole URLs for requests without TLS.
    Http,
    /// The same, within TLS to the proxy.
    Https,
    /// SOCKS4 with addresses that are found here. It has no IPv6.
    Socks4,
    /// SOCKS4 with names that are resolved there.
    Socks4Names,
    /// SOCKS5 with addresses that are found here.
    Socks5,
    /// SOCKS5 with names that are resolved there.
    Socks5Names,
}

/// The schemes by which they are named.
const KINDS: [(&str, ProxyKind); 6] = [
    ("http", ProxyKind::Http),
    ("https", ProxyKind::Https),
    ("socks4", ProxyKind::Socks4),
    ("socks4a", ProxyKind::Socks4Names),
    ("socks5", ProxyKind::Socks5),
    ("socks5h", ProxyKind::Socks5Names),
];

impl ProxyKind {
    /// Whether it takes names and resolves them.
    pub(crate) fn resolves(self) -> bool {
        !matches!(self, ProxyKind::Socks4 | ProxyKind::Socks5)
    }

    fn usual_port(self) -> u16 {
        if self == ProxyKind::Https { USUAL_PORT_WITH_TLS } else { USUAL_PORT }
    }
}

impl Proxies {
    /// All requests go through this one.
    pub fn all(proxy: &Proxy) -> Proxies {
        Proxies {
            for_http: Some(proxy.clone()),
            for_https: Some(proxy.clone()),
            exceptions: Exceptions::default(),
        }
    }

    /// What the usual variables say: `http_proxy` (in small letters only: servers take the other from a request's header),
    /// `https_proxy`, `all_proxy` and `no_proxy`, these also in capitals.
    ///
    /// # Errors
    /// A variable names no proxy, with the name of that variable.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Proxies, String> {
        let first = |names: &[&str]| -> Result<Option<Proxy>, String> {
            for name in names {
                if let Some(text) = variable(name).filter(|text| !text.is_empty()) {
                    return text.parse().map(Some).map_err(|reason| format!("{name}: {reason}"));
                }
            }
            Ok(None)
        };
        let all = first(&["all_proxy", "ALL_PROXY"])?;
        let for_http = first(&["http_proxy"])?.or_else(|| all.clone());
        let for_https = first(&["https_proxy", "HTTPS_PROXY"])?.or(all);
        let no_proxy = variable("no_proxy").or_else(|| variable("NO_PROXY")).unwrap_or_default();
        Ok(Proxies { for_http, for_https, exceptions: Exceptions::default() }.except(&no_proxy))
    }

    /// The same, but for these hosts: names with all below them, addresses, networks (`10.0.0.0/8`), each with a port or
    /// without, with commas between them; `*` is all.
    #[must_use]
    pub fn except(mut self, hosts: &str) -> Proxies {
        let entries = hosts.split([',', ' ']).filter(|entry| !entry.is_empty());
        self.exceptions = Exceptions(entries.map(Exception::new).collect());
        self
    }

    /// The names and passwords of the proxies, as they are written into a Proxy-Authorization field: for http, for https. To
    /// compare, not to show.
    pub fn authorizations(&self) -> [Option<HeaderValue>; 2] {
        let of = |proxy: &Option<Proxy>| proxy.as_ref().and_then(Proxy::authorization);
        [of(&self.for_http), of(&self.for_https)]
    }

    /// The proxy that this request goes through.
    pub(crate) fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = if url.scheme() == "https" { &self.for_https } else { &self.for_http };
        proxy.as_ref().filter(|_| !self.exceptions.contain(url))
    }
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Proxy, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let Some((_, kind)) = KINDS.into_iter().find(|(name, _)| *name == scheme) else {
            let known = KINDS.map(|(name, _)| name).join(", ");
            return Err(format!("proxies of kind {scheme:?} are not spoken; those are: {known}"));
        };
        // The text may hold a password, so it is not repeated.
        let wrong = || "it takes a proxy such as http://host:port or socks5h://host:port".to_owned();
        // As http, where a port that is the usual one of the web would be dropped.
        let url = Url::parse(&format!("proxy://{rest}")).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let host = Host::parse(host).map_err(|_| wrong())?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let credentials =
            has_credentials.then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        let fits = |text: &str| (1..=LONGEST_IN_SOCKS).contains(&text.len());
        match (kind, &credentials) {
            (ProxyKind::Socks4 | ProxyKind::Socks4Names, Some(_)) if url.password().is_some() => {
                return Err("SOCKS4 has names of users, and no passwords".to_owned());
            }
            (ProxyKind::Socks4 | ProxyKind::Socks4Names, Some((name, _))) if !fits(name) => {
                return Err(format!("SOCKS4 takes a name of 1 to {LONGEST_IN_SOCKS} bytes"));
            }
            (ProxyKind::Socks5 | ProxyKind::Socks5Names, Some((name, password)))
                if !fits(name) || !fits(password) =>
            {
                return Err(format!("SOCKS5 takes a name and a password of 1 to {LONGEST_IN_SOCKS} bytes"));
            }
            _ => {}
        }
        Ok(Proxy { kind, host, port: url.port().unwrap_or_else(|| kind.usual_port()), credentials })
    }
}

impl Proxy {
    /// The Proxy-Authorization field for this proxy.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        self.credentials.as_ref().map(|(name, password)| basic_authorization(name, password))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = KINDS.into_iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(formatter, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({self})")
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |proxy: &Option<Proxy>| proxy.as_ref().map_or("none".to_owned(), Proxy::to_string);
        write!(formatter, "http {}, https {}", text(&self.for_http), text(&self.for_https))?;
        match self.exceptions.0.as_slice() {
            [] => Ok(()),
            exceptions => write!(formatter, ", except {exceptions:?}"),
        }
    }
}

/// Hosts that are asked without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// The name, and all that end in it behind a dot.
    Below(String),
}

impl Exceptions {
    fn contain(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        let name = url.host_str().unwrap_or_default().trim_end_matches('.');
        self.0.iter().any(|exception| {
            let fits = match &exception.hosts {
                Hosts::All => true,
                Hosts::Network(network) => address.is_some_and(|address| network.contains(&address)),
                Hosts::Below(end) => {
                    let before = name.strip_suffix(end.as_str());
                    address.is_none() && before.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }
            };
            fits && exception.port.is_none_or(|port| Some(port) == url.port_or_known_default())
        })
    }
}

impl Exception {
    fn new(text: &str) -> Exception {
        if let Some(network) = network(text) {
            return Exception { hosts: Hosts::Network(network), port: None };
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (text, None),
        };
        let hosts = match (host, network(host)) {
            ("*", _) => Hosts::All,
            (_, Some(network)) => Hosts::Network(network),
            _ => {
                let name = host.trim_start_matches("*.").trim_matches('.');
                // As URLs have it.
                let name =
                    Host::parse(name).map_or_else(|_| name.to_ascii_lowercase(), |host| host.to_string());
                Hosts::Below(name)
            }
        };
        Exception { hosts, port }
    }
}

/// A network, or the one of a single address.
fn network(text: &str) -> Option<IpNet> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_curl_reads_it_and_shown_without_its_password() {
        let read = |text: &str| text.parse::<Proxy>().map(|proxy| proxy.to_string());
        let good = [
            ("proxy.example", "http://proxy.example:1080"),
            ("http://proxy.example:80", "http://proxy.example:80"),
            ("http://user:p%40ss@127.0.0.1:3128/", "http://127.0.0.1:3128"),
            ("socks5://[::1]:9050", "socks5://[::1]:9050"),
            ("SOCKS5H://Proxy.Example", "socks5h://proxy.example:1080"),
            ("https://me:p@proxy.example", "https://proxy.example:443"),
            ("socks5://me:p@127.0.0.1", "socks5://127.0.0.1:1080"),
            ("socks4://me@127.0.0.1:9050", "socks4://127.0.0.1:9050"),
            ("socks4a://proxy.example", "socks4a://proxy.example:1080"),
        ];
        for (text, shown) in good {
            assert_eq!(read(text).as_deref(), Ok(shown), "{text}");
        }
        let long = format!("socks5://a:{}@b", "x".repeat(300));
        for text in ["", "http://", "ftp://a", "socks6://a", "http://a/path", "http://a:70000"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["socks4://a:b@c", "socks4a://:b@c", "socks5h://a@b", "socks5://:a@b", &long] {
            assert!(read(text).unwrap_err().starts_with("SOCKS"), "{text}");
        }
        let proxy: Proxy = "http://user:p%40ss@127.0.0.1:3128/".parse().unwrap();
        assert_eq!(proxy.credentials, Some(("user".to_owned(), "p@ss".to_owned())));
        assert!(!format!("{proxy:?}{proxy}").contains("ss@"));
        assert!(!read("ftp://user:secret@a").unwrap_err().contains("secret"));
        assert!(!read("http://user:secret@a/path").unwrap_err().contains("secret"));
    }

    #[test]
    fn exceptions_are_names_addresses_and_networks_with_ports_or_without() {
        let goes_through = |exceptions: &str, url: &str| {
            let proxies = Proxies::all(&"http://proxy.example".parse().unwrap()).except(exceptions);
            proxies.of(&Url::parse(url).unwrap()).is_some()
        };
        let direct = [
            ("*", "http://any.example/"),
            ("example.com", "http://example.com/"),
            ("example.com", "https://www.example.com/"),
            (".example.com", "http://example.com./"),
            ("*.example.com", "http://a.b.example.com/"),
            ("other, EXAMPLE.com", "http://example.com/"),
            ("example.com:8080", "http://example.com:8080/"),
            ("example.com:443", "https://example.com/"),
            ("bücher.example", "http://xn--bcher-kva.example/"),
            ("10.0.0.0/8", "http://10.1.2.3/"),
            ("127.0.0.1:81", "http://127.0.0.1:81/"),
            ("::1", "http://[::1]/"),
            ("[::1]:81", "http://[::1]:81/"),
            ("fe80::/10", "http://[fe80::1]/"),
        ];
        for (exceptions, url) in direct {
            assert!(!goes_through(exceptions, url), "{exceptions} {url}");
        }
        let through = [
            ("", "http://example.com/"),
            ("example.com", "http://badexample.com/"),
            ("example.com", "http://example.com.evil/"),
            ("example.com:8080", "http://example.com/"),
            ("10.0.0.0/8", "http://11.0.0.1/"),
            ("1.2.3.4", "http://1.2.3.45/"),
            ("0.1", "http://127.0.0.1/"),
        ];
        for (exceptions, url) in through {
            assert!(goes_through(exceptions, url), "{exceptions} {url}");
        }
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let proxy_of = |variables: &[(&str, &str)], url: &str| {
            let variable = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            let proxies = Proxies::from_environment(variable).unwrap();
            proxies.of(&Url::parse(url).unwrap()).map(ToString::to_string)
        };
        let (plain, encrypted) = ("http://a.example/", "https://a.example/");
        let one = Some("http://one:1".to_owned());
        assert_eq!(proxy_of(&[("http_proxy", "one:1")], plain), one);
        assert_eq!(proxy_of(&[("http_proxy", "one:1")], encrypted), None);
        assert_eq!(proxy_of(&[("HTTP_PROXY", "one:1")], plain), None, "a CGI script's Proxy field");
        assert_eq!(proxy_of(&[("HTTPS_PROXY", "one:1")], encrypted), one);
        assert_eq!(proxy_of(&[("ALL_PROXY", "one:1")], plain), one);
        assert_eq!(proxy_of(&[("ALL_PROXY", "two:2"), ("https_proxy", "one:1")], encrypted), one);
        assert_eq!(proxy_of(&[("http_proxy", "")], plain), None);
        assert_eq!(proxy_of(&[("all_proxy", "one:1"), ("NO_PROXY", "example")], plain), None);
        assert!(
            Proxies::from_environment(|name| (name == "http_proxy").then(|| "gopher://x".to_owned()))
                .unwrap_err()
                .starts_with("http_proxy: ")
        );
    }
}
