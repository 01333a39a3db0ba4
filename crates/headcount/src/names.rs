//! How names become addresses, where the user decides it: fixed addresses, and which family.

use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

/// Which addresses are connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressFamily {
    /// Both families, side by side.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl AddressFamily {
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match self {
            AddressFamily::Any => true,
            AddressFamily::V4 => address.is_ipv4(),
            AddressFamily::V6 => address.is_ipv6(),
        }
    }
}

/// The addresses of a host and port, whatever name servers say: `example.com:443:127.0.0.1,[::1]` in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAddresses {
    /// As URLs have it; `None` is any.
    name: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl FixedAddresses {
    /// Those addresses, if they are for this host and port.
    pub(crate) fn of(&self, name: &str, port: u16) -> Option<&[IpAddr]> {
        let is_it = self.port == port && self.name.as_deref().is_none_or(|own| own == name);
        is_it.then_some(&self.addresses)
    }
}

impl FromStr for FixedAddresses {
    type Err = String;

    /// Takes what curl's `--resolve` takes: `host:port:address[,address]`; `*` is any host.
    fn from_str(text: &str) -> Result<FixedAddresses, String> {
        let wrong = || "it takes host:port:address, such as example.com:443:127.0.0.1".to_owned();
        let mut parts = text.splitn(3, ':');
        let (Some(name), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let name = match name {
            "*" => None,
            name => match Host::parse(name) {
                Ok(Host::Domain(name)) => Some(name),
                _ => return Err(format!("{name:?} is no name of a host")),
            },
        };
        let port = port.parse().map_err(|_| format!("{port:?} is no port"))?;
        let address = |text: &str| {
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
            bare.parse().map_err(|_| format!("{text:?} is no IP address"))
        };
        let addresses = addresses.split(',').map(address).collect::<Result<Vec<IpAddr>, String>>()?;
        Ok(FixedAddresses { name, port, addresses })
    }
}

impl std::fmt::Display for FixedAddresses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:", self.name.as_deref().unwrap_or("*"), self.port)?;
        for (number, address) in self.addresses.iter().enumerate() {
            write!(formatter, "{}{address}", if number == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
