//! URL groups: one publish, a message for each endpoint.

use std::collections::BTreeMap;

use qstash_types::{DeliveryOptions, Destination, EndpointName, Url, UrlGroupName, UrlGroupRecord};

use crate::{
    hall::Hall,
    state::{Kept, Key, Refused, StoredEndpoint, Time, UrlGroup, check_name, check_url},
};

/// As on the pay-as-you-go plan.
const MOST_GROUPS: usize = 100;
const MOST_ENDPOINTS: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct UrlGroups(BTreeMap<UrlGroupName, UrlGroup>);

/// What names an endpoint of a URL group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointKey {
    /// Its name.
    Name(EndpointName),
    /// Its URL.
    Url(Url),
}

/// Whom a publication goes to.
pub(crate) struct Recipients {
    pub(crate) url_group: Option<UrlGroupName>,
    pub(crate) endpoints: Vec<StoredEndpoint>,
    /// Those of the publication, on top of what the group says.
    pub(crate) options: DeliveryOptions,
}

impl EndpointKey {
    fn names(&self, endpoint: &StoredEndpoint) -> bool {
        match self {
            EndpointKey::Name(name) => endpoint.name.as_ref() == Some(name),
            EndpointKey::Url(url) => endpoint.url == *url,
        }
    }
}

impl UrlGroups {
    /// What a destination stands for.
    pub(crate) fn resolve(
        &self,
        destination: Destination,
        options: DeliveryOptions,
    ) -> Result<Recipients, Refused> {
        Ok(match destination {
            Destination::Url(url) => {
                Recipients { url_group: None, endpoints: vec![StoredEndpoint { name: None, url }], options }
            }
            Destination::UrlGroup(name) => {
                let group = self.get(&name)?;
                let (endpoints, options) = (group.endpoints.clone(), options.or(&group.defaults));
                Recipients { url_group: Some(name), endpoints, options }
            }
            unknown => return Err(Refused::NotFound(unknown.to_string())),
        })
    }

    pub(crate) fn get(&self, name: &UrlGroupName) -> Result<&UrlGroup, Refused> {
        self.0.get(name).ok_or_else(|| Refused::url_group(name))
    }

    pub(crate) fn restore(&mut self, hall: &mut Hall, name: UrlGroupName, group: UrlGroup) {
        hall.budget_mut().charge(group.bytes(name.as_ref()));
        self.0.insert(name, group);
    }

    /// Adds endpoints to a group, which is made if there is none. An endpoint with the same name or URL is replaced.
    pub(crate) fn put_endpoints(
        &mut self,
        hall: &mut Hall,
        now: Time,
        name: &UrlGroupName,
        endpoints: Vec<StoredEndpoint>,
    ) -> Result<(), Refused> {
        check_name("topic", name.as_ref())?;
        for endpoint in &endpoints {
            check_url("endpoints", &endpoint.url)?;
            check_name("endpoints", endpoint.name.as_ref().map_or("", AsRef::as_ref))?;
        }
        let mut members = self.0.get(name).map_or_else(Vec::new, |group| group.endpoints.clone());
        for endpoint in endpoints {
            // The name says more than the URL: an endpoint may move.
            let by_name = |member: &StoredEndpoint| endpoint.name.is_some() && member.name == endpoint.name;
            let place = members
                .iter()
                .position(by_name)
                .or_else(|| members.iter().position(|member| member.url == endpoint.url));
            match place {
                Some(place) => members[place] = endpoint.clone(),
                None if members.len() < MOST_ENDPOINTS => members.push(endpoint.clone()),
                None => return Err(Refused::Quota("maxEndpointsPerTopic", MOST_ENDPOINTS as u64)),
            }
            // If another endpoint has the new URL, it is removed: each URL gets a message once.
            members.retain(|member| member.url != endpoint.url || *member == endpoint);
        }
        if !self.0.contains_key(name) && self.0.len() >= MOST_GROUPS {
            return Err(Refused::Quota("maxTopics", MOST_GROUPS as u64));
        }
        let mut group = self.0.get(name).cloned().unwrap_or_else(|| UrlGroup {
            created_at: now,
            updated_at: now,
            endpoints: Vec::new(),
            defaults: DeliveryOptions::default(),
        });
        group.updated_at = now;
        group.endpoints = members;
        self.replace(hall, name, group)
    }

    /// Removes endpoints, and the group with its last one.
    pub(crate) fn remove_endpoints(
        &mut self,
        hall: &mut Hall,
        now: Time,
        name: &UrlGroupName,
        keys: &[EndpointKey],
    ) -> Result<(), Refused> {
        let mut group = self.get(name)?.clone();
        group.endpoints.retain(|endpoint| !keys.iter().any(|key| key.names(endpoint)));
        group.updated_at = now;
        if group.endpoints.is_empty() {
            self.remove(hall, name);
            return Ok(());
        }
        self.replace(hall, name, group)
    }

    pub(crate) fn set_defaults(
        &mut self,
        hall: &mut Hall,
        now: Time,
        name: &UrlGroupName,
        defaults: DeliveryOptions,
    ) -> Result<(), Refused> {
        let mut group = self.get(name)?.clone();
        group.defaults = defaults;
        group.updated_at = now;
        self.replace(hall, name, group)
    }

    pub(crate) fn remove(&mut self, hall: &mut Hall, name: &UrlGroupName) {
        if let Some(group) = self.0.remove(name) {
            hall.budget_mut().release(group.bytes(name.as_ref()));
        }
        hall.forget(Key::UrlGroup(name.clone()));
    }

    /// Puts a group in place of the one with its name, if there is room for what it has more.
    fn replace(&mut self, hall: &mut Hall, name: &UrlGroupName, group: UrlGroup) -> Result<(), Refused> {
        let before = self.0.get(name).map_or(0, |group| group.bytes(name.as_ref()));
        hall.budget().check(group.bytes(name.as_ref()).saturating_sub(before))?;
        hall.budget_mut().release(before);
        hall.keep(Kept::UrlGroup(name.clone(), Box::new(group.clone())));
        self.restore(hall, name.clone(), group);
        Ok(())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = UrlGroupRecord> {
        self.0.iter().map(|(name, group)| group.record(name))
    }

    pub(crate) fn record(&self, name: &str) -> Option<UrlGroupRecord> {
        self.0.get_key_value(name).map(|(name, group)| group.record(name))
    }
}
