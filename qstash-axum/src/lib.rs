//! [QStash](https://upstash.com/docs/qstash) deliveries and callbacks in [axum]: one layer, and handlers can trust what
//! they are given.
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use qstash_axum::{Callback, HandlerError, KeySet, Outcome, Signed, Verifier, VerifySignature};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let verifier = Verifier::builder(KeySet::from_env()?)
//!         .origin("https://api.example.com") // where QStash finds this service
//!         .build()?;
//!     let app = Router::new()
//!         .route("/render/done", post(done))
//!         .layer(VerifySignature::new(verifier));
//!
//!     let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//!
//! async fn done(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
//!     if callback.is_success() {
//!         println!("rendered: {}", callback.text()?);
//!     }
//!     Ok(Outcome::done())
//! }
//! ```
//!
//! | name | what it is |
//! |---|---|
//! | [`VerifySignature`] | the layer: refuses what QStash did not sign |
//! | [`Signed`] | an argument: JSON that is proven to come from QStash |
//! | [`Delivery`] | an argument: claims, raw body, and the metadata of the delivery |
//! | [`Outcome`] | a return value: done, try again later, never try again |
//! | [`HandlerError`] | the other return value: any error, by `?` |
//! | [`Rejection`] | why a request did not reach its handler |
//!
//! # What is signed
//!
//! QStash signs the URL that it calls, the bytes of the body, and the time. The URL is compared with the origin of the
//! [`Verifier`] and with path and query of the request; below `nest` that is the whole path, as it was called. `Host`
//! and `X-Forwarded-*` are never believed. A proxy that strips a part of the path is told by
//! [`VerifierBuilder::public_prefix`].
//!
//! The method and all headers are **not** signed, those of a [`Delivery`] included.
//!
//! # The order of layers
//!
//! Outside of [`VerifySignature`], which in axum means added after it, nothing may change the body or the URL:
//! decompression (`RequestDecompressionLayer`) and path normalisation (`NormalizePathLayer`) belong inside. Outside, they
//! cost every delivery that they change a 403. `RequestBodyLimitLayer` and limits on concurrency may stand on either
//! side; directly inside, a `ConcurrencyLimit` also bounds how many bodies are read at the same time.
//!
//! A refusal is logged with its likely cause, such as a layer that stands on the wrong side: see [`VerifySignature`].
//!
//! `Router::layer` also covers the fallback, so that a stranger gets 403 for every path; `Router::route_layer` covers
//! the routes alone.
//!
//! # What handlers see
//!
//! `Bytes`, `String`, `Json<T>`, `Form<T>` and `Request` work below the layer as ever and see exactly the bytes that
//! were signed. Trailers are dropped. The body has then been counted against [`Verifier::body_limit`] (32 MiB unless
//! set), so the layer lifts axum's own limit of 2 MB; a `DefaultBodyLimit` inside the layer still holds.
//!
//! # Traces and numbers
//!
//! With the feature `otel`, a span stands around the handling of each verified delivery, with the names of OpenTelemetry's
//! conventions. It continues the trace of the publisher if the message was published with the feature `otel` of
//! `qstash-client`; of a schedule and a URL group it links to it. It stands in the span of layers around this one. With the
//! feature `metrics`, deliveries and refusals are counted. Exporters are the application's. The guide `docs/observability.md` of the
//! repository sets them up, and lists all names.
//!
//! # Testing handlers
//!
//! With the feature `testing`, as in `[dev-dependencies]`, the module `testing` makes deliveries as QStash does, with any
//! key and at any time, and ones that are wrong in every way that matters.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod extract;
mod future;
mod head;
mod layer;
mod outcome;
mod rejection;
mod response;
mod service;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;

pub use extract::{Delivery, Signed};
pub use future::ResponseFuture;
pub use layer::VerifySignature;
pub use outcome::{HandlerError, Outcome};
pub use qstash_verify::adapter::vocabulary::*;
pub use rejection::Rejection;
pub use service::VerifySignatureService;
