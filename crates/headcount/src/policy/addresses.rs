//! Which addresses are public, and which a redirect from the public internet must not lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a request may connect to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anywhere: it is what the user named, or came from an address that is not public either.
    #[default]
    Anywhere,
    /// Public addresses only: a stranger has sent it there.
    PublicOnly,
}

impl Reach {
    /// How far a redirect from a host at `peer` may lead. What has been public once stays so; a host of which only a proxy knows
    /// where it is may be anywhere in the world.
    pub(crate) fn after(self, peer: Option<IpAddr>) -> Reach {
        match peer {
            Some(peer) if !is_public(peer) => self,
            _ => Reach::PublicOnly,
        }
    }

    pub(crate) fn admits(self, address: IpAddr) -> bool {
        self == Reach::Anywhere || is_public(address)
    }
}

/// Whether anybody on the internet could have this address: it is not of this machine, of a network behind it, of a
/// cloud's metadata service, or of no single host at all. After the registries of special-purpose addresses
/// (RFC 6890 and its successors).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] => true,
        // Shared by a provider's customers (RFC 6598); some clouds have their metadata there.
        [100, 64..=127, ..] => true,
        // Link-local, and with it 169.254.169.254.
        [169, 254, ..] => true,
        [172, 16..=31, ..] => true,
        // Protocol assignments, documentation, 6to4 relays, private networks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 168, ..] => true,
        // Benchmarks, documentation.
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        // The metadata service of a cloud that has it in public space.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(within) = embedded_v4(address) {
        return is_public_v4(within);
    }
    match address.segments() {
        // Protocol assignments, Teredo and ORCHID among them, and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only this eighth of the space has been given out: not ::1, link-local, unique local, site-local, multicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The IPv4 address that is reached through an IPv6 address which carries one.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // Mapped, translated (RFC 2765) and the old compatible ones; of these, :: and ::1 are none.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => from(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => from(high, low),
        // NAT64 with its well-known prefix (RFC 6052). What has the prefix for local use is not public at all.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => from(high, low),
        // 6to4.
        [0x2002, high, low, ..] => from(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_not_public_in_whatever_way_it_is_written() {
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::127.0.0.1",
            "64:ff9b:1:fffe::192.168.0.1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:1::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in private {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn neighbours_of_what_is_private_are_public() {
        let public = [
            "1.0.0.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.0.1",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:808:808::1",
            "2600::1",
            "2a00:1450::1",
            "3ffe::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn only_a_public_host_narrows_the_reach_and_nothing_widens_it() {
        let (public, private) = ("8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let from_private = Reach::Anywhere.after(Some(private));
        assert!(from_private.admits(private) && from_private.admits(public));
        let from_public = from_private.after(Some(public));
        assert!(!from_public.admits(private) && from_public.admits(public));
        assert_eq!(from_public.after(Some(private)), Reach::PublicOnly);
        assert_eq!(from_private.after(None), Reach::PublicOnly);
    }
}
