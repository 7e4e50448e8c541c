//! URL groups: one publish makes a message for each endpoint.

use std::{collections::BTreeMap, fmt};

use http::Method;
use qstash_types::{EndpointName, Url, UrlGroupName, UrlGroupRecord, header};
use serde::{Serialize, Serializer};

use crate::{
    Client, Error, MessageOptions,
    draft::{Draft, valid},
    error::InvalidInput,
    request::{Call, json, nothing},
    resource::Resource,
};

impl Client {
    /// One URL group, by its name.
    ///
    /// ```no_run
    /// # async fn fan_out(client: qstash_client::Client) -> Result<(), qstash_client::Error> {
    /// use qstash_client::{Message, url_groups::Endpoint};
    ///
    /// let watchers = client.url_group("watchers");
    /// watchers.upsert([Endpoint::new("https://a.example.com/hook").name("a")]).await?;
    /// client.publish(Message::to_url_group("watchers").text("it has happened")).await?;
    /// # Ok(()) }
    /// ```
    pub fn url_group(&self, name: impl TryInto<UrlGroupName, Error: fmt::Display>) -> UrlGroupHandle {
        UrlGroupHandle(Resource::new(self, "URL group", name))
    }

    /// All URL groups.
    pub fn url_groups(&self) -> UrlGroups {
        UrlGroups(self.clone())
    }
}

/// One URL group. Its verbs return a mistake in the name before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct UrlGroupHandle(Resource<UrlGroupName>);

/// All URL groups.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until a verb is called"]
pub struct UrlGroups(Client);

/// A destination in a URL group. A mistake is returned by the verb, before anything is sent.
#[derive(Clone, Debug)]
#[must_use = "an endpoint does nothing until it is given to a URL group"]
pub struct Endpoint(Draft<Member>);

/// An endpoint, or what names one.
#[derive(Clone, Debug, Default, Serialize)]
struct Member {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    url: Option<Url>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<EndpointName>,
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn as_text<S: Serializer>(url: &Option<Url>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(Url::as_str).serialize(serializer)
}

#[derive(Serialize)]
struct Members {
    endpoints: Vec<Member>,
}

impl Endpoint {
    /// An endpoint at a URL, which is refused when a URL parser would change it: see [`Url::new`].
    ///
    /// Field: `url`.
    pub fn new(url: impl TryInto<Url, Error: fmt::Display>) -> Self {
        Self(Draft::new(Member::at(url)))
    }

    /// The name of the endpoint. One with the same name gets the URL of this one.
    ///
    /// Field: `name`.
    pub fn name(self, name: impl TryInto<EndpointName, Error: fmt::Display>) -> Self {
        Self(self.0.try_set(|member| {
            member.name = Some(valid("endpoint name", name)?);
            Ok(())
        }))
    }
}

impl Member {
    fn at(url: impl TryInto<Url, Error: fmt::Display>) -> Result<Self, InvalidInput> {
        Ok(Self { url: Some(valid("endpoint URL", url)?), name: None })
    }

    fn named(name: impl TryInto<EndpointName, Error: fmt::Display>) -> Result<Self, InvalidInput> {
        Ok(Self { url: None, name: Some(valid("endpoint name", name)?) })
    }
}

impl UrlGroupHandle {
    /// Adds endpoints to the group, or changes those with the same name or URL. The group is made when it does not exist.
    ///
    /// # Errors
    ///
    /// See [`Error`]. An empty list is refused before anything is sent.
    pub async fn upsert(&self, endpoints: impl IntoIterator<Item = Endpoint>) -> Result<(), Error> {
        let endpoints = endpoints.into_iter().map(|endpoint| endpoint.0.finish());
        let members = endpoints.collect::<Result<Vec<_>, _>>()?;
        for url in members.iter().filter_map(|member| member.url.as_ref()) {
            self.0.client.inner.api.check_reach("endpoint URL", url)?;
        }
        self.send(Method::POST, members).await
    }

    /// Removes the endpoints with these URLs, and the group with its last one.
    ///
    /// # Errors
    ///
    /// See [`Error`]. An empty list is refused before anything is sent. Status 404: there is no such group.
    pub async fn remove(
        &self,
        urls: impl IntoIterator<Item: TryInto<Url, Error: fmt::Display>>,
    ) -> Result<(), Error> {
        self.send(Method::DELETE, urls.into_iter().map(Member::at).collect::<Result<_, _>>()?).await
    }

    /// Removes the endpoints with these names, and the group with its last one.
    ///
    /// # Errors
    ///
    /// See [`Error`]. An empty list is refused before anything is sent. Status 404: there is no such group.
    pub async fn remove_named(
        &self,
        names: impl IntoIterator<Item: TryInto<EndpointName, Error: fmt::Display>>,
    ) -> Result<(), Error> {
        self.send(Method::DELETE, names.into_iter().map(Member::named).collect::<Result<_, _>>()?).await
    }

    /// Sets how messages to the group are delivered that do not say so themselves, in place of what was set before.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Values of headers that are not UTF-8 are refused before anything is sent.
    pub async fn set_defaults(&self, options: &MessageOptions) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body {
            headers: BTreeMap<String, Vec<String>>,
        }

        let mut headers = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in &options.to_headers(&self.0.client.inner.api)? {
            let value = str::from_utf8(value.as_bytes()).map_err(|fault| {
                InvalidInput::new("header", format!("the value of {name} is not text: {fault}"))
            })?;
            headers.entry(header::canonical(name.as_str())).or_default().push(value.to_owned());
        }
        let body = Body { headers };
        self.0.call(|name| Call::new(Method::PATCH, &["topics", name]).json(&body), nothing).await
    }

    /// Reads the group.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Status 404: there is no such group.
    pub async fn get(&self) -> Result<UrlGroupRecord, Error> {
        self.0.call(|name| Call::new(Method::GET, &["topics", name]), json).await
    }

    /// Deletes the group. If there is no such group, that is no error. Messages that were published to it are still
    /// delivered.
    ///
    /// # Errors
    ///
    /// See [`Error`]. A group that a schedule publishes to cannot be deleted.
    pub async fn delete(&self) -> Result<(), Error> {
        self.0.call(|name| Call::new(Method::DELETE, &["topics", name]), nothing).await
    }

    async fn send(&self, method: Method, endpoints: Vec<Member>) -> Result<(), Error> {
        if endpoints.is_empty() {
            return Err(InvalidInput::new("endpoints", "the list is empty").into());
        }
        let body = Members { endpoints };
        self.0.call(|name| Call::new(method, &["topics", name, "endpoints"]).json(&body), nothing).await
    }
}

impl UrlGroups {
    /// Reads all URL groups.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list(&self) -> Result<Vec<UrlGroupRecord>, Error> {
        self.0.call(Call::new(Method::GET, &["topics"]), json).await
    }
}
