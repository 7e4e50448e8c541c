//! Whether a queue, a schedule or a flow-control key is running or paused.

use serde::{Deserialize, Serialize};

/// Whether a queue, a schedule or a flow-control key is running or paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Messages are delivered, or published by the schedule.
    #[default]
    Running,
    /// Messages wait, or times of the schedule are skipped, until it is resumed.
    Paused,
}
