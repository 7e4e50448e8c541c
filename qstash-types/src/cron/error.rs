//! What is wrong with an expression.

/// A text is not a cron expression.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCron {
    /// The number of fields is not five.
    #[error("expected five fields, minute hour day month weekday, found {0}")]
    Fields(usize),
    /// A field holds something other than its values.
    #[error("{text:?} is no {field}, expected {lowest} to {highest}")]
    Value {
        /// The name of the field.
        field: &'static str,
        /// What it holds.
        text: String,
        /// The lowest value of the field.
        lowest: u8,
        /// The highest value of the field.
        highest: u8,
    },
    /// A range of a field runs backwards.
    #[error("the range {text:?} of the {field} field runs backwards")]
    Range {
        /// The name of the field.
        field: &'static str,
        /// The range.
        text: String,
    },
    /// A step of a field is not a whole number above zero.
    #[error("the step {text:?} of the {field} field is no whole number above zero")]
    Step {
        /// The name of the field.
        field: &'static str,
        /// The step.
        text: String,
    },
    /// The time zone is not known.
    #[error("unknown time zone {0:?}")]
    TimeZone(String),
    /// No day ever matches the fields.
    #[error("the expression never fires")]
    Never,
}
