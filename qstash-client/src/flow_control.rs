//! Flow-control keys: limits that messages share.

use std::fmt;

use http::Method;
use qstash_types::{FlowControlKey, FlowControlRecord, FlowLimits, GlobalParallelism, duration};

use crate::{
    Client, Error,
    filter::not_blank,
    query::Query,
    request::{Call, json, nothing},
    resource::Resource,
    setters::within_limits,
};

impl Client {
    /// One flow-control key.
    ///
    /// ```no_run
    /// # async fn slow_down(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use std::time::Duration;
    /// use qstash_client::types::FlowLimits;
    ///
    /// let calls = client.flow_control("openai");
    /// calls.pin(FlowLimits::default().rate(10).period(Duration::from_secs(60))).await?;
    /// println!("{} messages wait", calls.get().await?.wait_list_size);
    /// # Ok(()) }
    /// ```
    pub fn flow_control(&self, key: impl TryInto<FlowControlKey, Error: fmt::Display>) -> FlowControlHandle {
        FlowControlHandle(Resource::new(self, "flow-control key", key))
    }

    /// All flow-control keys.
    pub fn flow_controls(&self) -> FlowControls {
        FlowControls(self.clone())
    }

    /// Reads how many deliveries of the account run, and may run, at the same time.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn global_parallelism(&self) -> Result<GlobalParallelism, Error> {
        self.call(Call::new(Method::GET, &["globalParallelism"]), json).await
    }
}

/// One flow-control key. Its verbs return a mistake in the key before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct FlowControlHandle(Resource<FlowControlKey>);

/// All flow-control keys.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct FlowControls(Client);

impl FlowControlHandle {
    /// Reads the key: its limits, and how far they are used up.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such key.
    pub async fn get(&self) -> Result<FlowControlRecord, Error> {
        self.0.call(|key| Call::new(Method::GET, &["flowControl", key]), json).await
    }

    /// Stops deliveries. Messages are still accepted.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn pause(&self) -> Result<(), Error> {
        self.0.call(|key| change(key, "pause"), nothing).await
    }

    /// Starts deliveries again.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn resume(&self) -> Result<(), Error> {
        self.0.call(|key| change(key, "resume"), nothing).await
    }

    /// Sets limits that later messages cannot change until they are unpinned. A new period begins.
    ///
    /// A limit that is not set is not pinned. Parameters: `parallelism`, `rate`, and `period` in whole seconds, rounded
    /// up.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Without a limit, or with a period that is not one second to one week, nothing is sent. It is never
    /// sent twice, since each time begins a period.
    pub async fn pin(&self, limits: FlowLimits) -> Result<(), Error> {
        within_limits(limits)?;
        let mut query = Query::default();
        for (name, limit) in [("parallelism", limits.parallelism), ("rate", limits.rate)] {
            if let Some(limit) = limit {
                query.add(name, limit);
            }
        }
        if let Some(period) = limits.period {
            query.add("period", duration::whole_seconds(period));
        }
        self.0.call(|key| change(key, "pin").query(&query).once(), nothing).await
    }

    /// Lets the next message set all limits again. Until it comes, the pinned ones stay.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn unpin(&self) -> Result<(), Error> {
        self.send_unpin(&["parallelism", "rate"]).await
    }

    /// Lets the next message set the parallelism again.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn unpin_parallelism(&self) -> Result<(), Error> {
        self.send_unpin(&["parallelism"]).await
    }

    /// Lets the next message set rate and period again.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn unpin_rate(&self) -> Result<(), Error> {
        self.send_unpin(&["rate"]).await
    }

    /// Ends the period of the rate, so that messages which wait for the next one are delivered now.
    ///
    /// # Errors
    ///
    /// See [`Error`]. It is never sent twice, since each time lets more messages go.
    pub async fn reset_rate(&self) -> Result<(), Error> {
        self.0.call(|key| change(key, "resetRate").once(), nothing).await
    }

    async fn send_unpin(&self, limits: &[&'static str]) -> Result<(), Error> {
        let mut query = Query::default();
        for limit in limits {
            query.add(limit, true);
        }
        self.0.call(|key| change(key, "unpin").query(&query), nothing).await
    }
}

fn change(key: &str, verb: &str) -> Call {
    Call::new(Method::POST, &["flowControl", key, verb])
}

impl FlowControls {
    /// Reads all keys.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(&self) -> Result<Vec<FlowControlRecord>, Error> {
        self.read(&Query::default()).await
    }

    /// Reads the keys that contain a text. Parameter: `search`.
    ///
    /// # Errors
    ///
    /// See [`Error`]. For a blank text nothing is sent.
    pub async fn search(&self, text: impl AsRef<str>) -> Result<Vec<FlowControlRecord>, Error> {
        let mut query = Query::default();
        query.add("search", not_blank("text to search for", text.as_ref())?);
        self.read(&query).await
    }

    async fn read(&self, query: &Query) -> Result<Vec<FlowControlRecord>, Error> {
        self.0.call(Call::new(Method::GET, &["flowControl"]).query(query), json).await
    }
}
