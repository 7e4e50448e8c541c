//! What users of a public type may count on: it can be shown, and handed to any thread.

use std::fmt::Debug;

use qstash_actix::{Delivery, Outcome, Rejection, Signed, VerifySignature};

fn value<T: Clone + Debug + Send + Sync + 'static>() {}

#[test]
fn every_type_can_be_shown_and_sent() {
    value::<Delivery>();
    value::<Outcome>();
    value::<Signed<String>>();
    value::<VerifySignature>();
    value::<Rejection>();
}
