//! What every database promises of a claim in a transaction, told once for all of them.

use std::sync::{Arc, Mutex};

use axum::{Router, response::Response, routing::post};
use qstash_axum::{HandlerError, Outcome, VerifySignature};
use qstash_idempotency::{Claim, Idempotent, TransactionalStore, Turn};
use tower::ServiceExt;

use crate::{
    axum_app::request,
    deliveries::{Attempt, verifier},
};

/// A database with a table of effects beside the claims.
pub(crate) trait Database: Clone + Send + Sync + 'static {
    type Store: TransactionalStore + Clone;

    fn store(&self) -> Self::Store;

    /// In one transaction: claims, and if it is the first, adds an effect. Commits, or rolls back and fails.
    fn work(
        &self,
        claim: &Claim<Self::Store>,
        end: End,
    ) -> impl Future<Output = Result<Turn, HandlerError>> + Send;

    /// How many effects are committed.
    fn effects(&self) -> impl Future<Output = i64> + Send;
}

/// What becomes of a transaction that is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Commits,
    RollsBack,
}

type Form<S> = fn(Idempotent<S>) -> Idempotent<S>;

async fn send<D: Database>(database: &D, form: Form<D::Store>, attempt: &Attempt, end: End) -> Response {
    let worker = database.clone();
    let handler = move |claim: Claim<D::Store>| {
        let worker = worker.clone();
        async move { worker.work(&claim, end).await.map(|_| Outcome::done()) }
    };
    let router: Router = Router::new()
        .route("/hook", post(handler))
        .layer(form(Idempotent::new(database.store())))
        .layer(VerifySignature::new(verifier()));
    router.oneshot(request(attempt)).await.unwrap()
}

/// Deliveries of one message, one after the other and at once, that commit and that roll back: one effect.
pub(crate) async fn check<D: Database>(database: D) {
    let forms: [Form<D::Store>; 2] = [Idempotent::transactional, |idempotent| idempotent];
    for (number, form) in (1..).zip(forms) {
        let first = Attempt::new(&format!("msg_{number}"), "{}");
        for _ in 0..2 {
            let failed = send(&database, form, &first.next(), End::RollsBack).await;
            assert_eq!(failed.status().as_u16(), 500);
        }
        assert_eq!(database.effects().await, number - 1, "what was rolled back is nothing");

        let mut sending = tokio::task::JoinSet::new();
        for place in 0..12 {
            let (database, attempt) = (database.clone(), first.next());
            let end = if place % 3 == 0 { End::RollsBack } else { End::Commits };
            sending.spawn(async move { send(&database, form, &attempt, end).await.status().as_u16() });
        }
        let statuses = sending.join_all().await;
        assert_eq!(database.effects().await, number, "{statuses:?}");
        assert_eq!(send(&database, form, &first.next(), End::Commits).await.status().as_u16(), 200);
        assert_eq!(database.effects().await, number);
    }
}

/// Many messages, each sent twice at once: as many effects as messages.
pub(crate) async fn check_many<D: Database>(database: D, messages: i64) {
    let failures = Arc::new(Mutex::new(Vec::new()));
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..messages {
        let (database, failures) = (database.clone(), Arc::clone(&failures));
        sending.spawn(async move {
            let attempt = Attempt::new(&format!("msg_{number}"), "{}");
            let send = |attempt: Attempt| {
                let database = database.clone();
                async move { send(&database, Idempotent::transactional, &attempt, End::Commits).await }
            };
            let both = tokio::join!(send(attempt.clone()), send(attempt.next()));
            let statuses = (both.0.status().as_u16(), both.1.status().as_u16());
            if statuses != (200, 200) {
                failures.lock().unwrap().push((number, statuses));
            }
        });
        if sending.len() >= 8 {
            sending.join_next().await;
        }
    }
    sending.join_all().await;
    assert_eq!(*failures.lock().unwrap(), []);
    assert_eq!(database.effects().await, messages);
}
