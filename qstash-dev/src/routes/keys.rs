//! `/v2/keys`

use http::StatusCode;

use crate::{
    api::Api,
    reply::{Reply, json},
};

/// `GET /v2/keys`: the keys that deliveries are signed with.
pub(crate) fn get(api: &Api) -> Reply {
    json(StatusCode::OK, &api.signing_keys)
}
