//! Schedules as code: what is there is made equal to what is wanted.

mod difference;

use std::{collections::BTreeMap, fmt};

use qstash_types::{ScheduleId, ScheduleRecord};

pub use difference::Difference;

use crate::{
    Client, Error, InvalidInput, Message, Schedules,
    draft::valid,
    message::MessageParts,
    schedules::{put, scheduled},
};

/// A schedule as it is to be, for [`Schedules::reconcile`]. A mistake in it is returned there, before anything is sent.
///
/// Unless [`paused`](Self::paused) or [`running`](Self::running) says otherwise, a schedule that is paused stays so.
#[derive(Clone, Debug)]
#[must_use = "a schedule does nothing until it is reconciled"]
pub struct Schedule {
    id: Result<ScheduleId, InvalidInput>,
    cron: String,
    message: Message,
    activity: Option<Activity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    Running,
    Paused,
}

impl Activity {
    fn of(record: &ScheduleRecord) -> Self {
        if record.paused { Activity::Paused } else { Activity::Running }
    }
}

impl Schedule {
    /// A message that is published whenever the expression says so: see
    /// [`ScheduleHandle::upsert`](crate::ScheduleHandle::upsert).
    pub fn new(
        id: impl TryInto<ScheduleId, Error: fmt::Display>,
        cron: impl AsRef<str>,
        message: Message,
    ) -> Self {
        Self { id: valid("schedule id", id), cron: cron.as_ref().to_owned(), message, activity: None }
    }

    /// Lets the times of the schedule pass.
    pub fn paused(self) -> Self {
        Self { activity: Some(Activity::Paused), ..self }
    }

    /// Lets the schedule publish.
    pub fn running(self) -> Self {
        Self { activity: Some(Activity::Running), ..self }
    }
}

impl Schedules {
    /// Compares the schedules that are there with those that are wanted, and says what is to be done. Nothing is changed
    /// until [`Plan::apply`] is called.
    ///
    /// Only schedules whose ids start with the prefix are looked at: those that are not wanted any more are deleted,
    /// all others are left alone. End the prefix with a separator, or `billing` covers `billing2-report` as well.
    ///
    /// ```no_run
    /// # async fn deploy(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use qstash_client::{Message, Schedule};
    ///
    /// let plan = client
    ///     .schedules()
    ///     .reconcile(
    ///         "billing-",
    ///         [
    ///             Schedule::new("billing-invoices", "0 4 1 * *", Message::to("https://api.example.com/invoices")),
    ///             Schedule::new("billing-reminders", "0 9 * * 1-5", Message::to("https://api.example.com/remind")),
    ///         ],
    ///     )
    ///     .await?;
    /// println!("{plan}");
    /// plan.apply().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// Schedules are compared by what they mean, so that a second run finds nothing to do: expression, destination, body,
    /// content type, forwarded headers, method, retries, retry delay, delay, callback URLs, labels, queue, flow control,
    /// and whether body and headers are redacted. A timeout is compared as far as the server shows it.
    ///
    /// What the server does not show cannot be compared: the settings of callbacks, headers of
    /// [`Message::header`] for other purposes than these, and the values behind a redaction. To change nothing else than
    /// those, replace the schedule by [`ScheduleHandle::upsert`](crate::ScheduleHandle::upsert).
    ///
    /// # Errors
    ///
    /// See [`Error`]. Refused before anything is sent are an empty list, an id that occurs twice or does not start with
    /// the prefix, and what [`ScheduleHandle::upsert`](crate::ScheduleHandle::upsert) refuses.
    pub async fn reconcile(
        &self,
        prefix: impl AsRef<str>,
        wanted: impl IntoIterator<Item = Schedule>,
    ) -> Result<Plan, Error> {
        let prefix: ScheduleId = valid("id prefix", prefix.as_ref())?;
        let wanted = self.check(prefix.as_str(), wanted)?;
        let mut existing = BTreeMap::new();
        for record in self.list().await? {
            if record.schedule_id.as_str().starts_with(prefix.as_str()) {
                existing.insert(record.schedule_id.clone(), record);
            }
        }
        let mut steps = Vec::with_capacity(wanted.len());
        for (id, wanted) in wanted {
            steps.push(wanted.step(existing.remove(&id), id)?);
        }
        let delete = |id| Step { id, change: Change::Delete, write: None, activity: None };
        // The last, so that a plan that is cut short leaves too much rather than too little.
        steps.extend(existing.into_keys().map(delete));
        Ok(Plan { client: self.0.clone(), steps })
    }

