//! One field of an expression.

use super::InvalidCron;

/// The values that a field allows, one bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    values: u64,
    /// Whether it begins with `*`, and so restricts nothing by itself.
    any: bool,
}

/// What a field may hold.
pub(super) struct Grammar {
    field: &'static str,
    lowest: u8,
    highest: u8,
    /// The names of the values, from the lowest on.
    names: &'static [&'static str],
}

pub(super) static MINUTE: Grammar = Grammar { field: "minute", lowest: 0, highest: 59, names: &[] };
pub(super) static HOUR: Grammar = Grammar { field: "hour", lowest: 0, highest: 23, names: &[] };
pub(super) static DAY: Grammar = Grammar { field: "day", lowest: 1, highest: 31, names: &[] };
pub(super) static MONTH: Grammar = Grammar {
    field: "month",
    lowest: 1,
    highest: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
pub(super) static WEEKDAY: Grammar = Grammar {
    field: "weekday",
    lowest: 0,
    highest: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Field {
    pub(super) fn has(self, value: u8) -> bool {
        self.values >> value & 1 == 1
    }

    pub(super) fn is_any(self) -> bool {
        self.any
    }

    /// The weekday, of which 0 and 7 are both Sunday, with Sunday at 0.
    pub(super) fn with_one_sunday(self) -> Self {
        Self { values: self.values | self.values >> 7 & 1, ..self }
    }
}

impl Grammar {
    pub(super) fn parse(&self, text: &str) -> Result<Field, InvalidCron> {
        let mut values = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step)?)),
                None => (part, None),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (self.lowest, self.highest),
                Some((from, to)) => (self.value(from)?, self.value(to)?),
                None => {
                    let only = self.value(range)?;
                    (only, if step.is_some() { self.highest } else { only })
                }
            };
            if from > to {
                return Err(InvalidCron::Range { field: self.field, text: range.to_owned() });
            }
            values |= (from..=to).step_by(step.unwrap_or(1)).fold(0, |values, value| values | 1 << value);
        }
        Ok(Field { values, any: text.starts_with('*') })
    }

    fn value(&self, text: &str) -> Result<u8, InvalidCron> {
        let named = self.names.iter().zip(self.lowest..).find(|(name, _)| text.eq_ignore_ascii_case(name));
        let value = match named {
            Some((_, value)) => Some(value),
            None => digits(text).and_then(|digits| digits.parse().ok()),
        };
        value.filter(|value| (self.lowest..=self.highest).contains(value)).ok_or_else(|| InvalidCron::Value {
            field: self.field,
            text: text.to_owned(),
            lowest: self.lowest,
            highest: self.highest,
        })
    }

    fn step(&self, text: &str) -> Result<usize, InvalidCron> {
        let step = digits(text).and_then(|digits| digits.parse().ok()).filter(|&step| step > 0);
        step.ok_or_else(|| InvalidCron::Step { field: self.field, text: text.to_owned() })
    }
}

/// The parsers of numbers take a sign as well.
fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)
}
