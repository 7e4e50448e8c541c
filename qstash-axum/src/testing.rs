//! Deliveries as QStash makes them, for tests of handlers. Needs the feature `testing`.

use axum::body::Body;
use http::Request;
pub use qstash_verify::{Defect, InvalidUrl, Signer, TokenBuilder};

/// The delivery that a token describes, for a `Router` or any other service: `POST`, URL, body and signature.
///
/// ```
/// use std::time::SystemTime;
/// use axum::{Router, routing::post};
/// use qstash_axum::{
///     KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature,
///     testing::{Defect, Signer, TokenBuilder, delivery},
/// };
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::new("sig_test")?;
/// let keys = KeySet::new([("test", key.clone())]);
/// let verifier = Verifier::builder(keys).origin("https://api.example.com").build()?;
/// let app = Router::new()
///     .route("/double", post(async |Signed(_): Signed<u32>| Outcome::done()))
///     .layer(VerifySignature::new(verifier));
///
/// let signer = Signer::new(key);
/// let token = TokenBuilder::new("https://api.example.com/double", b"21", SystemTime::now());
/// assert_eq!(app.clone().oneshot(delivery(&signer, &token)?).await?.status(), 200);
/// for defect in Defect::ALL {
///     let request = delivery(&signer, &token.clone().broken(defect))?;
///     assert_eq!(app.clone().oneshot(request).await?.status(), 403, "{defect:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// A handler of callbacks is tested with a report of its own:
///
/// ```
/// # use std::time::SystemTime;
/// # use axum::{Router, routing::post};
/// # use qstash_axum::{
/// #     Callback, CallbackParts, HandlerError, KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature,
/// #     testing::{Signer, TokenBuilder, delivery},
/// # };
/// # use tower::ServiceExt;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = SigningKey::new("sig_test")?;
/// # let verifier = Verifier::builder(KeySet::new([("test", key.clone())])).origin("https://api.example.com").build()?;
/// async fn done(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
///     let _pages: u32 = callback.json()?;
///     Ok(Outcome::done())
/// }
///
/// # let app = Router::new().route("/done", post(done)).layer(VerifySignature::new(verifier));
/// # let signer = Signer::new(key);
/// let report = CallbackParts { status: 200, body: "many".into(), ..Default::default() }.to_json();
/// let token = TokenBuilder::new("https://api.example.com/done", &report, SystemTime::now());
/// assert_eq!(app.oneshot(delivery(&signer, &token)?).await?.status(), 422);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// No request can be made from the URL of the token.
pub fn delivery(signer: &Signer, token: &TokenBuilder<'_>) -> Result<Request<Body>, InvalidUrl> {
    Ok(signer.request(token)?.map(Body::from))
}
