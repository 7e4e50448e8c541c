//! Every resource of the API, from the request to the answer.

use std::time::Duration;

use qstash_dev::{CanceledSpelling, DevServer};
use qstash_types::{LogState, Region};
use serde_json::{Value, json};

use crate::{
    client::{call, get, publish},
    destination::Destination,
};

async fn ok(server: &DevServer, method: &str, target: &str, body: &str) -> Vec<u8> {
    let answer = call(server, method, target).body(body).send().await;
    assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text());
    answer.body
}

async fn read(server: &DevServer, target: &str) -> Value {
    let answer = get(server, target).send().await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_url_group_fans_out_with_its_defaults() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let endpoints = json!({"endpoints": [
        {"url": destination.url("/1"), "name": "one"}, {"url": destination.url("/2")},
    ]});
    ok(&server, "POST", "/v2/topics/team/endpoints", &endpoints.to_string()).await;
    let defaults = json!({"headers": {"Upstash-Retries": "5", "Upstash-Header-Forward": ["true"]}});
    ok(&server, "PATCH", "/v2/topics/team", &defaults.to_string()).await;
    let group = read(&server, "/v2/topics/team").await;
    assert_eq!(group["endpoints"], endpoints["endpoints"]);
    assert_eq!(read(&server, "/v2/topics").await, json!([group]));

    let answer = publish(&server, "team").header("X-Own", "1").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()[1]["url"], destination.url("/2"));
    server.settled().await;
    let received = destination.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("upstash-topic-name"), Some("team"));
    assert_eq!(received[0].header("upstash-max-retries"), Some("5"));
    assert_eq!(received[0].header("x-own"), Some("1"));

    ok(&server, "DELETE", "/v2/topics/team/endpoints", r#"{"endpoints":[{"name":"one"}]}"#).await;
    ok(&server, "DELETE", "/v2/topics/team", "").await;
    ok(&server, "DELETE", "/v2/topics/team", "").await;
    assert_eq!(publish(&server, "team").send().await.error(), "topic team not found");
}

