//! `/v2/topics`, which is what the wire calls URL groups.

use http::StatusCode;
use qstash_types::{EndpointName, Url, UrlGroupName};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    options::{header_map, read_options},
    queues::carry_out,
};
use crate::{
    broker::{Command, Endpoint, EndpointKey},
    call::{Api, Call},
    reply::{Refusal, Reply, json},
};

#[derive(Deserialize)]
struct Endpoints {
    endpoints: Vec<Named>,
}

/// An endpoint, or what names one.
#[derive(Deserialize)]
struct Named {
    name: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Defaults {
    headers: Map<String, Value>,
}

/// URL groups.
pub(crate) async fn answer(api: &Api, call: &Call) -> Result<Reply, Refusal> {
    let (method, segments) = call.shape();
    match (method, &segments[..]) {
        ("GET", []) => {
            let groups: Vec<_> = api.worker.look(|broker| broker.url_groups().collect()).await?;
            Ok(json(StatusCode::OK, &groups))
        }
        ("GET", [name]) => {
            let not_found = Refusal::not_found(format!("topic {name} not found"));
            let name = (*name).to_owned();
            let group = api.worker.look(move |broker| broker.url_group(&name)).await?;
            Ok(json(StatusCode::OK, &group.ok_or(not_found)?))
        }
        ("PATCH", [name]) => {
            let Defaults { headers } = body(call)?;
            let defaults = read_options(&header_map(headers)?)?;
            carry_out(api, Command::SetDefaults(self::name(name)?, Box::new(defaults))).await
        }
        ("DELETE", [name]) => carry_out(api, Command::DeleteUrlGroup(self::name(name)?)).await,
        ("POST", [name, "endpoints"]) => {
            let Endpoints { endpoints } = body(call)?;
            let endpoints = endpoints.into_iter().map(Named::endpoint).collect::<Result<Vec<_>, _>>()?;
            if endpoints.is_empty() {
                return Err(Refusal::bad_request("endpoints: expected at least one"));
            }
            carry_out(api, Command::PutEndpoints(self::name(name)?, endpoints)).await
        }
        ("DELETE", [name, "endpoints"]) => {
            let Endpoints { endpoints } = body(call)?;
            let keys = endpoints.into_iter().map(Named::key).collect::<Result<Vec<_>, _>>()?;
            carry_out(api, Command::RemoveEndpoints(self::name(name)?, keys)).await
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

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
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

    fn endpoint(self) -> Result<Endpoint, Refusal> {
        let url = self.url()?.ok_or_else(|| Refusal::bad_request("endpoints: an endpoint needs a url"))?;
        Ok(Endpoint { name: self.name()?, url })
    }

    fn key(self) -> Result<EndpointKey, Refusal> {
        match (self.name()?, self.url()?) {
            (Some(name), _) => Ok(EndpointKey::Name(name)),
            (None, Some(url)) => Ok(EndpointKey::Url(url)),
            (None, None) => Err(Refusal::bad_request("endpoints: expected a name or a url")),
        }
    }
}
