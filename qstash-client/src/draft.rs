//! Values that are built by setters that never fail.

use std::fmt::Display;

use crate::error::InvalidInput;

/// A value under construction, or the first mistake that was made on the way.
#[derive(Clone, Debug)]
pub(crate) struct Draft<T>(Result<T, InvalidInput>);

impl<T> Draft<T> {
    pub(crate) fn new(start: Result<T, InvalidInput>) -> Self {
        Self(start)
    }

    /// Applies a change that cannot be a mistake.
    pub(crate) fn set(mut self, change: impl FnOnce(&mut T)) -> Self {
        if let Ok(value) = &mut self.0 {
            change(value);
        }
        self
    }

    /// Applies a change that can.
    pub(crate) fn try_set(self, change: impl FnOnce(&mut T) -> Result<(), InvalidInput>) -> Self {
        Self(self.0.and_then(|mut value| change(&mut value).map(|()| value)))
    }

    pub(crate) fn get(&self) -> Result<&T, &InvalidInput> {
        self.0.as_ref()
    }

    pub(crate) fn finish(self) -> Result<T, InvalidInput> {
        self.0
    }
}

/// Converts what a setter was given; a mistake is one of the named field.
pub(crate) fn valid<T>(
    field: &'static str,
    value: impl TryInto<T, Error: Display>,
) -> Result<T, InvalidInput> {
    value.try_into().map_err(|fault| InvalidInput::new(field, fault))
}
