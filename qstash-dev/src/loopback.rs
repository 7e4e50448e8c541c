//! Names that mean this machine and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses to try for a host; none if it is not this machine. No name is ever looked up.
pub(crate) fn addresses(host: &str) -> Vec<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if address.is_loopback() { vec![address] } else { Vec::new() };
    }
    let last_label = host.rsplit('.').next().unwrap_or_default();
    if last_label.eq_ignore_ascii_case("localhost") {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        Vec::new()
    }
}
