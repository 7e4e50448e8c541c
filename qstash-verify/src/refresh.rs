//! Keys that are fetched when they are missed.

use std::{future::Future, time::SystemTime};

use crate::{BuildError, KeySet, Verifier, cooldown};

/// The result of [`Verifier::refresh_keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The keys were fetched and are in place.
    Done,
    /// They were fetched not long ago, or are being fetched, and the future was dropped unpolled.
    NotDue,
}

impl Verifier {
    /// Fetches keys and [replaces](Self::replace_keys) the set by them, at most once in an
    /// [interval](crate::VerifierBuilder::refresh_interval).
    ///
    /// A receiver survives one rotation, since it knows the next key. After a second one it knows neither key: then a token
    /// is signed by an [unknown key](crate::VerifyError::UnknownKey), and this is the moment to ask `GET /v2/keys`. The
    /// future can be anything that yields keys; it needs no runtime of ours, and it is polled only if it is due.
    ///
    /// ```
    /// use qstash_verify::{Presented, SigningKeys, Unread, Verifier, VerifyError};
    ///
    /// async fn authenticate(verifier: &Verifier, request: &Presented<'_>) -> Result<Unread, VerifyError> {
    ///     let now = verifier.now();
    ///     match verifier.authenticate(request, now) {
    ///         Err(VerifyError::UnknownKey) => {
    ///             let _ = verifier.refresh_keys(now, fetch_keys()).await; // worth a line in the log
    ///             verifier.authenticate(request, now)
    ///         }
    ///         decided => decided,
    ///     }
    /// }
    ///
    /// # async fn get() -> Result<SigningKeys, Box<dyn std::error::Error + Send + Sync>> { Err("offline".into()) }
    /// async fn fetch_keys() -> Result<SigningKeys, Box<dyn std::error::Error + Send + Sync>> {
    ///     get().await // with a timeout: whoever asks first waits for it
    /// }
    /// ```
    ///
    /// Anybody can present an unknown key. Hence there is one fetch per interval, whether it succeeds or not, and nobody
    /// but the first waits for it: the others are refused as before, and QStash tries again.
    ///
    /// The whole set is replaced. Where there are keys for regions or retired ones, let the future yield a [`KeySet`] that
    /// has them too.
    ///
    /// # Middlewares
    ///
    /// `VerifySignature` of `qstash-axum` and `qstash-actix` shares its keys with every clone of the verifier, so
    /// a function around it can see to them. Call it from `middleware::from_fn`, which both frameworks have, outside of
    /// `VerifySignature`, and then go on with the request. Servers drop a request whose sender hangs up, and a stranger
    /// must not end the fetch for everybody in this way: give it a task of its own.
    ///
    /// ```
    /// # use qstash_verify::{Presented, SigningKeys, Verifier, VerifyError};
    /// # async fn fetch_keys() -> Result<SigningKeys, Box<dyn std::error::Error + Send + Sync>> { Err("offline".into()) }
    /// # mod tokio {
    /// #     pub async fn spawn<F: Future + Send + 'static>(task: F) -> Result<F::Output, std::convert::Infallible>
    /// #     where F::Output: Send + 'static { Ok(task.await) }
    /// # }
    /// async fn see_to_keys(verifier: &Verifier, headers: &http::HeaderMap) {
    ///     let signatures = headers.get_all("upstash-signature").iter().map(|value| value.as_bytes());
    ///     let region = headers.get("upstash-region").map(|value| value.as_bytes());
    ///     let request = Presented::new(signatures, "").region(region); // the key comes before the path
    ///     if verifier.authenticate(&request, verifier.now()).err() == Some(VerifyError::UnknownKey) {
    ///         let verifier = verifier.clone();
    ///         let fetch = async move { verifier.refresh_keys(verifier.now(), fetch_keys()).await };
    ///         let _ = tokio::spawn(fetch).await;
    ///     }
    /// }
    /// # fn assert_send(_: impl Send) {}
    /// # fn is_send(verifier: &Verifier, headers: &http::HeaderMap) { assert_send(see_to_keys(verifier, headers)) }
    /// ```
    ///
    /// A timer that calls [`replace_keys`](Self::replace_keys) will do as well, if it is more frequent than rotations.
    ///
    /// # Errors
    ///
    /// That of the future, and that of [`replace_keys`](Self::replace_keys). The verifier then keeps its keys.
    pub async fn refresh_keys<Keys, Error>(
        &self,
        now: SystemTime,
        keys: impl Future<Output = Result<Keys, Error>>,
    ) -> Result<Refresh, Error>
    where
        Keys: Into<KeySet>,
        Error: From<BuildError>,
    {
        let is_due = cooldown::lock(&self.0.refreshes).is_due(now, self.0.refresh_interval);
        if !is_due {
            return Ok(Refresh::NotDue);
        }
        self.replace_keys(keys.await?)?;
        Ok(Refresh::Done)
    }
}
