//! Listings: a page of one, or all of them as a stream.

use std::collections::HashSet;

use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use http::{Method, StatusCode};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::{
    DecodeError, Error,
    error::Fault,
    filter::Filter,
    request::{Call, json},
};

/// A part of a listing, and where the next one begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Answer<T>", bound(deserialize = "T: Deserialize<'de>"))]
#[must_use = "the cursor tells whether there is more"]
#[non_exhaustive]
pub struct Page<T> {
    /// What the page holds.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last one.
    pub cursor: Option<String>,
}

/// Each resource has a name of its own for the list, the log has had two, and a list that is not meant may be there and
/// empty.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Answer<T> {
    messages: Option<Vec<T>>,
    responses: Option<Vec<T>>,
    logs: Option<Vec<T>>,
    events: Option<Vec<T>>,
    #[serde(default, deserialize_with = "absent_when_empty")]
    cursor: Option<String>,
}

impl<T> From<Answer<T>> for Page<T> {
    fn from(answer: Answer<T>) -> Self {
        let Answer { messages, responses, logs, events, cursor } = answer;
        let mut lists = [messages, responses, logs, events].into_iter().flatten();
        Self { items: lists.find(|list| !list.is_empty()).unwrap_or_default(), cursor }
    }
}

/// The end of a listing is an absent cursor in one place and an empty one in another.
pub(crate) fn absent_when_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(<Option<String>>::deserialize(deserializer)?.filter(|cursor| !cursor.is_empty()))
}

/// What is to be read next.
enum Next {
    First,
    Behind(String),
    /// The server has answered with a cursor that it was given before, and would do so for ever.
    Stuck,
    End,
}

impl Filter {
    pub(crate) async fn page<T: DeserializeOwned>(&self, resource: &'static str) -> Result<Page<T>, Error> {
        self.call(|_| Ok(()), Call::new(Method::GET, &[resource]), json).await
    }

    pub(crate) fn pages<T>(
        self,
        resource: &'static str,
    ) -> impl Stream<Item = Result<T, Error>> + Send + Unpin + use<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let start = (Next::First, HashSet::new());
        let pages = stream::try_unfold(start, move |(next, mut cursors)| {
            let filter = self.clone();
            async move {
                let Page { items, cursor } = match next {
                    Next::First => filter.page(resource).await?,
                    Next::Behind(cursor) => filter.cursor(&cursor).page(resource).await?,
                    Next::Stuck => {
                        return Err(Error::from(DecodeError::new(StatusCode::OK, Fault::SameCursor)));
                    }
                    Next::End => return Ok(None),
                };
                let next = match cursor {
                    Some(cursor) if cursors.insert(cursor.clone()) => Next::Behind(cursor),
                    Some(_) => Next::Stuck,
                    None => Next::End,
                };
                Ok(Some((stream::iter(items.into_iter().map(Ok)), (next, cursors))))
            }
        });
        Box::pin(pages.try_flatten())
    }
}

/// Writes what reads a listing. The type is a tuple around a [`Filter`].
macro_rules! listing {
    ($resource:literal, $item:ty) => {
        /// Those behind this place, as an earlier answer named it. Parameter: `cursor`.
        pub fn cursor(self, cursor: impl AsRef<str>) -> Self {
            Self(self.0.cursor(cursor.as_ref()))
        }

        /// Reads a page.
        ///
        /// # Errors
        ///
        /// See [`Error`].
        pub async fn list(&self) -> Result<$crate::Page<$item>, Error> {
            self.0.page($resource).await
        }

        /// Reads all pages, each when the items of the one before it are used up, and the first when the stream is
        /// first polled.
        ///
        /// It ends after the last page, or after an error, which is yielded once.
        pub fn stream(
            &self,
        ) -> impl futures_core::Stream<Item = Result<$item, Error>> + Send + Unpin + use<> {
            self.0.clone().pages($resource)
        }
    };
}
pub(crate) use listing;
