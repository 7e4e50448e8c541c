//! URL groups: one publish, a message for each endpoint.

use std::collections::BTreeMap;

use qstash_types::{DeliveryOptions, Destination, EndpointRecord, UrlGroupName, UrlGroupRecord};

use super::{Answer, Broker, Endpoint, EndpointKey, Millis, Refused};

/// As on the pay-as-you-go plan.
const MOST_GROUPS: usize = 100;
const MOST_ENDPOINTS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct UrlGroups(BTreeMap<UrlGroupName, UrlGroup>);

#[derive(Debug)]
pub(super) struct UrlGroup {
    created_at: Millis,
    updated_at: Millis,
    pub(super) endpoints: Vec<Endpoint>,
    /// What messages take where they say nothing themselves.
    pub(super) defaults: DeliveryOptions,
}

fn record((name, group): (&UrlGroupName, &UrlGroup)) -> UrlGroupRecord {
    UrlGroupRecord {
        name: name.clone(),
        created_at: Some(group.created_at.into()),
        updated_at: Some(group.updated_at.into()),
        endpoints: group.endpoints.iter().map(Endpoint::record).collect(),
    }
}

impl Endpoint {
    fn record(&self) -> EndpointRecord {
        EndpointRecord { name: self.name.clone(), url: self.url.to_string() }
    }
}

impl EndpointKey {
    fn names(&self, endpoint: &Endpoint) -> bool {
        match self {
            EndpointKey::Name(name) => endpoint.name.as_ref() == Some(name),
            EndpointKey::Url(url) => endpoint.url == *url,
        }
    }
}

impl UrlGroups {
    pub(super) fn get(&self, name: &UrlGroupName) -> Option<&UrlGroup> {
        self.0.get(name)
    }

    fn known(&mut self, name: &UrlGroupName) -> Result<&mut UrlGroup, Refused> {
        self.0.get_mut(name).ok_or_else(|| Refused::url_group(name))
    }

    pub(super) fn put(
        &mut self,
        now: Millis,
        name: UrlGroupName,
        endpoints: Vec<Endpoint>,
    ) -> Result<Answer, Refused> {
        let mut members = self.0.get(&name).map_or_else(Vec::new, |group| group.endpoints.clone());
        for endpoint in endpoints {
            // The name says more than the URL: an endpoint may move.
            let by_name = |member: &Endpoint| endpoint.name.is_some() && member.name == endpoint.name;
            let place = members
                .iter()
                .position(by_name)
                .or_else(|| members.iter().position(|member| member.url == endpoint.url));
            match place {
                Some(place) => members[place] = endpoint,
                None => members.push(endpoint),
            }
        }
        if members.len() > MOST_ENDPOINTS {
            return Err(Refused::Quota("maxEndpointsPerTopic"));
        }
        if !self.0.contains_key(&name) && self.0.len() >= MOST_GROUPS {
            return Err(Refused::Quota("maxTopics"));
        }
        let group = self.0.entry(name).or_insert_with(|| UrlGroup {
            created_at: now,
            updated_at: now,
            endpoints: Vec::new(),
            defaults: DeliveryOptions::default(),
        });
        group.updated_at = now;
        group.endpoints = members;
        Ok(Answer::Done)
    }

    pub(super) fn remove(
        &mut self,
        now: Millis,
        name: &UrlGroupName,
        keys: &[EndpointKey],
    ) -> Result<Answer, Refused> {
        let group = self.known(name)?;
        group.endpoints.retain(|endpoint| !keys.iter().any(|key| key.names(endpoint)));
        group.updated_at = now;
        if group.endpoints.is_empty() {
            self.0.remove(name);
        }
        Ok(Answer::Done)
    }

    pub(super) fn set_defaults(
        &mut self,
        now: Millis,
        name: &UrlGroupName,
        defaults: DeliveryOptions,
    ) -> Result<Answer, Refused> {
        let group = self.known(name)?;
        group.defaults = defaults;
        group.updated_at = now;
        Ok(Answer::Done)
    }
}

impl Broker {
    /// All URL groups, by name.
    pub fn url_groups(&self) -> impl Iterator<Item = UrlGroupRecord> {
        self.url_groups.0.iter().map(record)
    }

    /// A URL group.
    pub fn url_group(&self, name: &str) -> Option<UrlGroupRecord> {
        self.url_groups.0.get_key_value(name).map(record)
    }

    /// Removes a URL group that no schedule publishes to. Removing none is no mistake.
    pub(super) fn delete_url_group(&mut self, name: &UrlGroupName) -> Result<Answer, Refused> {
        if let Some(schedule) = self.schedules.publishing_to(&Destination::UrlGroup(name.clone())) {
            return Err(Refused::Conflict(format!("schedule {schedule} publishes to topic {name}")));
        }
        self.url_groups.0.remove(name);
        Ok(Answer::Done)
    }
}
