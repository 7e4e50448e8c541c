//! URL groups: one publish, a message for each endpoint.

use std::collections::BTreeMap;

use qstash_types::{DeliveryOptions, Destination, EndpointRecord, UrlGroupName, UrlGroupRecord};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Broker, Endpoint, EndpointKey, Millis, Refused, kept,
    record::{Kept, Key},
};

/// As on the pay-as-you-go plan.
const MOST_GROUPS: usize = 100;
const MOST_ENDPOINTS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct UrlGroups(BTreeMap<UrlGroupName, UrlGroup>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UrlGroup {
    created_at: Millis,
    updated_at: Millis,
    pub(super) endpoints: Vec<Endpoint>,
    /// What messages take where they say nothing themselves.
    #[serde(serialize_with = "kept::write_options", deserialize_with = "kept::read_options")]
    pub(super) defaults: DeliveryOptions,
}

fn record((name, group): (&UrlGroupName, &UrlGroup)) -> UrlGroupRecord {
    let mut record = UrlGroupRecord::new(name.clone());
    record.created_at = Some(group.created_at.into());
    record.updated_at = Some(group.updated_at.into());
    record.endpoints = group.endpoints.iter().map(Endpoint::record).collect();
    record
}

impl Endpoint {
    fn record(&self) -> EndpointRecord {
        let mut record = EndpointRecord::new(self.url.as_str());
        record.name.clone_from(&self.name);
        record
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

    pub(super) fn restore(&mut self, name: UrlGroupName, group: UrlGroup) {
        self.0.insert(name, group);
    }

    fn known(&mut self, name: &UrlGroupName) -> Result<&mut UrlGroup, Refused> {
        self.0.get_mut(name).ok_or_else(|| Refused::url_group(name))
    }

    fn put(&mut self, now: Millis, name: &UrlGroupName, endpoints: Vec<Endpoint>) -> Result<(), Refused> {
        let mut members = self.0.get(name).map_or_else(Vec::new, |group| group.endpoints.clone());
        for endpoint in endpoints {
            // The name says more than the URL: an endpoint may move.
            let by_name = |member: &Endpoint| endpoint.name.is_some() && member.name == endpoint.name;
            let place = members
                .iter()
                .position(by_name)
                .or_else(|| members.iter().position(|member| member.url == endpoint.url));
            match place {
                Some(place) => members[place] = endpoint.clone(),
                None if members.len() < MOST_ENDPOINTS => members.push(endpoint.clone()),
                None => return Err(Refused::Quota("maxEndpointsPerTopic")),
            }
            // One that has moved takes the place of the one that was there: nobody gets a message twice.
            members.retain(|member| member.url != endpoint.url || *member == endpoint);
        }
        if !self.0.contains_key(name) && self.0.len() >= MOST_GROUPS {
            return Err(Refused::Quota("maxTopics"));
        }
        let group = self.0.entry(name.clone()).or_insert_with(|| UrlGroup {
            created_at: now,
            updated_at: now,
            endpoints: Vec::new(),
            defaults: DeliveryOptions::default(),
        });
        group.updated_at = now;
        group.endpoints = members;
        Ok(())
    }

    fn remove(&mut self, now: Millis, name: &UrlGroupName, keys: &[EndpointKey]) -> Result<(), Refused> {
        let group = self.known(name)?;
        group.endpoints.retain(|endpoint| !keys.iter().any(|key| key.names(endpoint)));
        group.updated_at = now;
        if group.endpoints.is_empty() {
            self.0.remove(name);
        }
        Ok(())
    }

    fn set_defaults(
        &mut self,
        now: Millis,
        name: &UrlGroupName,
        defaults: DeliveryOptions,
    ) -> Result<(), Refused> {
        let group = self.known(name)?;
        group.defaults = defaults;
        group.updated_at = now;
        Ok(())
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
        self.forget(Key::UrlGroup(name.clone()));
        Ok(Answer::Done)
    }

    pub(super) fn put_endpoints(
        &mut self,
        now: Millis,
        name: &UrlGroupName,
        endpoints: Vec<Endpoint>,
    ) -> Result<Answer, Refused> {
        self.url_groups.put(now, name, endpoints)?;
        Ok(self.url_group_changed(name))
    }

    pub(super) fn remove_endpoints(
        &mut self,
        now: Millis,
        name: &UrlGroupName,
        keys: &[EndpointKey],
    ) -> Result<Answer, Refused> {
        self.url_groups.remove(now, name, keys)?;
        Ok(self.url_group_changed(name))
    }

    pub(super) fn set_defaults(
        &mut self,
        now: Millis,
        name: &UrlGroupName,
        defaults: DeliveryOptions,
    ) -> Result<Answer, Refused> {
        self.url_groups.set_defaults(now, name, defaults)?;
        Ok(self.url_group_changed(name))
    }

    fn url_group_changed(&mut self, name: &UrlGroupName) -> Answer {
        match self.url_groups.get(name) {
            Some(group) => self.keep(Kept::UrlGroup(name.clone(), Box::new(group.clone()))),
            None => self.forget(Key::UrlGroup(name.clone())),
        }
        Answer::Done
    }
}
