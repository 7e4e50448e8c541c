//! Errors as text, for people. A part of the other crates, and not of this one's interface.

use std::{error::Error, fmt};

/// Writes an error and its causes in one line. Programs end with this text when `main` returns the error.
///
/// # Errors
///
/// That of the writer.
#[doc(hidden)]
pub fn write_chain(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt::Display::fmt(error, f)?;
    let mut source = error.source();
    while let Some(cause) = source {
        write!(f, ": {cause}")?;
        source = cause.source();
    }
    Ok(())
}

/// Makes the `Debug` of errors the text that [`write_chain`] writes.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_text {
    ($($error:ty),+ $(,)?) => {
        $(impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::write_chain(self, f)
            }
        })+
    };
}