#[tokio::test]
async fn a_queue_is_made_changed_paused_and_deleted() {
    let server = DevServer::start().await.unwrap();
    ok(&server, "POST", "/v2/queues", r#"{"queueName":"q","parallelism":2,"paused":true}"#).await;
    let target = "/v2/enqueue/q/http://127.0.0.1:9/a?upstash-label=x";
    call(&server, "POST", target).accepted().await;
    let queue = read(&server, "/v2/queues/q").await;
    assert_eq!(
        (&queue["parallelism"], &queue["lag"], &queue["paused"]),
        (&json!(2), &json!(1), &json!(true))
    );
    ok(&server, "POST", "/v2/queues", r#"{"queueName":"q","paused":false}"#).await;
    ok(&server, "POST", "/v2/queues/q/pause", "").await;
    ok(&server, "POST", "/v2/queues/q/resume", "").await;
    assert_eq!(read(&server, "/v2/queues").await[0]["paused"], false);
    ok(&server, "DELETE", "/v2/queues/q", "").await;
    ok(&server, "DELETE", "/v2/queues/q", "").await;
    assert_eq!(get(&server, "/v2/queues/q").send().await.error(), "queue q not found");
    for body in [r#"{"queueName":"a b"}"#, r#"{"queueName":"q","parallelism":0}"#, "[", "{}"] {
        assert_eq!(call(&server, "POST", "/v2/queues").body(body).send().await.status, 400, "{body}");
    }
    let answer =
        call(&server, "POST", "/v2/queues").body(r#"{"queueName":"q","parallelism":99}"#).send().await;
    assert_eq!(answer.status, 412);
    assert_eq!(call(&server, "POST", "/v2/enqueue/a%20b/http://127.0.0.1:9/").send().await.status, 400);
}

#[tokio::test]
async fn letter_case_makes_no_difference_in_a_path_but_in_names_it_does() {
    let server = DevServer::start().await.unwrap();
    ok(&server, "POST", "/v2/Queues", r#"{"queueName":"Pause"}"#).await;
    ok(&server, "POST", "/V2/QUEUES/Pause/PAUSE", "").await;
    assert_eq!(read(&server, "/v2/queues/Pause").await["paused"], true);
    assert_eq!(get(&server, "/v2/queues/pause").send().await.status, 404);
    ok(&server, "POST", "/v2/FlowControl/K/PIN?parallelism=1", "").await;
    ok(&server, "POST", "/v2/flowcontrol/K/resetrate", "").await;
    ok(&server, "POST", "/v2/Keys/Rotate", "").await;
    assert_eq!(call(&server, "POST", "/v2/DLQ/Retry").send().await.status, 201);
    let answer = call(&server, "PATCH", "/v2/Schedules/X/Pause").send().await;
    assert_eq!(answer.error(), "schedule X not found");
    let answer = call(&server, "DELETE", "/v2/topics/G/Endpoints").body(r#"{"endpoints":[]}"#).send().await;
    assert_eq!(answer.error(), "topic G not found");
}

#[tokio::test]
async fn a_batch_answers_each_item_in_its_place() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let endpoints = json!({"endpoints": [{"url": destination.url("/g")}]});
    ok(&server, "POST", "/v2/topics/team/endpoints", &endpoints.to_string()).await;
    let dedup = json!({"Upstash-Deduplication-Id": "a", "Content-Type": "text/plain"});
    let items = json!([
        {"destination": destination.url("/1?a=1"), "headers": dedup, "body": "hello", "queue": null},
        {"destination": "team"},
        {"destination": "nowhere.test/x"},
        {"destination": destination.url("/1"), "headers": dedup},
        {"destination": destination.url("/q"), "queue": "q", "body": ""},
        {"destination": "unknown"},
        7,
        {"destination": destination.url("/1"), "body": {}},
        {"destination": destination.url("/1"), "headers": {"Upstash-Retries": 3}},
        {"destination": destination.url("/1"), "headers": []},
        {"destination": "team", "queue": 7},
    ]);
    let answer = call(&server, "POST", "/v2/batch").body(items.to_string()).send().await;
    assert_eq!(answer.status, 200);
    let answers = answer.json();
    assert!(answers[0]["messageId"].is_string());
    assert_eq!(answers[1][0]["url"], destination.url("/g"));
    assert!(answers[2]["error"].as_str().unwrap().contains("invalid scheme"));
    assert_eq!(
        (&answers[3]["messageId"], &answers[3]["deduplicated"]),
        (&answers[0]["messageId"], &json!(true))
    );
    assert!(answers[4]["messageId"].is_string());
    assert_eq!(answers[5]["error"], "topic unknown not found");
    assert_eq!(answers[6]["error"], "expected a message, which is an object");
    assert_eq!(answers[7]["error"], "body: expected a text");
    assert_eq!(answers[8]["error"], "Upstash-Retries: expected a text, or a list of texts");
    assert_eq!(answers[9]["error"], "headers: expected an object");
    assert_eq!(answers[10]["error"], "queue: expected a text");
    server.settled().await;
    let received = destination.received();
    assert_eq!(received.len(), 3);
    let first = received.iter().find(|request| request.target() == "/1?a=1").unwrap();
    assert_eq!((first.body.as_slice(), first.header("content-type")), (&b"hello"[..], Some("text/plain")));
    let many = format!("[{}0]", "0,".repeat(100_000));
    for (body, problem) in [("{}", "expected a sequence"), (&*many, "more than 100000")] {
        let refused = call(&server, "POST", "/v2/batch").body(body).send().await;
        assert_eq!(refused.status, 400);
        let error = refused.error();
        assert!(
            error.starts_with("body: expected an array of messages, 100000 at the most: ")
                && error.contains(problem),
            "{error}"
        );
    }
}

#[tokio::test]
async fn messages_are_cancelled_one_by_id_or_many_by_query_or_body() {
    let server = DevServer::start().await.unwrap();
    let later = || publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h");
    let cancel = async |target: &str, body: &str| call(&server, "DELETE", target).body(body).send().await;
    let one = later().accepted().await;
    let target = format!("/v2/messages/{one}");
    assert_eq!(cancel(&target, "").await.json(), json!({"cancelled": 1}));
    assert_eq!(cancel(&target, "").await.status, 404);

    let (a, b, c) = (later().accepted().await, later().accepted().await, later().accepted().await);
    let target = format!("/v2/messages?messageIds={a}");
    let body = json!({"messageIds": [b]}).to_string();
    assert_eq!(cancel(&target, &body).await.json(), json!({"cancelled": 2}));
    assert_eq!(cancel("/v2/messages?label=x&count=500", "").await.json(), json!({"cancelled": 0}));
    for target in ["/v2/messages?lable=x", "/v2/messages?count=501", "/v2/messages?fromDate=x"] {
        assert_eq!(cancel(target, "").await.status, 400, "{target}");
    }
    assert_eq!(cancel("/v2/messages?messageIds=", "").await.error(), "messageIds: a value is needed");
    for body in
        [r#"{"messageIds":[]}"#, r#"{"messageIds":null}"#, r#"{"label":""}"#, r#"{"count":1,"url":[]}"#]
    {
        assert_eq!(cancel("/v2/messages", body).await.status, 400, "{body}");
    }
    assert_eq!(get(&server, &format!("/v2/messages/{c}")).send().await.status, 200);
    assert_eq!(cancel("/v2/messages", "").await.json(), json!({"cancelled": 1}));
}

#[tokio::test]
async fn the_messages_of_a_batch_are_taken_in_together() {
    let server = DevServer::start().await.unwrap();
    let item = json!({"destination": "http://127.0.0.1:9/", "headers": {"Upstash-Delay": "1h"}});
    let batch = json!(vec![item; 500]).to_string();
    let first_seen = async {
        loop {
            let seen = server.log().await.len();
            if seen > 0 {
                return seen;
            }
        }
    };
    let (answer, seen) = tokio::join!(call(&server, "POST", "/v2/batch").body(batch).send(), first_seen);
    assert_eq!(answer.json().as_array().unwrap().len(), 500);
    assert_eq!(seen, 500);
}

#[tokio::test]
async fn dead_letters_are_paged_read_retried_and_deleted() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(500).await;
    for _ in 0..5 {
        publish(&server, &destination.url("/")).header("Upstash-Retries", "0").accepted().await;
    }
    server.settled().await;
    let ignored = "unknown=1&host=elsewhere&path=/x&state=DELIVERED&messageIds=msg_x";
    let page = read(&server, &format!("/v2/dlq?count=2&{ignored}")).await;
    let cursor = page["cursor"].as_str().unwrap();
    let rest = read(&server, &format!("/v2/dlq?cursor={cursor}&label=")).await;
    assert_eq!(rest["messages"].as_array().unwrap().len(), 3);
    assert!(rest.get("cursor").is_none());
    let id = page["messages"][0]["dlqId"].as_str().unwrap();
    let target = format!("/v2/dlq/{id}");
    assert_eq!(read(&server, &target).await, page["messages"][0]);

    let retry = format!("/v2/dlq/retry/{id}");
    let answer = call(&server, "POST", &retry).header("Upstash-Retries", "1").send().await;
    assert_eq!(answer.status, 201);
    assert!(answer.json()["messageId"].is_string());
    assert_eq!(call(&server, "POST", &retry).send().await.status, 404);
    assert_eq!(call(&server, "DELETE", &target).send().await.status, 404);
    let second = page["messages"][1]["dlqId"].as_str().unwrap();
    assert!(ok(&server, "DELETE", &format!("/v2/dlq/{second}"), "").await.is_empty());

    let answer = call(&server, "POST", "/v2/dlq/retry?responseStatus=500&count=1").send().await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["responses"].as_array().unwrap().len(), 1);
    assert_ne!(answer.json()["cursor"], "");
    server.settled().await;
    for bad in ["host=a", "path=/", "unknown=1", "count=101", "cursor=x", "fromDate=x", "dlqIds=", "label="] {
        let answer = call(&server, "DELETE", &format!("/v2/dlq?{bad}")).send().await;
        assert_eq!(answer.status, 400, "{bad}");
        let (name, _) = bad.split_once('=').unwrap();
        assert!(answer.error().starts_with(&format!("{name}: ")), "{}", answer.error());
    }
    let nothing = call(&server, "POST", "/v2/dlq/retry").body(r#"{"dlqIds":[]}"#).send().await;
    assert_eq!((nothing.status, &*nothing.error()), (400, "dlqIds: a value is needed"));
    let deleted: Value = serde_json::from_slice(&ok(&server, "DELETE", "/v2/dlq", "").await).unwrap();
    assert_eq!(deleted, json!({"deleted": 3}));
}

/// Official clients take no cursor when they name ids.
#[tokio::test]
async fn dead_letters_that_are_named_are_all_meant_at_once() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(500).await;
    let message = json!({"destination": destination.url("/"), "headers": {"Upstash-Retries": "0"}});
    let batch = serde_json::to_vec(&vec![message; 150]).unwrap();
    assert_eq!(call(&server, "POST", "/v2/batch").body(batch).send().await.status, 200);
    server.settled().await;
    let first = read(&server, "/v2/dlq").await;
    let rest = read(&server, &format!("/v2/dlq?cursor={}", first["cursor"].as_str().unwrap())).await;
    let letters = [first, rest].map(|page| page["messages"].as_array().unwrap().clone()).concat();
    let ids: Vec<_> = letters.iter().map(|letter| letter["dlqId"].as_str().unwrap()).collect();

    let listed = read(&server, &format!("/v2/dlq?dlqIds={}", ids.join(","))).await;
    assert_eq!((&listed["messages"], listed.get("cursor")), (&json!(letters), None));
    let deleted = ok(&server, "DELETE", "/v2/dlq", &json!({"dlqIds": ids}).to_string()).await;
    assert_eq!(serde_json::from_slice::<Value>(&deleted).unwrap(), json!({"deleted": 150}));
}

#[tokio::test]
async fn logs_are_filtered_paged_and_grouped() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let id = publish(&server, &destination.url("/a")).header("Upstash-Label", "x").accepted().await;
    publish(&server, &destination.url("/b")).accepted().await;
    server.settled().await;
    let page = read(&server, "/v2/events?label=x&count=2").await;
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
    let target = format!("/v2/events?label=x&cursor={}", page["cursor"].as_str().unwrap());
    let rest = read(&server, &target).await;
    assert_eq!((&rest["events"][0]["state"], rest.get("cursor")), (&json!("CREATED"), None));
    // A time is a cursor as well.
    let created = rest["events"][0]["time"].as_u64().unwrap();
    let until =
        async |time: u64| read(&server, &format!("/v2/events?label=x&cursor={time}")).await["events"].clone();
    assert!(until(created).await.as_array().unwrap().contains(&rest["events"][0]));
    assert_eq!(until(created - 1).await, json!([]));
    assert_eq!(read(&server, "/v2/logs?path=/b&state=DELIVERED").await["logs"].as_array().unwrap().len(), 1);
    let grouped = read(&server, &format!("/v2/logs?groupBy=messageId&messageId={id}")).await;
    assert_eq!(grouped["messages"][0]["messageId"], id);
    assert_eq!(grouped["messages"][0]["events"].as_array().unwrap().len(), 3);
    for bad in ["state=ODD", "cursor=abc", "groupBy=url"] {
        assert_eq!(get(&server, &format!("/v2/logs?{bad}")).send().await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn rotated_keys_sign_from_now_on() {
    let server = DevServer::start().await.unwrap();
    let before = server.signing_keys();
    let body = ok(&server, "POST", "/v2/keys/rotate", "").await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let after = server.signing_keys();
    assert_eq!(after.current.expose(), before.next.expose());
    assert_ne!(after.next.expose(), before.current.expose());
    let expected = json!({"current": after.current.expose(), "next": after.next.expose()});
    assert_eq!((&answer, &read(&server, "/v2/keys").await), (&expected, &expected));
}

#[tokio::test]
async fn flow_control_is_pinned_paused_and_shown() {
    let server = DevServer::start().await.unwrap();
    ok(&server, "POST", "/v2/flowControl/a%2Fb/pin?parallelism=5&rate=10&period=60", "").await;
    ok(&server, "POST", "/v2/flowControl/a%2Fb/pause", "").await;
    let key = read(&server, "/v2/flowControl/a%2Fb").await;
    assert_eq!(
        (&key["flowControlKey"], &key["rateMax"], &key["ratePeriod"]),
        (&json!("a/b"), &json!(10), &json!(60))
    );
    assert_eq!((&key["isPaused"], &key["isPinnedRate"]), (&json!(true), &json!(true)));
    for verb in ["resume", "unpin?rate=true", "resetRate", "reset"] {
        ok(&server, "POST", &format!("/v2/flowControl/a%2Fb/{verb}"), "").await;
    }
    assert_eq!(read(&server, "/v2/flowControl?search=b").await.as_array().unwrap().len(), 1);
    let global = read(&server, "/v2/globalParallelism").await;
    assert_eq!(global, json!({"parallelismMax": 256, "parallelismCount": 0}));
    assert_eq!(get(&server, "/v2/flowControl/x").send().await.status, 404);
    let answer = call(&server, "POST", "/v2/flowControl/x/pin?rate=0").send().await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_schedule_is_made_paused_resumed_and_deleted() {
    let server = DevServer::start().await.unwrap();
    let destination = Destination::answering(200).await;
    let target = format!("/v2/schedules/{}", destination.url("/s?a=1"));
    let answer = call(&server, "POST", &target).header("Upstash-Cron", "*/5 * * * *").body("x").send().await;
    assert_eq!(answer.status, 200);
    let id = answer.json()["scheduleId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("scd_"));
    let schedule = read(&server, &format!("/v2/schedules/{id}")).await;
    assert_eq!(
        (&schedule["destination"], &schedule["body"]),
        (&json!(destination.url("/s?a=1")), &json!("x"))
    );
    assert_eq!(read(&server, "/v2/schedules").await.as_array().unwrap().len(), 1);
    for method in ["POST", "PATCH"] {
        ok(&server, method, &format!("/v2/schedules/{id}/pause"), "").await;
    }
    server.advance(Duration::from_secs(600)).await;
    assert!(destination.received().is_empty());
    ok(&server, "PATCH", &format!("/v2/schedules/{id}/resume"), "").await;
    server.advance(Duration::from_secs(600)).await;
    assert_eq!(destination.received().len(), 2);
    assert_eq!(destination.received()[0].header("upstash-schedule-id"), Some(id.as_str()));
    ok(&server, "DELETE", &format!("/v2/schedules/{id}"), "").await;
    assert_eq!(get(&server, &format!("/v2/schedules/{id}")).send().await.status, 404);
    let bad = call(&server, "POST", &target).header("Upstash-Cron", "0 0 30 2 *").send().await;
    assert_eq!((bad.status, bad.error().as_str()), (400, "Upstash-Cron: the expression never fires"));
    assert_eq!(call(&server, "POST", &target).send().await.error(), "Upstash-Cron: needed");
}

#[tokio::test]
async fn the_read_only_token_reads_and_changes_nothing() {
    let server = DevServer::builder().read_only_token("look").start().await.unwrap();
    let with = |method: &str, target: &str| {
        call(&server, method, target).without("Authorization").header("Authorization", "Bearer look").send()
    };
    assert_eq!(with("GET", "/v2/queues").await.status, 200);
    for (method, target) in [
        ("POST", "/v2/publish/http://127.0.0.1:9/"),
        ("DELETE", "/v2/messages"),
        ("PATCH", "/v2/topics/x"),
        ("POST", "/v2/keys/rotate"),
    ] {
        let answer = with(method, target).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.error(), "Authorization: the token is read-only");
    }
}

#[tokio::test]
async fn the_log_of_the_api_spells_cancelled_messages_as_it_is_told_to() {
    for (spelling, expected) in [(CanceledSpelling::OneL, "CANCELED"), (CanceledSpelling::TwoLs, "CANCELLED")]
    {
        let server = DevServer::builder().canceled_spelling(spelling).start().await.unwrap();
        let id = publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h").accepted().await;
        ok(&server, "DELETE", &format!("/v2/messages/{id}"), "").await;
        for filter in ["CANCELED", "CANCELLED"] {
            for (target, list) in [
                ("/v2/logs?", "/logs"),
                ("/v2/events?", "/events"),
                ("/v2/logs?groupBy=messageId&", "/messages/0/events"),
            ] {
                let page = read(&server, &format!("{target}state={filter}")).await;
                let entries = page.pointer(list).unwrap().as_array().unwrap();
                assert_eq!(entries.len(), 1, "{target} {filter}");
                assert_eq!(entries[0]["state"], expected, "{target} {filter}");
            }
        }
        assert_eq!(server.log().await[0].state, LogState::Canceled, "the library has one name for it");
    }
}

/// The official Go SDK calls one "First endpoint".
#[tokio::test]
async fn endpoints_of_a_url_group_have_free_text_for_names() {
    let server = DevServer::start().await.unwrap();
    let endpoint = |name: &str| {
        let body = json!({ "endpoints": [{ "name": name, "url": "http://127.0.0.1:9/" }] });
        call(&server, "POST", "/v2/topics/group/endpoints").body(body.to_string())
    };
    for name in ["First endpoint", "größte/Nr. 1: α"] {
        assert_eq!(endpoint(name).send().await.status, 200, "{name}");
        let group = get(&server, "/v2/topics/group").send().await.json();
        assert_eq!(group["endpoints"][0]["name"], name);
    }
    assert_eq!(endpoint("a\nb").send().await.status, 400);
}

/// A step of a workflow that is delivered as any other message loses the run that it belongs to.
#[tokio::test]
async fn what_belongs_to_a_workflow_is_refused_and_says_why() {
    let server = DevServer::start().await.unwrap();
    let calls = [
        publish(&server, "http://127.0.0.1:9/").header("Upstash-Workflow-RunId", "wfr_1"),
        call(&server, "POST", "/v2/trigger/http://127.0.0.1:9/"),
        call(&server, "DELETE", "/v2/workflows/runs/wfr_1"),
        call(&server, "POST", "/v2/notify/event"),
        call(&server, "GET", "/v2/waiters/event"),
    ];
    for call in calls {
        let answer = call.send().await;
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains("Workflow is not supported"), "{}", answer.error());
    }
    let items =
        json!([{ "destination": "http://127.0.0.1:9/", "headers": { "Upstash-Workflow-Init": "true" } }]);
    let answer = call(&server, "POST", "/v2/batch").body(items.to_string()).send().await.json();
    assert!(answer[0]["error"].as_str().unwrap().contains("Workflow is not supported"), "{answer}");
    assert!(server.log().await.is_empty());
}

#[tokio::test]
async fn deliveries_come_from_the_region_that_the_server_stands_for() {
    let destination = Destination::answering(200).await;
    for (builder, region) in
        [(DevServer::builder(), "EU-CENTRAL-1"), (DevServer::builder().region(Region::UsEast1), "US-EAST-1")]
    {
        let server = builder.start().await.unwrap();
        publish(&server, &destination.url("/")).accepted().await;
        server.settled().await;
        let received = destination.received().pop().unwrap();
        assert_eq!(received.header("upstash-region"), Some(region));
    }
}

#[tokio::test]
async fn logs_show_a_hundred_entries_and_events_a_thousand_unless_a_call_says_how_many() {
    let server = DevServer::start().await.unwrap();
    let item = r#"{"destination": "http://127.0.0.1:9/", "headers": {"Upstash-Delay": "1d"}}"#;
    let body = format!("[{}]", vec![item; 1001].join(","));
    call(&server, "POST", "/v2/batch").body(body).send().await;
    for (resource, count) in [("logs", 100), ("events", 1000)] {
        let page = read(&server, &format!("/v2/{resource}")).await;
        assert_eq!(page[resource].as_array().unwrap().len(), count);
        assert!(page["cursor"].is_string());
    }
    let refused = get(&server, "/v2/events?count=1001").send().await;
    assert_eq!(refused.error(), "count: expected a number from 1 to 1000");
}
