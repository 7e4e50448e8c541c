//! Identifiers and names.
//!
//! An id that reaches a path or a header must not change what the request means: `DELETE /v2/messages/` with an empty
//! id cancels every message, and `..` climbs to another resource. Therefore no value of these types is ever empty, `.` or
//! `..`, wherever it comes from, and constructors for outgoing values check the grammar as well.

use std::{borrow::Borrow, convert::Infallible, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What text an id may be made of. The argument is never blank, `.` or `..`.
type Grammar = fn(&str) -> Result<(), IdProblem>;

/// Ids that the server makes: any text that can stand in a header.
fn opaque(text: &str) -> Result<(), IdProblem> {
    // A loop without branches, which takes many bytes at a time.
    if text.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
        return Ok(());
    }
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(IdProblem::Character(found)),
        None if text.trim() != text => Err(IdProblem::SurroundingWhiteSpace),
        None => Ok(()),
    }
}

/// Names that people choose for queues, schedules and URL groups.
fn name(text: &str) -> Result<(), IdProblem> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().find(|&c| !legal(c)).map_or(Ok(()), |found| Err(IdProblem::Character(found)))
}

fn opaque_without(forbidden: char, text: &str) -> Result<(), IdProblem> {
    opaque(text)?;
    if text.contains(forbidden) { Err(IdProblem::Character(forbidden)) } else { Ok(()) }
}

/// QStash refuses `:` in deduplication ids.
fn without_colon(text: &str) -> Result<(), IdProblem> {
    opaque_without(':', text)
}

/// Several labels travel in one header, joined by commas.
fn without_comma(text: &str) -> Result<(), IdProblem> {
    opaque_without(',', text)
}

fn usable(what: &'static str, text: &str) -> Result<(), InvalidId> {
    let problem = match text {
        _ if text.trim().is_empty() => IdProblem::Empty,
        "." | ".." => IdProblem::DotSegment,
        _ => return Ok(()),
    };
    Err(InvalidId { what, problem })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $grammar:ident $(, received $received:ident)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a value that is to be sent.
            ///
            /// # Errors
            ///
            /// A value that is blank, `.`, `..` or outside the grammar of its kind is refused.
            pub fn new(value: impl AsRef<str>) -> Result<Self, InvalidId> {
                const GRAMMAR: Grammar = $grammar;
                let text = value.as_ref();
                usable($what, text)?;
                GRAMMAR(text).map_err(|problem| InvalidId { what: $what, problem })?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;

            fn try_from(value: &str) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(value: String) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl TryFrom<&String> for $name {
            type Error = InvalidId;

            fn try_from(value: &String) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = InvalidId;

            fn try_from(value: &$name) -> Result<Self, InvalidId> {
                Ok(value.clone())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            /// Takes whatever the server calls its object, short of a value that could not be used as a path segment.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($what, |text: &str| {
                    usable($what, text)?;
                    $($received(text).map_err(|problem| InvalidId { what: $what, problem })?;)?
                    Ok(Self(text.into()))
                }))
            }
        }
    )+};
}

ids! {
    /// The id of a message, such as `msg_…`; the same for all attempts.
    MessageId: "message id", opaque;
    /// The id of an entry in the dead letter queue.
    DlqId: "dead letter queue id", opaque;
    /// The id of a schedule, made by the server (`scd_…`) or chosen by the caller.
    ScheduleId: "schedule id", name;
    /// The name of a queue.
    QueueName: "queue name", name;
    /// The name of a URL group. The wire calls it a topic.
    UrlGroupName: "URL group name", name;
    /// The name of an endpoint inside a URL group. Free text.
    EndpointName: "endpoint name", opaque;
    /// The key that messages under the same flow control share. Free text.
    FlowControlKey: "flow-control key", opaque;
    /// A label to find messages by. Free text without commas.
    Label: "label", without_comma, received without_comma;
    /// A caller's own deduplication id. Free text without colons.
    DeduplicationId: "deduplication id", without_colon;
}

/// A text cannot be an id of its kind.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidId {
    what: &'static str,
    problem: IdProblem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum IdProblem {
    #[error("must not be empty or blank")]
    Empty,
    #[error("must not be a dot segment")]
    DotSegment,
    #[error("must not contain {0:?}")]
    Character(char),
    #[error("must not have white space around it")]
    SurroundingWhiteSpace,
}

impl From<Infallible> for InvalidId {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Makes an id of a text without keeping the text first.
struct Text<F>(&'static str, F);

impl<T, F: FnOnce(&str) -> Result<T, InvalidId>> de::Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text of a {}", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
}
