//! [QStash](https://upstash.com/docs/qstash) deliveries and callbacks in [actix-web](actix_web): one middleware, and
//! handlers can trust what they are given.
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use qstash_actix::{Callback, HandlerError, KeySet, Outcome, Signed, Verifier, VerifySignature};
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let verifier = Verifier::builder(KeySet::from_env()?)
//!         .origin("https://api.example.com") // where QStash finds this service
//!         .build()?;
//!     let signature = VerifySignature::new(verifier);
//!     let app = move || {
//!         App::new()
//!             .route("/render/done", web::post().to(done))
//!             .wrap(signature.clone())
//!     };
//!
//!     HttpServer::new(app).bind("0.0.0.0:3000")?.run().await?;
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
//! | [`VerifySignature`] | the middleware: refuses what QStash did not sign |
//! | [`Signed`] | an argument: JSON that is proven to come from QStash |
//! | [`Delivery`] | an argument: claims, raw body, and the metadata of the delivery |
//! | [`Outcome`] | a return value: done, try again later, never try again |
//! | [`HandlerError`] | the other return value: any error, by `?` |
//! | [`Rejection`] | why a request did not reach its handler |
//!
//! # What is signed
//!
//! QStash signs the URL that it calls, the bytes of the body, and the time. The URL is compared with the origin of the
//! [`Verifier`] and with path and query of the request; in a scope that is the whole path, as it was called. `Host` and
//! `X-Forwarded-*` are never believed. A proxy that strips a part of the path is told by
//! [`VerifierBuilder::public_prefix`].
//!
//! The method and all headers are **not** signed, those of a [`Delivery`] included.
//!
//! # The order of middleware
//!
//! Outside of [`VerifySignature`], which in actix means wrapped after it, nothing may change the body or the URL:
//! `NormalizePath` belongs inside. Outside, it costs every delivery that it changes a 403. CORS and `Compress`, which
//! change responses, may stand on either side; a refusal passes through them like any response.
//!
//! A refusal is logged with its likely cause, such as middleware that stands on the wrong side: see [`VerifySignature`].
//!
//! `App::wrap` also covers what no route takes, so that a stranger gets 403 for every path. `wrap` on a scope or a
//! resource covers that one.
//!
//! # What handlers see
//!
//! [`Signed`] and [`Delivery`] have the bytes that were signed, counted against [`Verifier::body_limit`] (32 MiB unless
//! set). The extractors of actix see the same bytes and do with them what they always do: they undo a
//! `Content-Encoding`, and they have limits of their own, which are 256 KiB for `web::Bytes` and `String` unless
//! `web::PayloadConfig` says otherwise. Callbacks are often larger, so prefer the extractors of this crate.
//!
//! # Traces and numbers
//!
//! With the feature `otel`, a span stands around the handling of each verified delivery, with the names of OpenTelemetry's
//! conventions. It continues the trace of the publisher if the message was published with the feature `otel` of
//! `qstash-client`; of a schedule and a URL group it links to it. It stands in the span of middleware around this one. With the
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
mod head;
mod middleware;
mod outcome;
mod rejection;
mod response;
#[cfg(feature = "testing")]
pub mod testing;

pub use extract::{Delivery, Signed};
pub use middleware::{VerifySignature, VerifySignatureMiddleware};
pub use outcome::{HandlerError, Outcome};
pub use qstash_verify::adapter::vocabulary::*;
pub use rejection::Rejection;
