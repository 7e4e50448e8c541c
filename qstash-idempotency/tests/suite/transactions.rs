//! The transactional form, on a store whose transactions are copies of a map.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use axum::{Router, http::StatusCode, response::Response, routing::post};
use qstash_axum::{HandlerError, Outcome, VerifySignature};
use qstash_idempotency::{
    Claim, ClaimError, ClaimKey, ClaimRecord, Idempotent, Reply, Store, StoreError, TransactionalStore,
    Transition, Turn,
};
use testkit::log;
use tower::ServiceExt;

use crate::{
    axum_app::{App, request},
    deliveries::{Attempt, verifier},
    stores::store,
};

type Records = HashMap<ClaimKey, ClaimRecord>;

#[derive(Clone, Default)]
struct Copies(Arc<Mutex<Records>>);

impl Copies {
    fn begin(&self) -> Records {
        self.0.lock().unwrap().clone()
    }

    fn commit(&self, transaction: Records) {
        *self.0.lock().unwrap() = transaction;
    }
}

fn apply(records: &mut Records, key: &ClaimKey, transition: &Transition) -> Reply {
    let (record, reply) = transition.apply(records.get(key), SystemTime::now());
    record.and_then(|record| records.insert(*key, record));
    reply
}

impl Store for Copies {
    async fn apply(&self, key: &ClaimKey, transition: &Transition) -> Result<Reply, StoreError> {
        Ok(apply(&mut self.0.lock().unwrap(), key, transition))
    }

    async fn sweep(&self, _limit: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}

impl TransactionalStore for Copies {
    type Connection = Records;

    async fn apply_in(
        &self,
        connection: &mut Records,
        key: &ClaimKey,
        transition: &Transition,
    ) -> Result<Reply, StoreError> {
        Ok(apply(connection, key, transition))
    }
}

/// What the handler does with its transaction.
#[derive(Clone, Copy)]
enum End {
    Commits,
    RollsBack,
}

/// A service whose effect is one more in a count.
struct Service {
    store: Copies,
    effects: Arc<Mutex<u32>>,
    form: fn(Idempotent<Copies>) -> Idempotent<Copies>,
}

impl Service {
    fn new(form: fn(Idempotent<Copies>) -> Idempotent<Copies>) -> Self {
        Self { store: Copies::default(), effects: Arc::default(), form }
    }

    fn effects(&self) -> u32 {
        *self.effects.lock().unwrap()
    }

    async fn send(&self, attempt: &Attempt, end: End) -> Response {
        let (store, effects) = (self.store.clone(), Arc::clone(&self.effects));
        let handler = move |claim: Claim<Copies>| {
            let (store, effects) = (store.clone(), Arc::clone(&effects));
            async move { handle(&claim, &store, &effects, end).await }
        };
        let router: Router = Router::new()
            .route("/hook", post(handler))
            .layer((self.form)(Idempotent::new(self.store.clone())))
            .layer(VerifySignature::new(verifier()));
        router.oneshot(request(attempt)).await.unwrap()
    }
}

#[tokio::test]
async fn an_effect_in_a_transaction_happens_once_and_only_with_its_commit() {
    for form in [Idempotent::transactional, |idempotent| idempotent] {
        let service = Service::new(form);
        let first = Attempt::new("msg_1", "{}");
        let failed = service.send(&first, End::RollsBack).await;
        assert_eq!((failed.status(), service.effects()), (StatusCode::INTERNAL_SERVER_ERROR, 0));
        for _ in 0..3 {
            assert_eq!(service.send(&first.next(), End::Commits).await.status(), StatusCode::OK);
        }
        assert_eq!(service.effects(), 1);
        // No token can be used again, whatever became of the transaction that it came for.
        let duplicate = first.next();
        assert_eq!(service.send(&duplicate, End::Commits).await.status(), StatusCode::OK);
        for token in [&first, &duplicate] {
            let replay = token.with_ids(&["msg_2"]);
            assert_eq!(service.send(&replay, End::Commits).await.status(), StatusCode::FORBIDDEN);
        }
        assert_eq!(service.effects(), 1);
    }
}

async fn handle(
    claim: &Claim<Copies>,
    store: &Copies,
    effects: &Mutex<u32>,
    end: End,
) -> Result<Outcome, HandlerError> {
    let mut transaction = store.begin();
    if claim.in_transaction(&mut transaction).await? == Turn::Again {
        return Ok(Outcome::done());
    }
    match end {
        End::Commits => {
            store.commit(transaction);
            *effects.lock().unwrap() += 1;
            Ok(Outcome::done())
        }
        End::RollsBack => Err("the work failed".into()),
    }
}

/// What a claim gets in a transaction of its own, for a delivery of one of the two forms.
async fn turn(store: &Copies, attempt: &Attempt, before: fn(&Copies, ClaimKey)) -> Result<Turn, ClaimError> {
    let turn = Arc::new(Mutex::new(None));
    let (told, own) = (Arc::clone(&turn), store.clone());
    let handler = move |claim: Claim<Copies>| {
        let (told, own) = (Arc::clone(&told), own.clone());
        async move {
            before(&own, claim.key());
            let reply = claim.in_transaction(&mut own.begin()).await;
            *told.lock().unwrap() = Some(reply);
        }
    };
    let leased = attempt.path == "/leased";
    let idempotent = Idempotent::new(store.clone());
    let router: Router = Router::new()
        .route(attempt.path, post(handler))
        .layer(if leased { idempotent } else { idempotent.transactional() })
        .layer(VerifySignature::new(verifier()));
    router.oneshot(request(attempt)).await.unwrap();
    let turn = turn.lock().unwrap().take();
    turn.expect("the handler ran")
}

#[tokio::test]
async fn a_transaction_is_told_who_else_has_the_claim() {
    fn claim(store: &Copies, key: ClaimKey) {
        let hour = std::time::Duration::from_hours(1);
        let claim = Transition::Claim { lease: hour, keep: hour };
        apply(&mut store.0.lock().unwrap(), &key, &claim);
    }
    fn steal(store: &Copies, key: ClaimKey) {
        store.0.lock().unwrap().remove(&key);
        claim(store, key);
        // Never the same fence again, however little time has passed.
        store.0.lock().unwrap().get_mut(&key).unwrap().fence += 1;
    }
    let path = |path: &'static str| Attempt {
        path,
        token: crate::deliveries::token(path, "{}"),
        ..Attempt::new("msg_1", "{}")
    };

    let store = Copies::default();
    assert!(matches!(turn(&store, &path("/hook"), claim).await, Err(ClaimError::Busy)));
    assert!(matches!(turn(&store, &path("/leased"), steal).await, Err(ClaimError::Lost)));
    assert!(matches!(turn(&Copies::default(), &path("/leased"), |_, _| ()).await, Ok(Turn::First)));
}

#[tokio::test]
async fn a_success_without_a_transaction_is_an_error_in_the_log() {
    log::start();
    let app = App::new(Idempotent::new(store()).transactional(), async |_| "handled");
    let first = Attempt::new("msg_1", "{}");
    assert_eq!(app.send(&first).await.status, StatusCode::OK);
    let lines = log::take().concat();
    assert!(lines.contains("ERROR") && lines.contains("without `Claim::in_transaction`"), "{lines}");
    // What the log says is so: nothing keeps it from running twice.
    assert_eq!(app.send(&first.next()).await.status, StatusCode::OK);
    assert_eq!(app.calls(), 2);
}
