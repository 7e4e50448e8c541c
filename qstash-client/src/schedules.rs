//! Schedules: a message that is published again and again.

use std::fmt;

use http::Method;
use qstash_types::{Cron, ScheduleId, ScheduleRecord, Start, header};
use serde::Deserialize;

use crate::{
    Client, Error, Message,
    client::random_id,
    draft::valid,
    error::InvalidInput,
    message::MessageParts,
    request::{Call, json, nothing},
    resource::Resource,
};

impl Client {
    /// One schedule, by its id.
    pub fn schedule(&self, id: impl TryInto<ScheduleId, Error: fmt::Display>) -> ScheduleHandle {
        ScheduleHandle(Resource::new(self, "schedule id", id))
    }

    /// All schedules.
    ///
    /// ```no_run
    /// # async fn schedule(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use qstash_client::Message;
    ///
    /// let report = Message::to("https://api.example.com/report").json(&["sales"]);
    /// let id = client.schedules().create("CRON_TZ=Europe/Berlin 0 6 * * 1-5", report.clone()).await?;
    /// client.schedule(&id).pause().await?;
    /// // Under an id of its own, a schedule is made once, however often this runs.
    /// client.schedule("sales-report").upsert("0 6 * * 1-5", report.in_queue("reports")).await?;
    /// # Ok(()) }
    /// ```
    pub fn schedules(&self) -> Schedules {
        Schedules(self.clone())
    }
}

/// One schedule. Its verbs return a mistake in the id before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct ScheduleHandle(Resource<ScheduleId>);

/// All schedules.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct Schedules(pub(crate) Client);

impl ScheduleHandle {
    /// Creates the schedule, or replaces it as a whole: from then on the message is published at the times of the
    /// expression.
    ///
    /// The expression has five fields (minute, hour, day of the month, month, day of the week) in UTC, or in the time
    /// zone that `CRON_TZ=Europe/Berlin ` before them names: see [`Cron`], which also takes a time zone that this
    /// version does not know. A delay counts from each of these times, and [`in_queue`](Message::in_queue)
    /// delivers through a queue.
    ///
    /// Headers: `Upstash-Cron`, `Upstash-Schedule-Id`, and those of the message.
    ///
    /// # Errors
    ///
    /// See [`Error`]. An expression that is not valid, never fires or names an unknown time zone is refused before
    /// anything is sent, and so is a message with a not-before time or with deduplication. Status 412: the account has
    /// as many schedules as its plan allows.
    pub async fn upsert(
        &self,
        cron: impl TryInto<Cron, Error: fmt::Display>,
        message: Message,
    ) -> Result<(), Error> {
        let (id, cron) = (self.0.id.clone()?, valid("cron", cron)?);
        put(&self.0.client, call(scheduled(&self.0.client, id, &cron, message)?)).await?;
        Ok(())
    }

    /// Reads the schedule.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such schedule.
    pub async fn get(&self) -> Result<ScheduleRecord, Error> {
        self.0.call(|id| Call::new(Method::GET, &["schedules", id]), json).await
    }

    /// Deletes the schedule. Messages that it has published are delivered all the same.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such schedule; [`Error::is_ambiguous`] tells whether an earlier attempt of
    /// this call may have deleted it.
    pub async fn delete(&self) -> Result<(), Error> {
        self.0.call(|id| Call::new(Method::DELETE, &["schedules", id]), nothing).await
    }

    /// Stops the schedule. The times that it misses are not made up for.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn pause(&self) -> Result<(), Error> {
        self.switch("pause").await
    }

    /// Starts the schedule again, at its next time.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn resume(&self) -> Result<(), Error> {
        self.switch("resume").await
    }

    /// Descriptions of the API disagree about the method. The one that is tried first is known to work with the service.
    async fn switch(&self, verb: &str) -> Result<(), Error> {
        let send = |method| self.0.call(move |id| Call::new(method, &["schedules", id, verb]), nothing);
        match send(Method::PATCH).await {
            Err(Error::Api(error)) if error.knows_no_such_method() => send(Method::POST).await,
            answer => answer,
        }
    }
}

impl Schedules {
    /// Makes a schedule under a fresh id, which is returned. See [`ScheduleHandle::upsert`] for the expression.
    ///
    /// The id is made here, of 128 random bits, so that a call whose answer was lost can be repeated.
    ///
    /// # Errors
    ///
    /// As [`ScheduleHandle::upsert`].
    pub async fn create(
        &self,
        cron: impl TryInto<Cron, Error: fmt::Display>,
        message: Message,
    ) -> Result<ScheduleId, Error> {
        let id = ScheduleId::new(random_id()).expect("hexadecimal digits are a legal id");
        let cron = valid("cron", cron)?;
        put(&self.0, call(scheduled(&self.0, id, &cron, message)?)).await
    }

    /// Reads all schedules.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(&self) -> Result<Vec<ScheduleRecord>, Error> {
        self.0.call(Call::new(Method::GET, &["schedules"]), json).await
    }
}

/// Turns a message into a schedule: adds the defaults of the client, an id and a cron expression.
pub(crate) fn scheduled(
    client: &Client,
    id: ScheduleId,
    cron: &Cron,
    message: Message,
) -> Result<Box<MessageParts>, InvalidInput> {
    let mut parts = message.finish()?;
    parts.can_stand_in_a_path()?;
    if let Some(Start::At(_)) = parts.options.start {
        return Err(InvalidInput::new("not-before", "a schedule can only delay its messages"));
    }
    if parts.options.deduplication.is_some() {
        return Err(InvalidInput::new("deduplication", "each message of a schedule is a new one"));
    }
    client.inner.defaults.fill(&mut parts);
    client.inner.api.check_reach_of(&parts)?;
    parts.options.schedule_id = Some(id);
    let cron = cron.to_string().parse().expect("an expression is made of visible characters");
    parts.headers.insert(header::CRON, cron);
    Ok(parts)
}

/// The call that makes what [`scheduled`] describes.
pub(crate) fn call(schedule: Box<MessageParts>) -> Call {
    Call::delivering(&["schedules"], schedule)
}

/// Sends the call.
pub(crate) async fn put(client: &Client, call: Call) -> Result<ScheduleId, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Created {
        schedule_id: ScheduleId,
    }

    let answer: Created = client.call(call, json).await?;
    Ok(answer.schedule_id)
}
