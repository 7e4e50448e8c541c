//! Time, faults and what waits, steered by HTTP.

use std::time::Duration;

use qstash_dev::{DevServer, Fault};
use serde_json::{Value, json};

use crate::{
    client::{Answer, call, get, publish},
    data::Folder,
    destination::Destination,
};

async fn control(server: &DevServer, method: &str, place: &str, body: &Value) -> Answer {
    call(server, method, &format!("/dev/{place}")).body(body.to_string()).send().await
}

/// What is answered to a call that is carried out.
async fn done(server: &DevServer, place: &str, body: &Value) -> Value {
    let answer = control(server, "POST", place, body).await;
    assert_eq!(answer.status, 200, "{place} {body}: {}", answer.text());
    answer.json()
}

async fn read(server: &DevServer, place: &str) -> Value {
    let answer = get(server, &format!("/dev/{place}")).send().await;
    assert_eq!(answer.status, 200, "{place}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_moved_clock_does_what_becomes_due() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    assert_eq!(read(&server, "clock").await["ahead"], 0);
    publish(&server, &destination.url("/a")).header("Upstash-Delay", "3d").accepted().await;
    let clock = done(&server, "clock", &json!({ "advance": "2d23h" })).await;
    assert_eq!(destination.count("/a"), 0);
    // The time that the call itself takes is not skipped.
    let hours = |clock: &Value| (clock["ahead"].as_u64().unwrap() + 1_800_000) / 3_600_000;
    assert_eq!(hours(&clock), 71);
    let clock = done(&server, "clock", &json!({ "advance": 3600 })).await;
    assert_eq!(destination.count("/a"), 1);
    assert_eq!(hours(&clock), 72);
    let (now, machine) = (clock["now"].as_u64().unwrap(), clock["machine"].as_u64().unwrap());
    assert_eq!(now - machine, clock["ahead"].as_u64().unwrap());
}

#[tokio::test]
async fn whoever_waits_is_told_what_has_come_or_what_has_not() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(500).await;
    let id = publish(&server, &destination.url("/a")).header("Upstash-Retries", "0").accepted().await;
    let entry = done(&server, "wait", &json!({ "messageId": id, "state": "failed" })).await;
    assert_eq!((&entry["messageId"], &entry["state"]), (&json!(id), &json!("FAILED")));

    let wanted = json!({ "messageId": id, "state": "DELIVERED", "timeout": 0 });
    let answer = control(&server, "POST", "wait", &wanted).await;
    assert_eq!(answer.status, 408);
    let story = "has not entered DELIVERED within 0 s: it was CREATED, then ACTIVE, then ERROR, then FAILED";
    assert_eq!(answer.error(), format!("{id} {story}"));
    let unknown = json!({ "messageId": "msg_none", "state": "DELIVERED" });
    assert_eq!(control(&server, "POST", "wait", &unknown).await.status, 404);
}

#[tokio::test]
async fn whoever_wants_calm_is_told_who_is_busy() {
    let server = DevServer::start().await.unwrap();
    assert_eq!(done(&server, "settle", &json!({})).await, json!({ "settled": true }));
    server.fault(Fault::Hang);
    let id = publish(&server, "http://127.0.0.1:9/").accepted().await;
    let answer = control(&server, "POST", "settle", &json!({ "timeout": "0s" })).await;
    assert_eq!(
        (answer.status, answer.error()),
        (408, format!("not settled after 0 s: {id} waits for answer"))
    );
}

#[tokio::test]
async fn every_fault_can_be_set_seen_and_cleared() {
    let server = DevServer::start().await.unwrap();
    let names = [
        "hang",
        "refuse",
        "duplicated-delivery",
        "overtaken-delivery",
        "late-delivery",
        "lost-acknowledgement",
        "rotated-keys",
        "too-many-requests",
        "internal-error",
        "lost-connection",
    ];
    for name in names {
        let set = done(&server, "faults", &json!({ "fault": name })).await;
        assert_eq!((&set["fault"], &set["times"]), (&json!(name), &json!(1)));
    }
    let aimed = json!({ "fault": "status", "status": 503, "url": "http://127.0.0.1:9/a", "times": 2 });
    let set = done(&server, "faults", &aimed).await;
    let list = read(&server, "faults").await;
    let list = list["faults"].as_array().unwrap();
    assert_eq!(list.len(), names.len() + 1);
    assert_eq!(list.last(), Some(&set));

    // Setting one is no call of the API that a fault would meet.
    let id = set["id"].as_str().unwrap();
    assert_eq!(control(&server, "DELETE", &format!("faults/{id}"), &json!({})).await.status, 200);
    assert_eq!(control(&server, "DELETE", &format!("faults/{id}"), &json!({})).await.status, 404);
    assert_eq!(
        control(&server, "DELETE", "faults", &json!({})).await.json(),
        json!({ "cleared": names.len() })
    );
    assert_eq!(read(&server, "faults").await, json!({ "faults": [] }));
}

