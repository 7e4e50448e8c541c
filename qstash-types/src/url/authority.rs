//! Hosts and ports, as URLs and the header `Host` name them.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{InvalidUrl, punycode};
use crate::digits;

/// A host with an optional port and without user information: what the header `Host` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authority<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port, if one is named.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads a host and a port: `example.com`, `127.0.0.1:8080`, `[::1]:8080`. The port may be empty, as in `example.com:`.
    ///
    /// # Errors
    ///
    /// Refused is everything else, such as `[::1]example.com` and `user@example.com`.
    pub fn parse(text: &'a str) -> Result<Self, InvalidUrl> {
        let (host, port) = cut(text);
        let port = match port {
            None | Some("") => None,
            Some(port) => Some(digits::parse(port).ok_or(InvalidUrl::Port)?),
        };
        Ok(Self { host: Host::parse(host)?, port })
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        host.fmt(f)?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Host and port as they are written.
pub(super) fn cut(text: &str) -> (&str, Option<&str>) {
    // The colons of an IPv6 address stand in brackets.
    let address = if text.starts_with('[') { text.find(']').unwrap_or(text.len()) } else { 0 };
    match text.as_bytes()[address..].iter().position(|&byte| byte == b':') {
        Some(colon) => (&text[..address + colon], Some(&text[address + colon + 1..])),
        None => (text, None),
    }
}

/// The host of a URL or of a `Host` header.
///
/// Addresses are recognised in every spelling that a URL parser takes for one, `127.1` and `0x7f.0.0.1` included. Names
/// compare without regard to letter case.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A name, as it is written. It may hold letters outside ASCII; [`to_ascii`](Self::to_ascii) knows how such a name is
    /// called.
    Name(&'a str),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address; brackets stand around it in text.
    Ipv6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host.
    ///
    /// # Errors
    ///
    /// Refused are an empty text, an address that does not exist (`256.1.1.1`, `[::g]`), a name that ends in a number, and
    /// characters that no host name has, escapes among them.
    pub fn parse(text: &'a str) -> Result<Self, InvalidUrl> {
        if let Some(address) = text.strip_prefix('[') {
            let address = address.strip_suffix(']').and_then(|address| address.parse().ok());
            return address.map(Self::Ipv6).ok_or(InvalidUrl::Host);
        }
        let Some(last) = text.bytes().next_back() else { return Err(InvalidUrl::Host) };
        // The usual spelling of an address, which need not be taken apart number by number.
        if last.is_ascii_digit()
            && let Ok(address) = text.parse()
        {
            return Ok(Self::Ipv4(address));
        }
        let is_plain = text.bytes().fold(true, |plain, byte| plain & PLAIN[usize::from(byte)]);
        if !is_plain && let Some(found) = text.chars().find(|c| !is_name_character(*c)) {
            return Err(InvalidUrl::HostCharacter { found });
        }
        if ends_in_number(text) {
            return ipv4(text).map(Self::Ipv4).ok_or(InvalidUrl::Host);
        }
        Ok(Self::Name(text))
    }

    /// The host as name servers, the header `Host` and certificates know it: in ASCII. Names that have other letters are in
    /// punycode, and nothing but those is respelled.
    ///
    /// ```
    /// # use qstash_types::Host;
    /// assert_eq!(Host::parse("bücher.example")?.to_ascii()?, "xn--bcher-kva.example");
    /// # Ok::<_, qstash_types::InvalidUrl>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Refused are names that IDNA would respell before they are encoded (capitals outside ASCII, decomposed and full-width
    /// letters), those of scripts for which that is not known here, and those that are longer than 255 bytes.
    pub fn to_ascii(self) -> Result<Cow<'a, str>, InvalidUrl> {
        match self {
            Self::Name(name) if name.is_ascii() => Ok(name.into()),
            Self::Name(name) => punycode::to_ascii(name).map(Cow::Owned),
            Self::Ipv4(_) | Self::Ipv6(_) => Ok(self.to_string().into()),
        }
    }

    /// Whether the host is this machine, whatever any name server says: `localhost` and the names below it, the loopback
    /// addresses, and the unspecified ones, under which servers print where they listen.
    pub fn is_local(self) -> bool {
        match self {
            Self::Name(name) => is_localhost(name),
            Self::Ipv4(address) => is_local(address),
            Self::Ipv6(address) => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.to_ipv4_mapped().is_some_and(is_local)
            }
        }
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(name), Self::Name(other)) => name.eq_ignore_ascii_case(other),
            (Self::Ipv4(address), Self::Ipv4(other)) => address == other,
            (Self::Ipv6(address), Self::Ipv6(other)) => address == other,
            _ => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    /// Writes the host as it stands in a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            // Each delivery has a few of them, and the standard library would go through its paddings for each number.
            Self::Ipv4(address) => {
                let digit = |number: u8| char::from(b'0' + number);
                for (place, number) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        f.write_char('.')?;
                    }
                    if number >= 100 {
                        f.write_char(digit(number / 100))?;
                    }
                    if number >= 10 {
                        f.write_char(digit(number / 10 % 10))?;
                    }
                    f.write_char(digit(number % 10))?;
                }
                Ok(())
            }
            Self::Ipv6(address) => write!(f, "[{address}]"),
        }
    }
}

/// The characters of names that name servers know, and letters outside ASCII. RFC 3986 allows a few more, which no host
/// has.
fn is_name_character(c: char) -> bool {
    match c {
        _ if c.is_ascii() => PLAIN[c as usize],
        _ => !c.is_control() && !c.is_whitespace(),
    }
}

/// Which bytes are characters of names that name servers know.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, reason = "there are 128 bytes in ASCII")]
        let character = byte as u8;
        plain[byte] = character.is_ascii_alphanumeric() || matches!(character, b'-' | b'.' | b'_');
        byte += 1;
    }
    plain
};

fn is_localhost(name: &str) -> bool {
    let mut labels = name.strip_suffix('.').unwrap_or(name).rsplit('.');
    labels.next().is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
        && labels.all(|label| !label.is_empty())
}

fn is_local(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// Whether URL parsers take a host for an IPv4 address: its last label is a number, decimal or hexadecimal.
fn ends_in_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    // Most names end in another letter.
    if !host.ends_with(|c: char| c.is_ascii_hexdigit() || matches!(c, 'x' | 'X')) {
        return false;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) || number(last).is_some()
}

/// An IPv4 address as URL parsers read it: up to four numbers, the last of which fills the bytes that are left.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let mut parts = host.strip_suffix('.').unwrap_or(host).split('.');
    let last = number(parts.next_back()?)?;
    let mut address = 0;
    let mut bits_left = 32_u32;
    for part in parts {
        let byte = number(part).filter(|byte| *byte <= 0xff)?;
        // The last number needs a byte of its own.
        bits_left = bits_left.checked_sub(8).filter(|left| *left > 0)?;
        address |= byte << bits_left;
    }
    if last >> bits_left > 0 {
        return None;
    }
    u32::try_from(address | last).ok().map(Ipv4Addr::from_bits)
}

/// A number of an IPv4 address: decimal, octal after `0`, or hexadecimal after `0x`; `0x` alone is zero.
fn number(text: &str) -> Option<u64> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(""), _) => return Some(0),
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    // What overflows is a number all the same, and too large for every place.
    Some(u64::from_str_radix(digits, radix).unwrap_or(u64::MAX))
}
