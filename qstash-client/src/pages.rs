//! Listings: a page, or all entries as a stream over the pages.

use std::collections::HashSet;

use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use http::Method;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::{
    Error,
    error::Fault,
    filter::Filter,
    request::{Call, json},
};

/// A part of a listing, and where the next one begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Listing<T>", bound(deserialize = "T: Deserialize<'de>"))]
#[must_use = "the cursor tells whether there is more"]
#[non_exhaustive]
pub struct Page<T> {
    /// What the page holds.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last one.
    pub cursor: Option<String>,
}

/// An answer with a list. Each resource gives its list another name, the log has had two, and an answer may also have an
/// empty list under one of the other names.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Listing<T> {
    messages: Option<Vec<T>>,
    responses: Option<Vec<T>>,
    logs: Option<Vec<T>>,
    events: Option<Vec<T>>,
    #[serde(default, deserialize_with = "absent_when_empty")]
    cursor: Option<String>,
}

impl<T> From<Listing<T>> for Page<T> {
    fn from(answer: Listing<T>) -> Self {
        let Listing { messages, responses, logs, events, cursor } = answer;
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

/// Which page is read next.
enum Next {
    First,
    Behind(String),
    /// None: the server has answered with a cursor that it was given before, so the listing would never end.
    Stuck,
    End,
}

impl Filter {
    pub(crate) async fn page<T: DeserializeOwned>(&self, resource: &'static str) -> Result<Page<T>, Error> {
        self.client.call(Call::new(Method::GET, &[resource]).query(self.query()?), json).await
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
                        return Err(filter.not_understood(&Fault::SameCursor));
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

        /// How many entries a page has at most, and how many one call deletes or retries. The server has a limit of its
        /// own, which is 100 or more. Parameter: `count`.
        pub fn page_size(self, entries: std::num::NonZeroU32) -> Self {
            Self(self.0.set(|query| query.replace("count", entries)))
        }

        /// Reads a page.
        ///
        /// # Errors
        ///
        /// See [`Error`].
        pub async fn list(&self) -> Result<$crate::pages::Page<$item>, Error> {
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
