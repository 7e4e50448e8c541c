//! URL groups: one publish, a message for each endpoint.

use qstash_broker::{
    DeleteUrlGroup, EndpointKey, PutEndpoints, Refused, RemoveEndpoints, SetDefaults, StoredEndpoint,
};
use qstash_types::{DeliveryOptions, EndpointName, Url, UrlGroupName};
use serde_json::json as value;

use crate::sim::{Sim, answered, header_map, json, publication};

fn group() -> UrlGroupName {
    UrlGroupName::new("team").unwrap()
}

fn endpoint(name: Option<&str>, url: &str) -> StoredEndpoint {
    StoredEndpoint {
        name: name.map(|name| EndpointName::new(name).unwrap()),
        url: Url::received(url).unwrap(),
    }
}

fn with_two_endpoints() -> Sim {
    let mut sim = Sim::new();
    let endpoints =
        vec![endpoint(Some("one"), "http://127.0.0.1:9/1"), endpoint(None, "http://127.0.0.1:9/2")];
    sim.done(PutEndpoints(group(), endpoints));
    sim
}

fn endpoints(sim: &Sim) -> serde_json::Value {
    value!(sim.broker.url_group("team").unwrap())["endpoints"].clone()
}

#[test]
fn every_endpoint_gets_a_message_of_its_own() {
    let mut sim = with_two_endpoints();
    let receipts = sim.fan_out(publication("team", &[("upstash-callback", "http://127.0.0.1:9/cb")], "x"));
    assert_eq!(receipts.len(), 2);
    assert_eq!(receipts[0].url.as_deref(), Some("http://127.0.0.1:9/1"));
    assert_ne!(receipts[0].message_id, receipts[1].message_id);
    let delivery = sim.end(answered(200));
    assert_eq!(delivery.headers["upstash-topic-name"], "team");
    sim.end(answered(200));
    let report = json(&sim.end(answered(200)));
    assert_eq!((&report["topicName"], &report["endpointName"]), (&value!("team"), &value!("one")));
    assert!(json(&sim.end(answered(200))).get("endpointName").is_none());
}

#[test]
fn an_id_keeps_likes_out_per_endpoint() {
    let id = [("upstash-deduplication-id", "a")];
    let mut sim = with_two_endpoints();
    let first = sim.fan_out(publication("team", &id, ""));
    sim.done(PutEndpoints(group(), vec![endpoint(None, "http://127.0.0.1:9/3")]));
    let second = sim.fan_out(publication("team", &id, ""));
    let duplicates: Vec<_> = second.iter().map(|receipt| receipt.deduplicated).collect();
    assert_eq!(duplicates, [true, true, false]);
    assert_eq!(second[1].message_id, first[1].message_id);
}

#[test]
fn endpoints_are_replaced_by_name_or_else_by_url() {
    let mut sim = with_two_endpoints();
    let moved = endpoint(Some("one"), "http://127.0.0.1:9/moved");
    let named = endpoint(Some("two"), "http://127.0.0.1:9/2");
    sim.done(PutEndpoints(group(), vec![moved, named]));
    let expected = value!([
        {"name": "one", "url": "http://127.0.0.1:9/moved"},
        {"name": "two", "url": "http://127.0.0.1:9/2"},
    ]);
    assert_eq!(endpoints(&sim), expected);
}

#[test]
fn an_endpoint_that_moves_takes_the_place_of_the_one_that_was_there() {
    let mut sim = with_two_endpoints();
    sim.done(PutEndpoints(group(), vec![endpoint(Some("one"), "http://127.0.0.1:9/2")]));
    assert_eq!(endpoints(&sim), value!([{"name": "one", "url": "http://127.0.0.1:9/2"}]));
}

#[test]
fn a_group_goes_with_its_last_endpoint() {
    let mut sim = with_two_endpoints();
    let one = EndpointKey::Name(EndpointName::new("one").unwrap());
    let two = EndpointKey::Url(Url::received("http://127.0.0.1:9/2").unwrap());
    sim.done(RemoveEndpoints(group(), vec![one.clone()]));
    assert_eq!(endpoints(&sim).as_array().unwrap().len(), 1);
    sim.done(RemoveEndpoints(group(), vec![two]));
    assert!(sim.broker.url_group("team").is_none());
    let refused = sim.call(RemoveEndpoints(group(), vec![one]));
    assert_eq!(refused, Err(Refused::NotFound("topic team".to_owned())));
    assert_eq!(sim.call(DeleteUrlGroup(group())), Ok(()), "removing none is no mistake");
}

#[test]
fn a_message_takes_the_defaults_of_its_group_where_it_says_nothing() {
    let mut sim = with_two_endpoints();
    let defaults = header_map(&[
        ("upstash-retries", "7"),
        ("upstash-method", "PUT"),
        ("upstash-forward-x-a", "group"),
        ("upstash-forward-x-b", "group"),
        ("upstash-header-forward", "true"),
    ]);
    let defaults = DeliveryOptions::from_headers(&defaults).unwrap();
    sim.done(SetDefaults(group(), Box::new(defaults)));
    let headers = [("upstash-method", "GET"), ("upstash-forward-x-a", "own")];
    let mut publication = publication("team", &headers, "");
    publication.headers = header_map(&[("x-plain", "1"), ("x-a", "plain")]);
    sim.fan_out(publication);
    let delivery = sim.next_delivery();
    assert_eq!(delivery.method, "GET");
    assert_eq!(delivery.headers["upstash-max-retries"], "7");
    assert_eq!(delivery.headers["x-a"], "own");
    assert_eq!(delivery.headers["x-b"], "group");
    assert_eq!(delivery.headers["x-plain"], "1");
}

#[test]
fn a_group_has_a_hundred_endpoints_at_most() {
    let mut sim = Sim::new();
    let many = |count| (0..count).map(|n| endpoint(None, &format!("http://127.0.0.1:9/{n}"))).collect();
    sim.done(PutEndpoints(group(), many(100)));
    assert!(matches!(sim.call(PutEndpoints(group(), many(101))), Err(Refused::Quota(..))));
    assert_eq!(endpoints(&sim).as_array().unwrap().len(), 100, "nothing half done");
}
