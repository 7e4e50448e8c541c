//! The changes that make schedules as they should be, for reading before they are made.

use std::fmt;

use http::StatusCode;
use qstash_types::ScheduleId;

use super::{Activity, Difference};
use crate::{Client, Error, message::MessageParts, observe::Facts, schedules};

/// The changes that make the schedules of the account equal to those that are wanted: see
/// [`Schedules::reconcile`](crate::schedules::Schedules::reconcile).
///
/// `Display` lists it, a line for each schedule. Neither bodies nor values of headers are shown.
#[derive(Clone)]
#[must_use = "nothing is changed until the plan is applied"]
pub struct Plan {
    pub(super) client: Client,
    pub(super) steps: Vec<Step>,
}

/// What a [`Plan`] does with one schedule.
#[derive(Clone)]
pub struct Step {
    pub(super) id: ScheduleId,
    pub(super) change: Change,
    /// What the schedule is replaced by.
    pub(super) write: Option<Box<MessageParts>>,
    /// Whether it is paused or resumed, after that.
    pub(super) activity: Option<Activity>,
}

/// How a schedule is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is created.
    Create,
    /// It is replaced, because of these differences.
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
    /// One step for each schedule, in the order in which they are made.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.change == Change::Keep)
    }

    /// Makes the changes, up to the first one that fails. Dropping the future stops it in between. A plan may be applied
    /// again.
    ///
    /// A schedule that is to be paused is made or replaced first, and may publish once before it is paused.
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

    /// How it is changed.
    pub fn change(&self) -> &Change {
        &self.change
    }

    async fn carry_out(&self, client: &Client) -> Result<(), Error> {
        let schedule = client.schedule(&self.id);
        if let Some(parts) = &self.write {
            // A schedule that is given its place in a trace is found to differ the next time.
            schedules::put(client, schedules::call(parts.clone()).facts(Facts::untraced())).await?;
        }
        match self.activity {
            Some(Activity::Paused) => schedule.pause().await?,
            Some(Activity::Running) => schedule.resume().await?,
            None => {}
        }
        if self.change == Change::Delete {
            match schedule.delete().await {
                // Another program has deleted it.
                Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {}
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
