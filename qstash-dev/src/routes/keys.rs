//! `/v2/keys`

use http::StatusCode;

use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
    secret,
};

/// The keys that deliveries are signed with, and their rotation.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => Ok(json(StatusCode::OK, &tenant.keys.current())),
        ("POST", ["rotate"]) => {
            let fresh = secret::signing_key()
                .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error))?;
            Ok(json(StatusCode::OK, &tenant.keys.rotate(fresh).await?))
        }
        (_, []) => Err(Refusal::method("GET")),
        (_, ["rotate"]) => Err(Refusal::method("POST")),
        _ => Err(call.not_found()),
    }
}