#[tokio::test]
async fn a_fault_meets_what_it_is_aimed_at_as_often_as_it_says() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let url = destination.url("/aimed");
    done(&server, "faults", &json!({ "fault": "status", "status": 503, "url": url, "times": 2 })).await;
    publish(&server, &url).accepted().await;
    publish(&server, &destination.url("/other")).accepted().await;
    done(&server, "clock", &json!({ "advance": "1d" })).await;
    assert_eq!((destination.count("/aimed"), destination.count("/other")), (1, 1));
    let errors = server.log().await.into_iter().filter(|entry| entry.response_status == Some(503)).count();
    assert_eq!(errors, 2);
    assert_eq!(read(&server, "faults").await, json!({ "faults": [] }));
}

#[tokio::test]
async fn what_waits_is_listed_with_what_it_waits_for() {
    let server = DevServer::start().await.unwrap();
    call(&server, "POST", "/v2/queues").body(r#"{"queueName": "q", "paused": true}"#).send().await;
    let delayed = publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    let queued = call(&server, "POST", "/v2/enqueue/q/http://127.0.0.1:9/").accepted().await;
    let list = read(&server, "waiting").await;
    let [first, second] = &list["messages"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&first["messageId"], &first["waitsFor"]), (&json!(delayed), &json!("time")));
    assert!(first["until"].as_u64().unwrap() > read(&server, "clock").await["now"].as_u64().unwrap());
    assert_eq!(
        (&second["messageId"], &second["waitsFor"], &second["queueName"]),
        (&json!(queued), &json!("queue"), &json!("q"))
    );

    // Beyond a page, the cursor leads to the rest.
    for _ in 0..150 {
        publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    }
    let page = read(&server, "waiting").await;
    let rest = read(&server, &format!("waiting?cursor={}", page["cursor"].as_str().unwrap())).await;
    let ids = [&page, &rest].map(|page| page["messages"].as_array().unwrap().clone()).concat();
    assert_eq!((ids.len(), &rest["cursor"]), (152, &Value::Null));
}

#[tokio::test]
async fn a_message_or_a_schedule_need_not_wait_for_its_time() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let id = publish(&server, &destination.url("/delayed")).header("Upstash-Delay", "1h").accepted().await;
    done(&server, &format!("messages/{id}/deliver"), &json!({})).await;
    done(&server, "settle", &json!({})).await;
    assert_eq!(destination.count("/delayed"), 1);
    let again = control(&server, "POST", &format!("messages/{id}/deliver"), &json!({})).await;
    assert_eq!((again.status, again.error()), (400, format!("message {id} does not wait for a time")));

    // Between two attempts as well, which then is the next attempt.
    done(&server, "faults", &json!({ "fault": "refuse" })).await;
    let id = publish(&server, &destination.url("/retried")).accepted().await;
    done(&server, "settle", &json!({})).await;
    done(&server, &format!("messages/{id}/deliver"), &json!({})).await;
    done(&server, "settle", &json!({})).await;
    let received = destination.received();
    let retried = received.iter().find(|request| request.path() == "/retried").unwrap();
    assert_eq!(retried.header("upstash-retried"), Some("1"));

    let schedule = format!("/v2/schedules/{}", destination.url("/scheduled"));
    let schedule = call(&server, "POST", &schedule).header("Upstash-Cron", "0 0 1 1 *").send().await.json();
    let id = schedule["scheduleId"].as_str().unwrap();
    let run = done(&server, &format!("schedules/{id}/run"), &json!({})).await;
    assert_eq!(run["messageIds"].as_array().unwrap().len(), 1);
    done(&server, "settle", &json!({})).await;
    assert_eq!(destination.count("/scheduled"), 1);
    for nobody in ["messages/msg_none/deliver", "schedules/none/run"] {
        assert_eq!(control(&server, "POST", nobody, &json!({})).await.status, 404, "{nobody}");
    }
}

