//! Path and query of a URL, in the one spelling in which two of them are compared.
//!
//! Proxies, HTTP libraries and servers respell a URL on its way. What they may change is evened out here: the case of
//! escapes, escapes that need not be, characters that need one, and the query parameters that QStash keeps for
//! itself. What a router tells apart stays: `//`, dot segments, `%2F`, a trailing slash, the order of the query.

/// Respells a path with an optional query. An empty path is `/`, an empty query is none.
pub(crate) fn normal(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut normal = String::with_capacity(target.len() + 1);
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            normal.push('/');
        }
        push_segment(&mut normal, segment);
    }
    if path.is_empty() {
        normal.push('/');
    }
    let query = own_query(query);
    if !query.is_empty() {
        normal.push('?');
        push_text(&mut normal, &query);
    }
    normal
}

/// The target for a log: in one line, without the parameters of QStash, one of which is a secret.
pub(crate) fn readable(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = own_query(query);
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{path}{mark}{query}").escape_debug().to_string()
}

/// The query without the parameters of QStash itself, which may or may not reach the receiver.
fn own_query(query: &str) -> String {
    let is_own = |pair: &&str| {
        let mut key = String::new();
        push_text(&mut key, pair.split('=').next().unwrap_or_default());
        key.make_ascii_lowercase();
        key != "qstash_token" && !key.starts_with("upstash-")
    };
    query.split('&').filter(is_own).collect::<Vec<_>>().join("&")
}

/// Respells one segment of a path. `%2e` stays an escape where a dot would change the path that is meant.
fn push_segment(normal: &mut String, segment: &str) {
    let start = normal.len();
    push_text(normal, segment);
    if matches!(&normal[start..], "." | "..") && &normal[start..] != segment {
        normal.truncate(start);
        normal.push_str(&segment.to_ascii_uppercase());
    }
}

/// Escapes what is illegal in a request target, undoes escapes of unreserved characters, writes the others in capitals.
fn push_text(normal: &mut String, text: &str) {
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let (byte, is_literal) = match (byte, escaped(tail)) {
            (b'%', Some(escaped)) => {
                rest = &tail[2..];
                (escaped, is_unreserved(escaped))
            }
            _ => (byte, is_legal(byte)),
        };
        if is_literal {
            normal.push(char::from(byte));
        } else {
            normal.push('%');
            normal.push(char::from(HEX[usize::from(byte >> 4)]));
            normal.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The byte that two hexadecimal digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*digits.get(index)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Whether a byte may stand in a path segment or a query as it is.
fn is_legal(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/?".contains(&byte)
}
