//! Attempts are shared out among hosts.

use std::num::NonZeroUsize;

use qstash_broker::{Broker, Capacity, Publish};

use crate::sim::{START, Sim, answered, publication};

fn to(host: usize) -> qstash_broker::Publication {
    publication(&format!("http://127.0.0.1:{}/", 1000 + host), &[], "")
}

#[test]
fn destinations_that_hang_do_not_hold_back_one_that_is_healthy() {
    let mut sim = Sim::new();
    for host in 0..30 {
        for _ in 0..300 {
            sim.publish(to(host));
        }
    }
    let (running, most) = sim.broker.parallelism();
    assert!(running > most / 2 && running < most);
    for _ in 0..1000 {
        let receipt = sim.publish(to(100));
        assert_eq!(sim.running.back().unwrap().message, receipt.message_id, "it is attempted at once");
        let healthy = sim.running.pop_back().unwrap();
        let end = answered(200);
        sim.handle(qstash_broker::Event::AttemptEnded { attempt: healthy.attempt, end });
    }
}

#[test]
fn one_host_alone_leaves_attempts_to_others_and_its_messages_keep_their_order() {
    let mut sim = Sim::new();
    let receipts: Vec<_> = (0..300).map(|_| sim.publish(to(0)).message_id).collect();
    assert_eq!(sim.broker.parallelism(), (112, 256));
    let mut started = Vec::new();
    while !sim.running.is_empty() {
        started.push(sim.end(answered(200)).message);
    }
    assert_eq!(started, receipts);
}

#[test]
fn a_host_is_the_same_in_every_spelling() {
    let here = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "[::1]", "0.0.0.0", "0x7f.1"];
    let name = ["api.example", "API.example", "api.example."];
    let address = ["192.0.2.7", "192.0.519", "0xc0.0.2.7"];
    let address_6 = ["[2001:db8::7]", "[2001:0DB8:0::7]"];
    for spellings in [&here[..], &name, &address, &address_6] {
        let mut sim = Sim::new();
        for host in spellings {
            for _ in 0..300 {
                sim.publish(publication(&format!("http://{host}:3000/"), &[], ""));
            }
        }
        assert_eq!(sim.broker.parallelism(), (112, 256), "{spellings:?}");
    }
    let mut sim = Sim::new();
    for url in ["http://api.example/", "http://api.example:80/", "http://user@api.example/"] {
        for _ in 0..300 {
            sim.publish(publication(url, &[], ""));
        }
    }
    assert_eq!(sim.broker.parallelism(), (112, 256));
    for _ in 0..300 {
        sim.publish(publication("http://api.example:81/", &[], ""));
    }
    assert!(sim.broker.parallelism().0 > 112, "another port is another host");
}

#[test]
fn attempts_are_as_many_as_there_are_to_be() {
    for (attempts, of_one_host) in [(1, 1), (2, 1), (16, 7), (1000, 438)] {
        let capacity = Capacity { attempts: NonZeroUsize::new(attempts).unwrap(), ..Capacity::default() };
        let mut broker = Broker::sized(1, capacity);
        let publish = |broker: &mut Broker, host| {
            broker.call(START, Publish(to(host)));
        };
        (0..1100).for_each(|_| publish(&mut broker, 0));
        assert_eq!(broker.parallelism(), (of_one_host, attempts));
        (1..1100).for_each(|host| publish(&mut broker, host));
        assert_eq!(broker.parallelism(), (attempts, attempts));
    }
}

#[test]
fn when_all_attempts_are_taken_a_message_costs_the_same_however_many_hosts_wait() {
    let mut sim = Sim::new();
    let mut next = 0;
    let mut publish = |sim: &mut Sim, count: usize| {
        let started = std::time::Instant::now();
        for _ in 0..count {
            sim.publish(publication(&format!("http://host-{next}.test/"), &[], ""));
            next += 1;
        }
        started.elapsed()
    };
    publish(&mut sim, 256);
    assert_eq!(sim.broker.parallelism(), (256, 256));
    let few = publish(&mut sim, 2_000);
    publish(&mut sim, 50_000);
    let many = publish(&mut sim, 2_000);
    // A look at each of the hosts would make it thousands of times that.
    assert!(many < few * 100, "{few:?} became {many:?}");
}
