//! What is to be done, to be read before it is done.

use std::fmt;

use http::StatusCode;
use qstash_types::ScheduleId;

use super::{Activity, Difference};
use crate::{Client, Error, message::MessageParts, schedules::put};

/// What makes the schedules that are there equal to those that are wanted: see
/// [`Schedules::reconcile`](crate::Schedules::reconcile).
///
/// `Display` lists it, a line for each schedule. Neither bodies nor values of headers are shown.
#[derive(Clone)]
#[must_use = "nothing is changed until the plan is applied"]
pub struct Plan {
    pub(super) client: Client,
    pub(super) steps: Vec<Step>,
}

/// What a [`Plan`] does about one schedule.
#[derive(Clone)]
pub struct Step {
    pub(super) id: ScheduleId,
    pub(super) change: Change,
    /// What the schedule is replaced by.
    pub(super) write: Option<MessageParts>,
    /// Whether it is paused or resumed, after that.
    pub(super) activity: Option<Activity>,
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

    /// Does what the plan says, and stops at the first step that fails, or wherever it is when the future is dropped. A plan
    /// may be applied again.
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