/// How much there is of everything that a server can hold.
async fn holdings(server: &DevServer) -> Vec<usize> {
    let mut holdings = Vec::new();
    for (target, list) in [
        ("/v2/logs", "logs"),
        ("/v2/dlq", "messages"),
        ("/v2/queues", ""),
        ("/v2/topics", ""),
        ("/v2/schedules", ""),
        ("/dev/waiting", "messages"),
        ("/dev/faults", "faults"),
    ] {
        let answer = get(server, target).send().await.json();
        let list = answer.get(list).unwrap_or(&answer);
        holdings.push(list.as_array().unwrap_or_else(|| panic!("{target}: {answer}")).len());
    }
    holdings
}

async fn fill(server: &DevServer) {
    publish(server, "http://127.0.0.1:9/").header("Upstash-Retries", "0").accepted().await;
    done(server, "settle", &json!({})).await;
    publish(server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    call(server, "POST", "/v2/queues").body(r#"{"queueName": "q"}"#).send().await;
    let endpoints = r#"{"endpoints": [{"url": "http://127.0.0.1:9/"}]}"#;
    call(server, "POST", "/v2/topics/t/endpoints").body(endpoints).send().await;
    call(server, "POST", "/v2/schedules/http://127.0.0.1:9/")
        .header("Upstash-Cron", "0 0 1 1 *")
        .send()
        .await;
    done(server, "faults", &json!({ "fault": "hang", "messageId": "msg_none" })).await;
    assert!(!holdings(server).await.contains(&0));
}

#[tokio::test]
async fn a_reset_forgets_everything_and_goes_back_to_the_time_of_the_machine() {
    let server = DevServer::start().await.unwrap();
    fill(&server).await;
    done(&server, "clock", &json!({ "advance": "3d" })).await;
    server.fault(Fault::Hang);
    let before = publish(&server, "http://127.0.0.1:9/").accepted().await;
    done(&server, "reset", &json!({})).await;
    assert_eq!(holdings(&server).await, [0; 7]);
    assert_eq!(read(&server, "clock").await["ahead"], 0);
    // It goes on as a new server does, but for the ids.
    let destination = Destination::answering(200).await;
    let after = publish(&server, &destination.url("/a")).accepted().await;
    assert_ne!(before, after);
    done(&server, "settle", &json!({})).await;
    assert_eq!(destination.count("/a"), 1);
}

#[tokio::test]
async fn a_server_with_a_data_folder_is_told_twice_to_forget() {
    let folder = Folder::new();
    let server = folder.server().start().await.unwrap();
    fill(&server).await;
    done(&server, "clock", &json!({ "advance": "3d" })).await;
    let kept = holdings(&server).await;
    let refused = control(&server, "POST", "reset", &json!({})).await;
    assert_eq!((refused.status, refused.error().starts_with("confirm: ")), (400, true), "{}", refused.text());
    assert_eq!(holdings(&server).await, kept);
    done(&server, "reset", &json!({ "confirm": "everything" })).await;
    assert_eq!(holdings(&server).await, [0; 7]);
    let keys = server.signing_keys();
    server.shutdown().await;
    let server = folder.server().start().await.unwrap();
    assert_eq!(holdings(&server).await, [0; 7]);
    assert_eq!(read(&server, "clock").await["ahead"], 0);
    assert_eq!(server.signing_keys().current.expose(), keys.current.expose());
}

#[tokio::test]
async fn nonsense_is_refused_by_the_name_of_its_field() {
    let server = DevServer::start().await.unwrap();
    let id = publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
    for (place, body, field) in [
        ("clock", json!({}), "advance"),
        ("clock", json!({ "advance": -1 }), "advance"),
        ("clock", json!({ "advance": "-1s" }), "advance"),
        ("clock", json!({ "advance": 1.5 }), "advance"),
        ("clock", json!({ "advance": "" }), "advance"),
        ("clock", json!({ "advance": "3 days" }), "advance"),
        ("clock", json!({ "advance": "11y" }), "advance"),
        ("clock", json!({ "advance": u64::MAX }), "advance"),
        ("clock", json!({ "advance": "1s", "by": "1s" }), "by"),
        ("settle", json!({ "timeout": "1d" }), "timeout"),
        ("settle", json!({ "timeout": [] }), "timeout"),
        ("wait", json!({ "state": "DELIVERED" }), "messageId"),
        ("wait", json!({ "messageId": 5, "state": "DELIVERED" }), "messageId"),
        ("wait", json!({ "messageId": id }), "state"),
        ("wait", json!({ "messageId": id, "state": "PONDERING" }), "state"),
        ("wait", json!({ "messageId": id, "state": "DELIVERED", "timeout": -1 }), "timeout"),
        ("faults", json!({}), "fault"),
        ("faults", json!({ "fault": "earthquake" }), "fault"),
        ("faults", json!({ "fault": "status" }), "status"),
        ("faults", json!({ "fault": "status", "status": 42 }), "status"),
        ("faults", json!({ "fault": "hang", "status": 500 }), "status"),
        ("faults", json!({ "fault": "hang", "times": 0 }), "times"),
        ("faults", json!({ "fault": "hang", "times": u64::MAX }), "times"),
        ("faults", json!({ "fault": "hang", "url": "http://h/", "messageId": id }), "messageId"),
        ("faults", json!({ "fault": "internal-error", "url": "http://h/" }), "url"),
        ("faults", json!({ "fault": "hang", "url": "127.0.0.1:3000/hook" }), "url"),
        ("faults", json!({ "fault": "hang", "ulr": "http://h/" }), "ulr"),
        ("reset", json!({ "confirm": "yes" }), "confirm"),
        ("reset", json!({ "confirm": true }), "confirm"),
        ("reset", json!({ "\u{1b}[2J": 5 }), "\\u{1b}[2J"),
    ] {
        let answer = control(&server, "POST", place, &body).await;
        assert_eq!(answer.status, 400, "{place} {body}: {}", answer.text());
        assert!(answer.error().starts_with(&format!("{field}: ")), "{place} {body}: {}", answer.error());
    }
    for body in ["[]", "5", "{", "\u{0}", &"[".repeat(10_000)] {
        let answer = call(&server, "POST", "/dev/clock").body(body).send().await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let long = call(&server, "POST", "/dev/clock").body("x".repeat(20_000)).send().await;
    assert_eq!(long.status, 413);
    assert_eq!(get(&server, "/dev/waiting?cursor=x").send().await.status, 400);
    assert_eq!(control(&server, "PUT", "clock", &json!({})).await.status, 405);
    assert_eq!(control(&server, "POST", "clocks", &json!({})).await.status, 404);
    assert_eq!(read(&server, "clock").await["ahead"], 0);
    assert_eq!(read(&server, "waiting").await["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn faults_do_not_pile_up_without_end() {
    let server = DevServer::start().await.unwrap();
    for _ in 0..1000 {
        server.fault(Fault::Hang.of_message("msg_none"));
    }
    let refused = control(&server, "POST", "faults", &json!({ "fault": "hang" })).await;
    assert_eq!(refused.status, 400);
    assert_eq!(read(&server, "faults").await["faults"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn only_the_owner_steers() {
    let server = DevServer::start().await.unwrap();
    let steer = || call(&server, "POST", "/dev/clock").body(r#"{"advance": "1d"}"#).without("Authorization");
    let bearer = |token: &str| format!("Bearer {token}");
    for (call, status) in [
        (steer(), 401),
        (steer().header("Authorization", "Bearer other"), 401),
        (steer().header("Authorization", &bearer(server.read_only_token())), 401),
        (
            steer().header("Authorization", &bearer(server.token())).header("Origin", "http://evil.example"),
            403,
        ),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(read(&server, "clock").await["ahead"], 0);
}

#[tokio::test]
async fn published_users_steer_only_where_they_are_let() {
    let server = DevServer::builder().published_users().start().await.unwrap();
    let refused = control(&server, "POST", "clock", &json!({ "advance": "1d" })).await;
    assert_eq!(refused.status, 403);
    assert!(refused.error().contains("--control"), "{}", refused.error());
    let server = DevServer::builder().published_users().control(true).start().await.unwrap();
    done(&server, "clock", &json!({ "advance": "1d" })).await;
    // Time is the same for all of them.
    let other = server.accounts().nth(1).unwrap();
    let bearer = format!("Bearer {}", other.token);
    let seen =
        get(&server, "/dev/clock").without("Authorization").header("Authorization", &bearer).send().await;
    assert!(Duration::from_millis(seen.json()["ahead"].as_u64().unwrap()) > Duration::from_secs(80_000));
}
