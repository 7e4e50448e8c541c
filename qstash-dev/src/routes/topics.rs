//! `/v2/topics`, which is what the wire calls URL groups.

use http::StatusCode;
use qstash_broker::{
    DeleteUrlGroup, EndpointKey, PutEndpoints, RemoveEndpoints, SetDefaults, StoredEndpoint,
};
use qstash_types::{EndpointName, Url, UrlGroupName};
use serde::Deserialize;

use super::{
    bounded::{List, Piece},
    delivery_options::{header_map, read_options},
    queues::carry_out,
};
use crate::{
    call::{ApiCall, Tenant},
    reply::{Refusal, Reply, json},
};

/// How many endpoints a call may name. A group has fewer.
const MOST_ENDPOINTS: usize = 1000;

#[derive(Deserialize)]
struct Endpoints {
    endpoints: List<Named, MOST_ENDPOINTS>,
}

/// An endpoint, or what names one.
#[derive(Deserialize)]
struct Named {
    name: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct GroupDefaults<'a> {
    #[serde(borrow)]
    headers: Piece<'a>,
}

/// URL groups.
pub(crate) async fn answer(tenant: &Tenant, call: &ApiCall) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let groups: Vec<_> = tenant.worker.look(|broker| broker.url_groups().collect()).await?;
            Ok(json(StatusCode::OK, &groups))
        }
        ("GET", [name]) => {
            let not_found = Refusal::not_found(format!("topic {name} not found"));
            let name = (*name).to_owned();
            let group = tenant.worker.look(move |broker| broker.url_group(&name)).await?;
            Ok(json(StatusCode::OK, &group.ok_or(not_found)?))
        }
        ("PATCH", [name]) => {
            let GroupDefaults { headers } = body(call)?;
            let defaults = read_options(&header_map(headers)?)?;
            carry_out(tenant, SetDefaults(self::name(name)?, Box::new(defaults))).await
        }
        ("DELETE", [name]) => carry_out(tenant, DeleteUrlGroup(self::name(name)?)).await,
        ("POST", [name, "endpoints"]) => {
            let Endpoints { endpoints: List(endpoints) } = body(call)?;
            let endpoints = endpoints.into_iter().map(Named::endpoint).collect::<Result<Vec<_>, _>>()?;
            if endpoints.is_empty() {
                return Err(Refusal::bad_request("endpoints: expected at least one"));
            }
            carry_out(tenant, PutEndpoints(self::name(name)?, endpoints)).await
        }
        ("DELETE", [name, "endpoints"]) => {
            let Endpoints { endpoints: List(endpoints) } = body(call)?;
            let keys = endpoints.into_iter().map(Named::key).collect::<Result<Vec<_>, _>>()?;
            carry_out(tenant, RemoveEndpoints(self::name(name)?, keys)).await
        }
        (_, []) => Err(Refusal::method("GET")),
        (_, [_]) => Err(Refusal::method("GET, PATCH, DELETE")),
        (_, [_, "endpoints"]) => Err(Refusal::method("POST, DELETE")),
        _ => Err(call.not_found()),
    }
}

fn name(text: &str) -> Result<UrlGroupName, Refusal> {
    UrlGroupName::new(text).map_err(Refusal::bad_request)
}

fn body<'a, T: Deserialize<'a>>(call: &'a ApiCall) -> Result<T, Refusal> {
    serde_json::from_slice(&call.body).map_err(|error| Refusal::bad_request(format!("body: {error}")))
}

impl Named {
    fn name(&self) -> Result<Option<EndpointName>, Refusal> {
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        name.map(EndpointName::new).transpose().map_err(Refusal::bad_request)
    }

    fn url(&self) -> Result<Option<Url>, Refusal> {
        let url = self.url.as_deref().filter(|url| !url.is_empty());
        let url = url.map(Url::received).transpose();
        url.map_err(|error| Refusal::bad_request(format!("endpoints: {error}")))
    }

    fn endpoint(self) -> Result<StoredEndpoint, Refusal> {
        let url = self.url()?.ok_or_else(|| Refusal::bad_request("endpoints: an endpoint needs a url"))?;
        Ok(StoredEndpoint { name: self.name()?, url })
    }

    fn key(self) -> Result<EndpointKey, Refusal> {
        match (self.name()?, self.url()?) {
            (Some(name), _) => Ok(EndpointKey::Name(name)),
            (None, Some(url)) => Ok(EndpointKey::Url(url)),
            (None, None) => Err(Refusal::bad_request("endpoints: expected a name or a url")),
        }
    }
}
