//! Flags about names and addresses: whom to ask, what is known already, and which family to use.

use std::net::{IpAddr, SocketAddr};

use clap::{ArgAction, Args};
use headcount::{AddressFamily, Config, FixedAddresses};

#[derive(Args, Debug)]
#[command(next_help_heading = "Names and addresses")]
pub(crate) struct NameFlags {
    /// Ask this name server instead of the system's, as ADDRESS or ADDRESS:PORT; repeatable
    #[arg(long, value_name = "ADDRESS", action = ArgAction::Append, value_parser = name_server)]
    dns_server: Vec<SocketAddr>,
    /// Use this address for a host and port: HOST:PORT:ADDRESS[,ADDRESS…]; repeatable
    #[arg(long, value_name = "ENTRY", action = ArgAction::Append)]
    resolve: Vec<FixedAddresses>,
    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Connect to IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl NameFlags {
    pub(super) fn set(&self, config: &mut Config) {
        config.name_servers.clone_from(&self.dns_server);
        config.fixed_addresses.clone_from(&self.resolve);
        config.address_family = match (self.ipv4, self.ipv6) {
            (true, _) => AddressFamily::V4,
            (_, true) => AddressFamily::V6,
            _ => AddressFamily::Any,
        };
    }
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    const PORT: u16 = 53;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT));
    address.or_else(|_| text.parse()).map_err(|_| "it takes an IP address, with a port or without".to_owned())
}
