//! The source of a request, as far as a limit needs it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The caller's IP address. An IPv6 address is cut to its /64, because a host chooses the rest by itself (RFC 4291, 2.5.1).
/// A port is no part of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Source(IpAddr);

impl Source {
    /// Reads `requestContext.http.sourceIp`, which API Gateway sets, or what a trusted caller says. Never give it a header of anybody
    /// else.
    pub fn parse(source_ip: &str) -> Option<Self> {
        // With mutual TLS, API Gateway appends the caller's port (aws-powertools/powertools-lambda-python#7288).
        let with_port = || source_ip.parse::<SocketAddr>().map(|address| address.ip());
        let address = source_ip.parse().or_else(|_| with_port()).ok()?;
        match IpAddr::to_canonical(&address) {
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Some(Self(Ipv6Addr::from_bits(network).into()))
            }
            address @ IpAddr::V4(_) => Some(Self(address)),
        }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }
}

/// Hides the address: it is personal data and stays out of logs.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_of_one_64_are_one_source() {
        assert_eq!(Source::parse("2001:db8:1:2::3"), Source::parse("2001:db8:1:2:ffff::"));
        assert_ne!(Source::parse("2001:db8:1:2::3"), Source::parse("2001:db8:1:3::3"));
    }

    #[test]
    fn every_ipv4_address_is_a_source_of_its_own() {
        assert_ne!(Source::parse("203.0.113.7"), Source::parse("203.0.113.8"));
        assert_eq!(Source::parse("203.0.113.7"), Source::parse("::ffff:203.0.113.7"));
    }

    #[test]
    fn a_port_is_no_part_of_a_source() {
        assert_eq!(Source::parse("203.0.113.7:443"), Source::parse("203.0.113.7"));
        assert_eq!(Source::parse("[2001:db8:1:2::3]:443"), Source::parse("2001:db8:1:2::3"));
        assert!(Source::parse("203.0.113.7:443").is_some());
    }

    #[test]
    fn anything_else_is_no_source() {
        for text in ["", "localhost", "203.0.113.7:", "203.0.113.7:x", "203.0.113", "unknown"] {
            assert_eq!(Source::parse(text), None, "{text:?}");
        }
    }
}