    fn check(
        &self,
        prefix: &str,
        wanted: impl IntoIterator<Item = Schedule>,
    ) -> Result<BTreeMap<ScheduleId, Wanted>, InvalidInput> {
        let mut checked = BTreeMap::new();
        for Schedule { id, cron, message, activity } in wanted {
            let id = id?;
            let refused = |fault: &str| InvalidInput::new("schedule id", format!("{id} {fault}"));
            if !id.as_str().starts_with(prefix) {
                return Err(refused(&format!("does not start with {prefix}")));
            }
            let parts = scheduled(&self.0, id.clone(), &cron, message)
                .map_err(|mistake| mistake.inside(&format!("schedule {id}")))?;
            if checked.contains_key(&id) {
                return Err(refused("occurs twice"));
            }
            checked.insert(id, Wanted { parts, activity });
        }
        if checked.is_empty() {
            return Err(InvalidInput::new("schedules", "the list is empty"));
        }
        Ok(checked)
    }
}

/// A schedule without mistakes.
struct Wanted {
    parts: MessageParts,
    activity: Option<Activity>,
}

impl Wanted {
    fn step(self, existing: Option<ScheduleRecord>, id: ScheduleId) -> Result<Step, InvalidInput> {
        let Self { parts, activity: wanted } = self;
        let Some(record) = existing else {
            let paused = wanted.filter(|wanted| *wanted == Activity::Paused);
            return Ok(Step { id, change: Change::Create, write: Some(parts), activity: paused });
        };
        let now = Activity::of(&record);
        let wanted = wanted.unwrap_or(now);
        let differences = difference::between(&record, &parts)?;
        if differences.is_empty() {
            let (change, activity) = match wanted {
                _ if wanted == now => (Change::Keep, None),
                Activity::Paused => (Change::Pause, Some(wanted)),
                Activity::Running => (Change::Resume, Some(wanted)),
            };
            return Ok(Step { id, change, write: None, activity });
        }
        // Whether a schedule that is replaced stays paused is the server's secret.
        let certain = now == Activity::Running && wanted == now;
        let activity = (!certain).then_some(wanted);
        Ok(Step { id, change: Change::Replace(differences), write: Some(parts), activity })
    }
}

/// What makes the schedules that are there equal to those that are wanted: see [`Schedules::reconcile`].
///
/// `Display` lists it, a line for each schedule. Neither bodies nor values of headers are shown.
#[derive(Clone)]
#[must_use = "nothing is changed until the plan is applied"]
pub struct Plan {
    client: Client,
    steps: Vec<Step>,
}

/// What a [`Plan`] does about one schedule.
#[derive(Clone)]
pub struct Step {
    id: ScheduleId,
    change: Change,
    write: Option<MessageParts>,
    activity: Option<Activity>,
}

/// What becomes of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is made.
    Create,
    /// It is replaced, since it differs in this.
    Replace(Vec<Difference>),
    /// It is paused.
    Pause,
    /// It is resumed.
    Resume,
    /// It is deleted.
    Delete,
    /// It is as it should be.
    Keep,
}

impl Plan {
    /// What is done about each schedule, in this order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.change == Change::Keep)
    }

    /// Does what the plan says, and stops at the first step that fails. A plan may be applied again.
    ///
    /// A paused schedule that is replaced may publish once before it is paused again.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn apply(&self) -> Result<(), Error> {
        for step in &self.steps {
            step.carry_out(&self.client).await?;
        }
        Ok(())
    }
}

impl Step {
    /// The schedule.
    pub fn id(&self) -> &ScheduleId {
        &self.id
    }

    /// What becomes of it.
    pub fn change(&self) -> &Change {
        &self.change
    }

    async fn carry_out(&self, client: &Client) -> Result<(), Error> {
        let schedule = client.schedule(&self.id);
        if let Some(parts) = &self.write {
            put(client, parts.clone()).await?;
        }
        match self.activity {
            Some(Activity::Paused) => schedule.pause().await?,
            Some(Activity::Running) => schedule.resume().await?,
            None => {}
        }
        if self.change == Change::Delete {
            match schedule.delete().await {
                // Somebody was faster.
                Err(error) if error.status() == Some(http::StatusCode::NOT_FOUND) => {}
                answer => answer?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for step in &self.steps {
            write!(f, "{separator}{step}")?;
            separator = "\n";
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_str().escape_debug();
        match &self.change {
            Change::Create => write!(f, "create  {id}"),
            Change::Replace(differences) => {
                let differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
                write!(f, "replace {id}: {}", differences.join(", "))
            }
            Change::Pause => write!(f, "pause   {id}"),
            Change::Resume => write!(f, "resume  {id}"),
            Change::Delete => write!(f, "delete  {id}"),
            Change::Keep => write!(f, "keep    {id}"),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.steps).finish()
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("id", &self.id).field("change", &self.change).finish_non_exhaustive()
    }
}
