//! What users of a public type may count on: it can be shown, and handed to any thread.

use std::fmt::Debug;

use axum::{body::Body, routing::Route};
use qstash_axum::{
    Delivery, Outcome, Rejection, ResponseFuture, Signed, VerifySignature, VerifySignatureService,
};

fn value<T: Clone + Debug + Send + Sync + 'static>() {}

#[test]
fn every_type_can_be_shown_and_sent() {
    fn future<T: Debug + Send + 'static>() {}

    value::<Delivery>();
    value::<Outcome>();
    value::<Signed<String>>();
    value::<VerifySignature>();
    value::<VerifySignatureService<Route>>();
    value::<Rejection>();
    future::<ResponseFuture<Route, Body>>();
}
