//! Queues: deliveries in order, so many at a time.

use std::fmt;

use http::Method;
use qstash_types::{QueueName, QueueRecord};
use serde::Serialize;

use crate::{
    Client, Error, Message, Published,
    error::InvalidInput,
    request::{Call, json, nothing},
    resource::Resource,
};

impl Client {
    /// One queue, by its name.
    pub fn queue(&self, name: impl TryInto<QueueName, Error: fmt::Display>) -> QueueHandle {
        QueueHandle(Resource::new(self, "queue", name))
    }

    /// All queues.
    pub fn queues(&self) -> Queues {
        Queues(self.clone())
    }
}

/// One queue. Its verbs return a mistake in the name before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct QueueHandle(Resource<QueueName>);

/// All queues.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct Queues(Client);

/// The settings of a queue. The service decides about those that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use = "settings do nothing until they are given to a queue"]
pub struct QueueSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    parallelism: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<bool>,
}

impl QueueSettings {
    /// No settings: the service decides.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many deliveries may run at the same time, at least one.
    ///
    /// Field: `parallelism`.
    pub fn parallelism(self, deliveries: u32) -> Self {
        Self { parallelism: Some(deliveries), ..self }
    }

    /// Stops deliveries.
    ///
    /// Field: `paused`, `true`.
    pub fn paused(self) -> Self {
        Self { paused: Some(true), ..self }
    }

    /// Starts deliveries again.
    ///
    /// Field: `paused`, `false`.
    pub fn running(self) -> Self {
        Self { paused: Some(false), ..self }
    }
}

impl QueueHandle {
    /// Publishes a message through the queue, after the messages that came before it. The queue is made when it does
    /// not exist.
    ///
    /// # Errors
    ///
    /// As [`Client::publish`]. A delay or not-before time is refused.
    pub async fn enqueue(&self, message: Message) -> Result<Published, Error> {
        let queue = self.0.id.clone()?;
        self.0.client.publish(message.in_queue(&queue)).await
    }

    /// Makes the queue, or changes it.
    ///
    /// # Errors
    ///
    /// See [`Error`]. A parallelism of zero is refused before anything is sent. Status 412: the account has as many queues as
    /// its plan allows.
    pub async fn upsert(&self, settings: QueueSettings) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "queueName")]
            name: &'a str,
            #[serde(flatten)]
            settings: QueueSettings,
        }

        if settings.parallelism == Some(0) {
            return Err(InvalidInput::new("parallelism", "must not be zero, pause the queue instead").into());
        }
        let call = |name: &str| Call::new(Method::POST, &["queues"]).json(&Body { name, settings });
        self.0.call(call, nothing).await
    }

    /// Reads the queue.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such queue.
    pub async fn get(&self) -> Result<QueueRecord, Error> {
        self.0.call(|name| Call::new(Method::GET, &["queues", name]), json).await
    }

    /// Deletes the queue. If there is no such queue, that is no error.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete(&self) -> Result<(), Error> {
        self.0.call(|name| Call::new(Method::DELETE, &["queues", name]), nothing).await
    }

    /// Stops deliveries. Messages are still accepted.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn pause(&self) -> Result<(), Error> {
        self.0.call(|name| Call::new(Method::POST, &["queues", name, "pause"]), nothing).await
    }

    /// Starts deliveries again, with the earliest message that is not delivered yet.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn resume(&self) -> Result<(), Error> {
        self.0.call(|name| Call::new(Method::POST, &["queues", name, "resume"]), nothing).await
    }
}

impl Queues {
    /// Reads all queues.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(&self) -> Result<Vec<QueueRecord>, Error> {
        self.0.call(Call::new(Method::GET, &["queues"]), json).await
    }
}
