//! Deliveries as QStash makes them, for tests of handlers. Needs the feature `testing`.

use actix_web::test::TestRequest;
pub use qstash_verify::{Defect, InvalidUrl, Signer, TokenBuilder};

/// The delivery that a token describes, for a service of `actix_web::test`: `POST`, URL, body and signature.
///
/// ```
/// use std::time::SystemTime;
/// use actix_web::{App, test, web};
/// use qstash_actix::{
///     KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature,
///     testing::{Defect, Signer, TokenBuilder, delivery},
/// };
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::new("sig_test")?;
/// let keys = KeySet::new([("test", key.clone())]);
/// let verifier = Verifier::builder(keys).origin("https://api.example.com").build()?;
/// let app = App::new()
///     .route("/double", web::post().to(async |Signed(_): Signed<u32>| Outcome::done()))
///     .wrap(VerifySignature::new(verifier));
/// let app = test::init_service(app).await;
///
/// let signer = Signer::new(key);
/// let token = TokenBuilder::new("https://api.example.com/double", b"21", SystemTime::now());
/// assert_eq!(test::call_service(&app, delivery(&signer, &token)?.to_request()).await.status(), 200);
/// for defect in Defect::ALL {
///     let request = delivery(&signer, &token.clone().broken(defect))?.to_request();
///     assert_eq!(test::call_service(&app, request).await.status(), 403, "{defect:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// A handler of callbacks is tested with a report of its own:
///
/// ```
/// # use std::time::SystemTime;
/// # use actix_web::{App, test, web};
/// # use qstash_actix::{
/// #     Callback, CallbackParts, HandlerError, KeySet, Outcome, Signed, SigningKey, Verifier, VerifySignature,
/// #     testing::{Signer, TokenBuilder, delivery},
/// # };
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = SigningKey::new("sig_test")?;
/// # let verifier = Verifier::builder(KeySet::new([("test", key.clone())])).origin("https://api.example.com").build()?;
/// async fn done(Signed(callback): Signed<Callback>) -> Result<Outcome, HandlerError> {
///     let _pages: u32 = callback.json()?;
///     Ok(Outcome::done())
/// }
///
/// # let app = App::new().route("/done", web::post().to(done)).wrap(VerifySignature::new(verifier));
/// # let app = test::init_service(app).await;
/// # let signer = Signer::new(key);
/// let report = CallbackParts { status: 200, body: "many".into(), ..Default::default() }.to_json();
/// let token = TokenBuilder::new("https://api.example.com/done", &report, SystemTime::now());
/// assert_eq!(test::call_service(&app, delivery(&signer, &token)?.to_request()).await.status(), 422);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// No request can be made from the URL of the token.
pub fn delivery(signer: &Signer, token: &TokenBuilder<'_>) -> Result<TestRequest, InvalidUrl> {
    // The signer speaks `http` 1 and actix `http` 0.2, so the request is made anew.
    let request = signer.request(token)?;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let delivery = TestRequest::post().uri(target).set_payload(request.body().clone());
    Ok(request
        .headers()
        .iter()
        .fold(delivery, |delivery, (name, value)| delivery.append_header((name.as_str(), value.as_bytes()))))
}
