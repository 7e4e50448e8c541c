//! Whether a request asks for what was signed: path and query, as far as honest proxies respell them.
//!
//! Both targets are read byte by byte, escapes undone, and must be the same bytes in the same order. What is left to
//! compare is how each byte is written, and there the direction counts, because a router tells `/%64one` from `/done`:
//!
//! | the signed URL has | the request may have |
//! |---|---|
//! | a byte in one spelling | the same spelling; hexadecimal digits in either case |
//! | an escape of an unreserved character | the character, except where that makes a dot segment |
//! | in the path, an escape of a sub-delimiter, `:` or `@` | the character |
//! | an escape of a character that URLs do not allow, such as `"`, `[`, `é` | the character |
//! | a character that URLs do not allow | its escape |
//! | a parameter of QStash itself | nothing |
//!
//! Everything else is another target: an escape of what is plain in the signed URL, an undone `%2F`, `%3F`, `%23`, `%25`
//! or `%5C`, any parameter that is not signed, and any other order of parameters.
//!
//! Why these: nginx undoes escapes in the path where its `proxy_pass` has a path itself, Traefik undoes those of unreserved
//! characters and writes the others in capitals, and HTTP clients escape what URLs do not allow. No proxy needs to escape
//! what a URL may have as it is, or to add a parameter.

use std::mem;

use qstash_types::{QueryPair, percent, query_pairs};

/// Where a request differs from what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It has an escape where the signed URL has this character.
    Escaped(char),
    /// It has this character where the signed URL has its escape, and there the two mean different things.
    Unescaped(char),
    /// It has a parameter of this name that was not signed, or not with this value.
    Parameter(String),
    /// It asks for something else.
    Other,
}

/// Path and query of a URL.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    path: &'a str,
    query: &'a str,
}

impl<'a> Target<'a> {
    /// Cuts a target into path and query. An empty query is the same as a missing one.
    pub(crate) fn new(target: &'a str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { path, query }
    }

    /// Whether a call of this target arrives as a request, of whose path a proxy has stripped a prefix.
    pub(crate) fn arrives_as(self, prefix: &str, request: Target<'_>) -> Result<(), Difference> {
        same_path(self.path, &[prefix, request.path])?;
        same_query(self.query, request.query)
    }

    /// What stands before the path of the signed target in this one, if everything else is the same.
    pub(crate) fn prefix_before(self, signed: Target<'_>) -> Option<&'a str> {
        let (prefix, rest) = self.cut_before(signed)?;
        signed.arrives_as("", rest).is_ok().then_some(prefix)
    }

    /// What stands before the path of the request in this target, which was signed, if everything else is the same.
    pub(crate) fn prefix_stripped_by(self, request: Target<'_>) -> Option<&'a str> {
        let (prefix, rest) = self.cut_before(request)?;
        rest.arrives_as("", request).is_ok().then_some(prefix)
    }

    /// Cuts the beginning of the path off that makes it longer than another one. Since paths are the same byte by byte,
    /// there is no other place to cut.
    fn cut_before(self, shorter: Target<'_>) -> Option<(&'a str, Self)> {
        let surplus = percent::bytes(self.path).count().checked_sub(percent::bytes(shorter.path).count())?;
        let len =
            percent::bytes(self.path).take(surplus).map(|(_, is_escaped)| if is_escaped { 3 } else { 1 });
        let (prefix, path) = self.path.split_at_checked(len.sum())?;
        (!prefix.is_empty() && path.starts_with('/')).then_some((prefix, Self { path, ..self }))
    }

    pub(crate) fn path(self) -> &'a str {
        self.path
    }

    pub(crate) fn query(self) -> &'a str {
        self.query
    }

    pub(crate) fn with_path(self, path: &'a str) -> Self {
        Self { path, ..self }
    }

    pub(crate) fn without_last_slash(self) -> Self {
        Self { path: self.path.trim_end_matches('/'), ..self }
    }
}

/// Compares a signed path with the pieces of the requested one. An empty path is `/`.
fn same_path(signed: &str, requested: &[&str]) -> Result<(), Difference> {
    let or_root = |is_empty| if is_empty { "/" } else { "" };
    let mut signed = percent::bytes(or_root(signed.is_empty())).chain(percent::bytes(signed));
    let root = or_root(requested.iter().all(|piece| piece.is_empty()));
    let mut requested = requested.iter().chain([&root]).flat_map(|piece| percent::bytes(piece));
    // How something is spelled is told only if nothing else differs.
    let mut spelled = Ok(());
    let mut segment = Segment::default();
    loop {
        match (signed.next(), requested.next()) {
            (None, None) => return spelled.and_then(|()| segment.end()),
            (Some(signed), Some(requested)) if signed.0 == requested.0 => {
                let spelling = Spelling::of(signed, requested);
                spelled = spelled.and_then(|()| spelling.allowed_by(may_be_undone_in_path));
                if requested == (b'/', false) {
                    let ended = mem::take(&mut segment);
                    spelled = spelled.and_then(|()| ended.end());
                } else {
                    segment.push(requested, spelling);
                }
            }
            _ => return Err(Difference::Other),
        }
    }
}

