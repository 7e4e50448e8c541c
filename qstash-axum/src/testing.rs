//! Deliveries as QStash makes them, for tests of handlers. Needs the feature `testing`.

use axum::body::Body;
use http::Request;
pub use qstash_verify::{Defect, InvalidUrl, Signer, Token};

/// The delivery that a token describes, for a `Router` or any other service: `POST`, URL, body and signature.
///
/// ```
/// use std::time::SystemTime;
/// use axum::{Router, routing::post};
/// use qstash_axum::{
///     KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature,
///     testing::{Defect, Signer, Token, delivery},
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
/// let token = Token::new("https://api.example.com/double", b"21", SystemTime::now());
/// assert_eq!(app.clone().oneshot(delivery(&signer, &token)?).await?.status(), 200);
/// for defect in Defect::ALL {
///     let request = delivery(&signer, &token.clone().broken(defect))?;
///     assert_eq!(app.clone().oneshot(request).await?.status(), 403, "{defect:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The URL of the token is none that a request can be made from.
pub fn delivery(signer: &Signer, token: &Token<'_>) -> Result<Request<Body>, InvalidUrl> {
    Ok(signer.request(token)?.map(Body::from))
}
