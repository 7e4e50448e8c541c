//! Receivers under attack. `cargo test -p e2e --test hostile -- --nocapture axum` tells what the attacks cost, and the
//! same with `actix`: one at a time, since memory that the first has freed costs the second nothing.

use std::time::Duration;

use actix_web::{
    App, HttpServer,
    web::{self, Data},
};
use axum::{Router, extract::State, routing::post};
use e2e::hostile::Target;
use tokio::sync::{Barrier, Mutex};

type Held = std::sync::Arc<Barrier>;

async fn axum() -> Target {
    async fn hold(State(held): State<Held>, _: qstash_axum::Delivery) {
        held.wait().await;
    }
    Target::start(async |listener, verifier, held| {
        let layer = qstash_axum::VerifySignature::new(verifier);
        let app = Router::new().route("/delivery", post(hold)).with_state(held).layer(layer);
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener of the runtime");
        tokio::spawn(axum::serve(listener, app).into_future());
    })
    .await
}

async fn actix() -> Target {
    async fn hold(held: Data<Barrier>, _: qstash_actix::Delivery) -> &'static str {
        held.wait().await;
        ""
    }
    Target::start(async |listener, verifier, held| {
        let middleware = qstash_actix::VerifySignature::new(verifier);
        let app = move || {
            let app = App::new().app_data(Data::from(held.clone())).route("/delivery", web::post().to(hold));
            app.wrap(middleware.clone())
        };
        // However slow the machine is, no request comes too late.
        let server = HttpServer::new(app).client_request_timeout(Duration::ZERO).workers(1).disable_signals();
        tokio::spawn(server.listen(listener).expect("a free listener").run());
    })
    .await
}

/// Memory is that of the whole process, so one test waits for the other.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn no_attack_on_axum_costs_more_than_is_allowed() {
    let _alone = ALONE.lock().await;
    println!("axum: {:?}", axum().await.withstands_everything().await);
}

#[tokio::test]
async fn no_attack_on_actix_costs_more_than_is_allowed() {
    let _alone = ALONE.lock().await;
    println!("actix: {:?}", actix().await.withstands_everything().await);
}
