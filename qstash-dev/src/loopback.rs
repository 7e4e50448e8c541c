//! Where to connect for hosts that are this machine. No name is ever looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use qstash_types::Host;

/// The addresses to try for a host; none if it is not this machine. Servers that print an unspecified address listen on
/// the loopback address as well.
pub(crate) fn addresses(host: Host<'_>) -> Vec<IpAddr> {
    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
    match host {
        _ if !host.is_local() => Vec::new(),
        Host::Name(_) => vec![V4, V6],
        Host::Ipv4(address) if address.is_unspecified() => vec![V4],
        Host::Ipv4(address) => vec![address.into()],
        Host::Ipv6(address) if address.is_unspecified() => vec![V6, V4],
        // An IPv4 address inside an IPv6 one is called as what it is.
        Host::Ipv6(address) => match address.to_ipv4_mapped() {
            Some(address) => addresses(Host::Ipv4(address)),
            None => vec![address.into()],
        },
    }
}
