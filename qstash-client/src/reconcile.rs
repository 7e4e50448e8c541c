//! Schedules as code: the schedules of the account are made equal to those in the code.

mod difference;
mod plan;

use std::{collections::BTreeMap, fmt};

use qstash_types::{Cron, DeliveryOptions, ScheduleId, ScheduleRecord};

pub use self::{
    difference::Difference,
    plan::{Change, Plan, Step},
};

use crate::{
    Error, Message,
    draft::valid,
    error::InvalidInput,
    message::MessageParts,
    schedules::{Schedules, scheduled},
};

/// The prefix of the ids that QStash makes.
const MADE_BY_SERVER: &str = "scd_";

/// A schedule as it should be, for [`Schedules::reconcile`], which returns a mistake in it before anything is sent.
///
/// A schedule that is paused stays paused unless [`running`](Self::running) is called.
#[derive(Clone, Debug)]
#[must_use = "a schedule does nothing until it is reconciled"]
pub struct Schedule {
    id: Result<ScheduleId, InvalidInput>,
    cron: Result<Cron, InvalidInput>,
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
    /// A message that is published at the times of the expression: see
    /// [`ScheduleHandle::upsert`](crate::schedules::ScheduleHandle::upsert).
    pub fn new(
        id: impl TryInto<ScheduleId, Error: fmt::Display>,
        cron: impl TryInto<Cron, Error: fmt::Display>,
        message: Message,
    ) -> Self {
        Self { id: valid("schedule id", id), cron: valid("cron", cron), message, activity: None }
    }

    /// The schedule does not publish.
    pub fn paused(self) -> Self {
        Self { activity: Some(Activity::Paused), ..self }
    }

    /// The schedule publishes.
    pub fn running(self) -> Self {
        Self { activity: Some(Activity::Running), ..self }
    }
}

impl Schedules {
    /// Compares the schedules of the account with those that are wanted, and plans the changes. Nothing is changed until
    /// [`Plan::apply`] is called.
    ///
    /// Only schedules whose ids start with the prefix are looked at: those that are not wanted any more are deleted,
    /// all others are left alone. It ends with `-`, `_` or `.`, since `billing` would cover `billing2-report` as well, and
    /// `s` all schedules whose ids QStash has made.
    ///
    /// ```no_run
    /// # async fn deploy(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use qstash_client::{Message, reconcile::Schedule};
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
    /// and whether body and headers are redacted. A timeout, and headers that are forwarded to callbacks, are compared as
    /// far as the server shows them.
    ///
    /// What it never shows cannot be compared: other settings of callbacks, the values behind a redaction, and headers
    /// of [`Message::header`] that mean none of these. When nothing else has changed, replace the schedule by
    /// [`ScheduleHandle::upsert`](crate::schedules::ScheduleHandle::upsert).
    ///
    /// # Errors
    ///
    /// See [`Error`]. Refused before anything is sent are a prefix without a separator at its end, an empty list, an id
    /// that occurs twice or does not start with the prefix, and what
    /// [`ScheduleHandle::upsert`](crate::schedules::ScheduleHandle::upsert) refuses.
    pub async fn reconcile(
        &self,
        prefix: impl AsRef<str>,
        wanted: impl IntoIterator<Item = Schedule>,
    ) -> Result<Plan, Error> {
        let prefix = prefix.as_ref();
        check_prefix(prefix)?;
        let wanted = self.check(prefix, wanted)?;
        let mut existing = BTreeMap::new();
        for record in self.list().await? {
            if record.schedule_id.as_str().starts_with(prefix) {
                existing.insert(record.schedule_id.clone(), record);
            }
        }
        let mut steps: Vec<_> =
            wanted.into_iter().map(|(id, wanted)| wanted.step(existing.remove(&id), id)).collect();
        let delete = |id| Step { id, change: Change::Delete, write: None, activity: None };
        // They come last, so that a plan that is interrupted leaves too many schedules rather than too few.
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
            let inside = |mistake: InvalidInput| mistake.inside(&format!("schedule {id}"));
            let parts =
                cron.and_then(|cron| scheduled(&self.0, id.clone(), &cron, message)).map_err(inside)?;
            let meaning = difference::meaning(&parts).map_err(inside)?;
            if checked.contains_key(&id) {
                return Err(refused("occurs twice"));
            }
            checked.insert(id, Wanted { parts, meaning, activity });
        }
        if checked.is_empty() {
            return Err(InvalidInput::new("schedules", "the list is empty"));
        }
        Ok(checked)
    }
}

/// Refuses a prefix that other ids are likely to start with as well, since their schedules would be deleted.
fn check_prefix(prefix: &str) -> Result<(), InvalidInput> {
    const FIELD: &str = "id prefix";
    valid::<ScheduleId>(FIELD, prefix)?;
    if prefix == MADE_BY_SERVER {
        return Err(InvalidInput::new(FIELD, "ids that QStash has made start with it"));
    }
    if !prefix.ends_with(['-', '_', '.']) {
        return Err(InvalidInput::new(FIELD, "must end with one of - _ ."));
    }
    Ok(())
}

/// A schedule without mistakes.
struct Wanted {
    parts: Box<MessageParts>,
    meaning: DeliveryOptions,
    activity: Option<Activity>,
}

impl Wanted {
    fn step(self, existing: Option<ScheduleRecord>, id: ScheduleId) -> Step {
        let Self { parts, meaning, activity } = self;
        let Some(record) = existing else {
            let activity = activity.filter(|activity| *activity == Activity::Paused);
            return Step { id, change: Change::Create, write: Some(parts), activity };
        };
        let is = Activity::of(&record);
        let activity = activity.unwrap_or(is);
        let differences = difference::between(&record, &parts, &meaning);
        if differences.is_empty() {
            let (change, activity) = match activity {
                same if same == is => (Change::Keep, None),
                Activity::Paused => (Change::Pause, Some(activity)),
                Activity::Running => (Change::Resume, Some(activity)),
            };
            return Step { id, change, write: None, activity };
        }
        // It is not documented whether a paused schedule stays paused when it is replaced.
        let is_certain = (is, activity) == (Activity::Running, Activity::Running);
        let change = Change::Replace(differences);
        Step { id, change, write: Some(parts), activity: (!is_certain).then_some(activity) }
    }
}
