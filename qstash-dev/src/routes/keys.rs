//! `/v2/keys`

use http::StatusCode;

use crate::{
    call::{Api, Call},
    reply::{Refusal, Reply, json},
    secret,
};

/// The keys that deliveries are signed with, and their rotation.
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => Ok(json(StatusCode::OK, &api.keys.current())),
        ("POST", ["rotate"]) => {
            let fresh = secret::signing_key()
                .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error))?;
            Ok(json(StatusCode::OK, &api.keys.rotate(fresh).await?))
        }
        (_, []) => Err(Refusal::method("GET")),
        (_, ["rotate"]) => Err(Refusal::method("POST")),
        _ => Err(call.not_found()),
    }
}
