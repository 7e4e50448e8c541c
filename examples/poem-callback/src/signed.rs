//! An argument of a handler that QStash is proven to have sent.

use poem::{
    Error, FromRequest, Request, RequestBody, Result,
    http::{HeaderValue, StatusCode},
};
use qstash_verify::{Presented, Verified, Verifier, VerifyError};
use serde::de::DeserializeOwned;

/// JSON that QStash has signed. The [`Verifier`] is the `data` of the route.
pub(crate) struct Signed<T>(pub(crate) T);

impl<'a, T: DeserializeOwned + 'static> FromRequest<'a> for Signed<T> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let verified = verify(request, body).await?;
        // 422: QStash tries again, and a later version may understand it.
        verified.json().map(Self).map_err(|error| Error::new(error, StatusCode::UNPROCESSABLE_ENTITY))
    }
}

async fn verify(request: &Request, body: &mut RequestBody) -> Result<Verified> {
    let verifier: &Verifier =
        request.data().ok_or_else(|| Error::from_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let target = request.original_uri().path_and_query().map_or("", |target| target.as_str());
    let signatures = request.headers().get_all("upstash-signature").iter().map(HeaderValue::as_bytes);
    let region = request.headers().get("upstash-region").map(HeaderValue::as_bytes);
    let presented = Presented::new(signatures, target).region(region);

    // The headers first: a stranger is refused before the body is read.
    let mut unread = verifier.authenticate(&presented, verifier.now()).map_err(refused)?;
    let body = body.take()?.into_bytes_limit(verifier.body_limit()).await?;
    unread.push(body, verifier.now()).map_err(refused)?;
    unread.finish(verifier.now()).map_err(refused)
}

/// Strangers are told no more than the status and a few words; the reason belongs into the log.
#[expect(clippy::needless_pass_by_value, reason = "it is an argument of `map_err`")]
#[expect(clippy::print_stderr, reason = "an example has no other log")]
fn refused(error: VerifyError) -> Error {
    eprintln!("refused: {error}");
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::FORBIDDEN);
    Error::from_string(error.public_text(), status)
}
