//! What users of a public type may count on: it can be shown, and handed to any thread.

use std::{error::Error, fmt::Debug};

use qstash_verify::{
    BuildError, Claims, Delivery, Diagnosis, EnvError, JsonError, KeySet, LogLevel, Outcome, Presented,
    Refresh, RefusalLog, Unread, Verified, Verifier, VerifierBuilder, VerifyError,
};

macro_rules! all {
    ($check:ident: $($type:ty),+ $(,)?) => { $($check::<$type>();)+ };
}

fn shown<T: Debug + Send + Sync + 'static>() {}

fn value<T: Clone + Debug + Send + Sync + 'static>() {}

fn error<T: Error + Send + Sync + 'static>() {}

#[test]
fn every_type_can_be_shown_and_sent() {
    all!(shown: RefusalLog, Unread, VerifierBuilder);
    all!(
        value: Claims, Delivery, Diagnosis, KeySet, LogLevel, Outcome, Presented<'static>, Refresh, Verified,
        Verifier,
    );
    all!(error: BuildError, EnvError, JsonError, VerifyError);
    #[cfg(feature = "sign")]
    all!(value: qstash_verify::Defect, qstash_verify::Signer, qstash_verify::TokenBuilder<'static>);
}
