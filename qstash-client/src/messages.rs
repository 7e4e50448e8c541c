//! Messages that are on their way.

use std::fmt;

use http::Method;
use qstash_types::{MessageId, MessageRecord};

use crate::{
    Client, Error,
    request::{Call, json, nothing},
    resource::Resource,
};

impl Client {
    /// One message, by its id.
    pub fn message(&self, id: impl TryInto<MessageId, Error: fmt::Display>) -> MessageHandle {
        MessageHandle(Resource::new(self, "message id", id))
    }
}

/// One message. Its verbs return a mistake in the id before anything is sent.
#[derive(Clone, Debug)]
pub struct MessageHandle(Resource<MessageId>);

impl MessageHandle {
    /// Reads the message, as long as it is on its way.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such message, or it is delivered, failed or cancelled.
    pub async fn get(&self) -> Result<MessageRecord, Error> {
        self.0.call(|id| Call::new(Method::GET, &["messages", id]), json).await
    }

    /// Cancels the message.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such message, or it is delivered, failed or cancelled.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.0.call(|id| Call::new(Method::DELETE, &["messages", id]), nothing).await
    }
}