/// Compares the parameters in their order. Those of QStash itself may be missing from the request.
fn same_query(signed: &str, requested: &str) -> Result<(), Difference> {
    let pairs = |query| query_pairs(Some(query).filter(|query: &&str| !query.is_empty()));
    let mut requested = pairs(requested).peekable();
    for pair in pairs(signed) {
        let difference = match requested.peek() {
            Some(next) => same_pair(pair, *next),
            None => Err(Difference::Other),
        };
        match difference {
            // The first match is taken. If a later pair matches as well, it has the same name, so it may be missing too.
            Ok(()) => drop(requested.next()),
            Err(_) if pair.is_own() => {}
            Err(difference) => {
                let added = requested.next().filter(|next| next.is_own());
                return Err(added.map_or(difference, Difference::added));
            }
        }
    }
    requested.next().map_or(Ok(()), |added| Err(Difference::added(added)))
}

fn same_pair(signed: QueryPair<'_>, requested: QueryPair<'_>) -> Result<(), Difference> {
    let (mut signed, mut requested) = (percent::bytes(signed.as_str()), percent::bytes(requested.as_str()));
    let mut spelled = Ok(());
    loop {
        match (signed.next(), requested.next()) {
            (None, None) => return spelled,
            (Some(signed), Some(requested)) if signed.0 == requested.0 => {
                let spelling = Spelling::of(signed, requested);
                spelled = spelled.and_then(|()| spelling.allowed_by(may_be_undone_in_query));
            }
            _ => return Err(Difference::Other),
        }
    }
}

impl Difference {
    fn added(pair: QueryPair<'_>) -> Self {
        Self::Parameter(pair.raw_name().chars().take(LONGEST_NAME).collect())
    }
}

/// A longer name is cut for the log.
const LONGEST_NAME: usize = 64;

/// How the same byte is written on both sides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Same,
    /// Plain in the signed URL, an escape in the request.
    Escaped(u8),
    /// An escape in the signed URL, plain in the request.
    Undone(u8),
}

impl Spelling {
    fn of((byte, is_escaped): (u8, bool), (_, arrived_escaped): (u8, bool)) -> Self {
        match (is_escaped, arrived_escaped) {
            (false, true) => Self::Escaped(byte),
            (true, false) => Self::Undone(byte),
            _ => Self::Same,
        }
    }

    fn allowed_by(self, may_be_undone: fn(u8) -> bool) -> Result<(), Difference> {
        match self {
            Self::Escaped(byte) if is_legal(byte) => Err(Difference::Escaped(byte.into())),
            Self::Undone(byte) if !may_be_undone(byte) => Err(Difference::Unescaped(byte.into())),
            _ => Ok(()),
        }
    }
}

/// A segment of the requested path, as far as it has come.
#[derive(Default)]
struct Segment {
    dots: usize,
    is_undone: bool,
    has_more: bool,
    /// Behind a `;`, which some servers cut off.
    in_parameter: bool,
}

impl Segment {
    fn push(&mut self, byte: (u8, bool), spelling: Spelling) {
        if self.in_parameter {
            return;
        }
        self.is_undone |= matches!(spelling, Spelling::Undone(_));
        match byte {
            (b';', false) => self.in_parameter = true,
            (b'.', false) => self.dots += 1,
            _ => self.has_more = true,
        }
    }

    /// Refuses a dot segment that is not a dot segment in the signed URL.
    fn end(self) -> Result<(), Difference> {
        let is_dot_segment = matches!(self.dots, 1 | 2) && !self.has_more;
        if self.is_undone && is_dot_segment { Err(Difference::Unescaped('.')) } else { Ok(()) }
    }
}

/// What nginx undoes in a path, of that what means the same.
fn may_be_undone_in_path(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte) || is_often_raw(byte)
}

fn may_be_undone_in_query(byte: u8) -> bool {
    is_unreserved(byte) || is_often_raw(byte)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What RFC 3986 does not allow in a path or query, and servers take all the same.
fn is_often_raw(byte: u8) -> bool {
    !byte.is_ascii() || b"\"<>[]^`{|}".contains(&byte)
}

/// What RFC 3986 allows in a query, and in a path but for `?`, which ends it.
fn is_legal(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/?".contains(&byte)
}
