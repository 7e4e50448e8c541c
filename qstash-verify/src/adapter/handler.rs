//! The types that handlers return, in each framework.

/// Declares what [`Outcome`](crate::Outcome) and [`HandlerError`](crate::HandlerError) are as types of another crate, which
/// alone can make responses of its framework of them.
///
/// ```
/// qstash_verify::adapter::handler_types! {
///     /// What a handler tells QStash.
///     pub struct Outcome;
///     /// Why a handler failed.
///     pub struct HandlerError;
/// }
///
/// fn handler(text: &str) -> Result<Outcome, HandlerError> {
///     let _number: u32 = text.parse()?;
///     Ok(Outcome::done())
/// }
///
/// assert_eq!(handler("seven").unwrap_err().0.outcome().status(), 500);
/// assert_eq!(handler("7").unwrap().0.status(), 200);
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __handler_types {
    ($(#[$outcome_doc:meta])* pub struct $outcome:ident; $(#[$error_doc:meta])* pub struct $error:ident;) => {
        $(#[$outcome_doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[must_use = "QStash learns of an outcome that is the response"]
        pub struct $outcome($crate::Outcome);

        impl $outcome {
            /// The message is handled.
            pub fn done() -> Self {
                Self($crate::Outcome::done())
            }

            /// Try again after a while. Header: `Retry-After`, in whole seconds, rounded up, at most 24 hours.
            pub fn retry_after(wait: ::std::time::Duration) -> Self {
                Self($crate::Outcome::retry_after(wait))
            }

            /// Never try again. Header: `Upstash-NonRetryable-Error`. The reason is the body of the response, which
            /// failure callback and dead letter queue show.
            pub fn non_retryable(reason: impl Into<String>) -> Self {
                Self($crate::Outcome::non_retryable(reason))
            }
        }

        $(#[$error_doc])*
        #[derive(Debug)]
        pub struct $error($crate::HandlerError);

        impl $error {
            /// Gives up: status 489. The cause is logged and not sent; [`Outcome::non_retryable`] sends a reason.
            pub fn non_retryable(cause: impl Into<Box<dyn ::std::error::Error + Send + Sync>>) -> Self {
                Self($crate::HandlerError::non_retryable(cause))
            }

            /// Tries again after a while: see [`Outcome::retry_after`]. The cause is logged and not sent.
            pub fn retry_after(
                wait: ::std::time::Duration,
                cause: impl Into<Box<dyn ::std::error::Error + Send + Sync>>,
            ) -> Self {
                Self($crate::HandlerError::retry_after(wait, cause))
            }

            /// Why the handler failed; nothing if it only gave an outcome.
            pub fn cause(&self) -> Option<&(dyn ::std::error::Error + 'static)> {
                self.0.cause()
            }
        }

        impl<E: Into<Box<dyn ::std::error::Error + Send + Sync>>> From<E> for $error {
            fn from(error: E) -> Self {
                Self(error.into().into())
            }
        }

        impl From<$outcome> for $error {
            fn from(outcome: $outcome) -> Self {
                Self(outcome.0.into())
            }
        }

        impl ::std::fmt::Display for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

#[doc(inline)]
pub use __handler_types as handler_types;
