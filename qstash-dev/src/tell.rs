//! What happens is told to `tracing`, if the feature of this name is on.

/// `tell!(WARN, "…")`: an event of this level, with a text as `format!` takes it, which is formatted only if the level is enabled.
macro_rules! tell {
    ($level:ident, $($text:tt)+) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(tracing::Level::$level, $($text)+);
        #[cfg(not(feature = "tracing"))]
        let _ = || format!($($text)+);
    }};
}

pub(crate) use tell;
