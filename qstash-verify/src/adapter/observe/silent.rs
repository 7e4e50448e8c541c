//! The calls of those that watch, where nobody does: they are compiled to nothing.

#![expect(clippy::unused_self, reason = "the same calls as with the features")]

#[cfg(not(feature = "metrics"))]
pub(in crate::adapter) use numbers::{DeliveryNumbers, describe, refused};
#[cfg(not(feature = "otel"))]
pub(in crate::adapter) use span::DeliverySpan;

#[cfg(not(feature = "otel"))]
mod span {
    use crate::{
        Verified, Verifier,
        adapter::{RequestHead, observe::Ending},
    };

    #[derive(Debug)]
    pub(in crate::adapter) struct DeliverySpan;

    impl DeliverySpan {
        pub(in crate::adapter) fn new(_: &Verifier, _: &impl RequestHead, _: &Verified) -> Self {
            Self
        }

        pub(in crate::adapter) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
            work()
        }

        pub(in crate::adapter) fn end(&self, _: Ending) {}
    }
}

#[cfg(not(feature = "metrics"))]
mod numbers {
    use crate::{
        Verifier,
        adapter::{Refusal, RequestHead, observe::Ending},
    };

    #[derive(Debug)]
    pub(in crate::adapter) struct DeliveryNumbers;

    impl DeliveryNumbers {
        pub(in crate::adapter) fn new(_: &Verifier, _: &impl RequestHead) -> Self {
            Self
        }

        pub(in crate::adapter) fn end(&self, _: Ending) {}
    }

    pub(in crate::adapter) fn describe() {}

    pub(in crate::adapter) fn refused(_: &Refusal) {}
}
