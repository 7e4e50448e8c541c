//! `/v2/messages`

use http::StatusCode;

use crate::{
    api::Api,
    query::percent_decoded,
    reply::{Refusal, Reply, json},
};

/// `GET /v2/messages/{id}`: a message that is on its way, or was delivered a moment ago.
pub(crate) async fn get(api: &Api, id: &str) -> Result<Reply, Refusal> {
    let id = String::from_utf8_lossy(&percent_decoded(id)).into_owned();
    let not_found = Refusal::not_found(format!("message {id} not found"));
    let message = api.worker.look(move |broker| broker.message(&id)).await?;
    Ok(json(StatusCode::OK, &message.ok_or(not_found)?))
}
