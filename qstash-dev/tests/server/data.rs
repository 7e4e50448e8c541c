//! A data folder: what is still there after the end of a server, planned or not, and what is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use qstash_dev::{DevServer, DevServerBuilder, StartError};
use qstash_types::{LogState, SigningKey, SigningKeys};
use serde_json::{Value, json};

use crate::{
    client::{Call, call, get, publish},
    destination::{Destination, response},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A folder of the test's own, gone on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("data-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("qstash.redb")
    }

    pub(crate) fn server(&self) -> DevServerBuilder {
        DevServer::builder().token("token").seed(1).data(&self.0)
    }

    async fn start(&self) -> DevServer {
        self.server().start().await.unwrap()
    }

    /// What is on the disk now, as if the server that has written it had been killed.
    fn after_a_crash(&self) -> Self {
        let copy = Self::new();
        fs::copy(self.file(), copy.file()).unwrap();
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything that the API shows and a crash must not change.
async fn shown(server: &DevServer) -> Vec<Value> {
    let mut shown = Vec::new();
    for target in ["queues", "topics", "schedules", "dlq", "flowControl", "keys"] {
        shown.push(get(server, &format!("/v2/{target}")).send().await.json());
    }
    shown
}

#[cfg(unix)]
#[tokio::test]
async fn what_was_accepted_is_delivered_after_a_crash_with_everything_it_says() {
    let folder = Folder::new();
    let destination = Destination::answering(200).await;
    let server = folder.start().await;
    let id = publish(&server, &destination.url("/later?a=1"))
        .header("Upstash-Delay", "1h")
        .header("Upstash-Method", "PUT")
        .header("Upstash-Forward-Binary", "a\u{e9}\u{1F600}")
        .header("Upstash-Callback", &destination.url("/callback"))
        .header("Upstash-Retries", "1")
        .header("Upstash-Label", "one,two")
        .header("Upstash-Redact-Fields", "header[secret]")
        .header("Content-Type", "application/octet-stream")
        .body([0, 159, 146, 150])
        .accepted()
        .await;
    let target = format!("/v2/messages/{id}");
    let before = get(&server, &target).send().await.json();

    let copy = folder.after_a_crash();
    let server = copy.start().await;
    assert_eq!(get(&server, &target).send().await.json(), before);
    server.advance(HOUR).await;
    let received = destination.received();
    assert_eq!(received[0].line, "PUT /later?a=1 HTTP/1.1");
    assert_eq!(received[0].body, [0, 159, 146, 150]);
    assert_eq!(received[0].header("binary"), Some("a\u{e9}\u{1F600}"));
    assert_eq!(received[0].header("upstash-message-id"), Some(&*id));
    assert_eq!(received[1].path(), "/callback");
    server.shutdown().await;
    assert_eq!(copy.start().await.dead_letters().await, []);
}

#[cfg(unix)]
#[tokio::test]
async fn everything_that_the_api_shows_survives_a_crash() {
    let folder = Folder::new();
    let destination = Destination::start(|request| match request.path() {
        "/dead" => response(400, "out of ink"),
        _ => response(200, ""),
    })
    .await;
    let server = folder.start().await;
    for (method, target, body) in [
        ("POST", "/v2/queues", r#"{"queueName": "q", "parallelism": 3}"#),
        ("POST", "/v2/queues/q/pause", ""),
        (
            "POST",
            "/v2/topics/g/endpoints",
            r#"{"endpoints": [{"url": "http://127.0.0.1:9/a", "name": "a"}]}"#,
        ),
        ("POST", "/v2/schedules/http://127.0.0.1:9/s", "every day"),
        ("POST", "/v2/flowControl/slow/pin?rate=3&period=60", ""),
        ("POST", "/v2/flowControl/slow/pause", ""),
        ("POST", "/v2/keys/rotate", ""),
    ] {
        let call = call(&server, method, target).header("Upstash-Cron", "0 0 * * *").body(body);
        let answer = call.send().await;
        assert!(answer.status < 300, "{target}: {}", answer.text());
    }
    publish(&server, &destination.url("/dead")).header("Upstash-Retries", "0").body("x").accepted().await;
    server.settled().await;
    call(&server, "POST", "/v2/enqueue/q/http://127.0.0.1:9/x").accepted().await;
    let delivered = publish(&server, &destination.url("/once"))
        .header("Upstash-Deduplication-Id", "once")
        .accepted()
        .await;
    server.settled().await;
    let before = shown(&server).await;
    let used: Vec<_> = server.log().await.into_iter().map(|entry| entry.message_id.to_string()).collect();

    let copy = folder.after_a_crash();
    let restored = copy.start().await;
    assert_eq!(shown(&restored).await, before);
    let again = publish(&restored, &destination.url("/once")).header("Upstash-Deduplication-Id", "once");
    let again = again.send().await.json();
    assert_eq!(
        (again["messageId"].as_str(), &again["deduplicated"]),
        (Some(&*delivered), &Value::Bool(true))
    );
    assert_eq!(destination.count("/once"), 1);
    // As many as the first server has made, and with the same seed.
    for _ in 0..20 {
        let fresh = publish(&restored, "http://127.0.0.1:9/x").accepted().await;
        assert!(!used.contains(&fresh), "{fresh} is not new");
    }
}

#[tokio::test]
async fn rotated_keys_stay_in_force_until_others_are_given() {
    let folder = Folder::new();
    let keys = |name: &str| {
        let key = |which| SigningKey::new(format!("sig_{name}_{which}")).unwrap();
        SigningKeys::new(key("current"), key("next"))
    };
    let in_force = |server: &DevServer| {
        let keys = server.signing_keys();
        [keys.current.expose().to_owned(), keys.next.expose().to_owned()]
    };
    let server = folder.server().signing_keys(keys("one")).start().await.unwrap();
    assert_eq!(call(&server, "POST", "/v2/keys/rotate").send().await.status, 200);
    let rotated = in_force(&server);
    assert_eq!(rotated[0], "sig_one_next");
    server.shutdown().await;

    let server = folder.server().signing_keys(keys("one")).start().await.unwrap();
    assert_eq!(in_force(&server), rotated);
    server.shutdown().await;
    let server = folder.start().await;
    assert_eq!(in_force(&server), rotated);
    server.shutdown().await;
    let server = folder.server().signing_keys(keys("two")).start().await.unwrap();
    assert_eq!(in_force(&server), ["sig_two_current", "sig_two_next"]);
}

#[tokio::test]
async fn time_that_was_skipped_does_not_come_back() {
    let folder = Folder::new();
    let server = folder.start().await;
    server.advance(24 * HOUR).await;
    let url = "http://127.0.0.1:9/hook";
    let id = publish(&server, url).header("Upstash-Delay", "1h").accepted().await;
    server.shutdown().await;

    let server = folder.start().await;
    server.advance(HOUR).await;
    server.settled().await;
    let states: Vec<_> =
        server.log().await.into_iter().map(|entry| (entry.message_id, entry.state)).collect();
    assert!(states.iter().any(|(message, state)| message.as_str() == id && *state == LogState::Active));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_kept_is_for_the_eyes_of_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let made = folder.0.join("made");
    let _server = DevServer::builder().data(&made).start().await.unwrap();
    for path in [&made, &made.join("qstash.redb")] {
        let permissions = fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o077, 0, "{}: {permissions:?}", path.display());
    }
}

#[tokio::test]
async fn each_published_user_keeps_what_is_its_own_in_a_folder_of_its_own() {
    let folder = Folder::new();
    let start = async || folder.server().published_users().start().await;
    let by = |token: &str, call: Call| {
        call.without("Authorization").header("Authorization", &format!("Bearer {token}"))
    };
    let server = start().await.unwrap();
    let mut users = Vec::new();
    for account in server.accounts() {
        let waiting = publish(&server, "http://127.0.0.1:9/").header("Upstash-Delay", "1h");
        let message = by(&account.token, waiting).accepted().await;
        users.push((account.token, format!("/v2/messages/{message}")));
    }
    let rotate = by(&users[1].0, call(&server, "POST", "/v2/keys/rotate"));
    let rotated = rotate.send().await.json();
    let first_keys = server.signing_keys();
    let error = start().await.unwrap_err();
    let StartError::DataInUse { folder: used } = &error else { panic!("{error:?}") };
    assert_eq!(*used, folder.0.join("user-1"));
    server.shutdown().await;

    for number in 1..=4 {
        assert!(folder.0.join(format!("user-{number}/qstash.redb")).is_file());
    }
    assert!(!folder.file().exists());
    let server = start().await.unwrap();
    for (number, (token, own)) in users.iter().enumerate() {
        let (_, other) = &users[(number + 1) % users.len()];
        assert_eq!(by(token, get(&server, own)).send().await.status, 200);
        assert_eq!(by(token, get(&server, other)).send().await.status, 404);
    }
    assert_eq!(by(&users[1].0, get(&server, "/v2/keys")).send().await.json(), rotated);
    assert_eq!(server.signing_keys().current.expose(), first_keys.current.expose());
}

#[tokio::test]
async fn two_servers_do_not_share_a_folder() {
    let folder = Folder::new();
    let server = folder.start().await;
    let error = folder.server().start().await.unwrap_err();
    assert!(matches!(error, StartError::DataInUse { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "another server uses the data folder {}: end it, or use another folder (errors.md#data-folder)",
            folder.0.display()
        )
    );
    server.shutdown().await;
    folder.start().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_refused_by_its_name() {
    let folder = Folder::new();
    let file = folder.0.join("file");
    fs::write(&file, "not a folder").unwrap();
    let occupied = folder.0.join("occupied");
    fs::create_dir_all(occupied.join("qstash.redb")).unwrap();
    for path in [&file, &file.join("below"), &occupied] {
        let error = DevServer::builder().data(path).start().await.unwrap_err();
        assert!(matches!(error, StartError::Data { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!("cannot use the data folder {} (errors.md#data-folder)", path.display())
        );
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "not a folder");
}

/// Starts a server on a file with this content: it goes on with all messages, or it says what is wrong.
async fn start_on(content: &[u8], messages: &[String]) -> Result<(), String> {
    let folder = Folder::new();
    fs::write(folder.file(), content).unwrap();
    match folder.server().start().await {
        Ok(server) => {
            for id in messages {
                let answer = get(&server, &format!("/v2/messages/{id}")).send().await;
                assert_eq!(answer.status, 200, "{id} is lost");
            }
            server.shutdown().await;
            Ok(())
        }
        Err(StartError::DataDamaged { folder: named, problem }) => {
            assert_eq!(named, folder.0);
            Err(problem)
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_damaged_file_is_refused_or_does_no_harm() {
    let folder = Folder::new();
    let server = folder.start().await;
    let mut messages = Vec::new();
    for number in 0..20 {
        let publish = publish(&server, "http://127.0.0.1:9/hook").header("Upstash-Delay", "1h");
        messages.push(publish.body(number.to_string().repeat(1000)).accepted().await);
    }
    let running = fs::read(folder.file()).unwrap();
    server.shutdown().await;
    let closed = fs::read(folder.file()).unwrap();

    for content in [running, closed] {
        start_on(&content, &messages).await.unwrap();
        for length in [0, 1, 100, 4096, content.len() / 2, content.len() - 1] {
            start_on(&content[..length], &messages).await.unwrap_err();
        }
        start_on(&vec![0; content.len()], &messages).await.unwrap_err();
        start_on(b"something else", &messages).await.unwrap_err();
        // Behind the header, of which not every bit is covered by a checksum.
        let used: Vec<_> = (512..content.len()).filter(|&place| content[place] != 0).collect();
        let mut refused = 0;
        for step in 0..40 {
            let mut flipped = content.clone();
            flipped[used[step * used.len() / 40]] ^= 1 << (step % 8);
            refused += usize::from(start_on(&flipped, &messages).await.is_err());
        }
        assert!(refused > 10, "{refused} refused");
        let mut zeroed = content.clone();
        zeroed[used[used.len() / 4]..used[used.len() / 2]].fill(0);
        start_on(&zeroed, &messages).await.unwrap_err();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn odd_headers_are_kept_as_they_are_or_refused() {
    let folder = Folder::new();
    let destination = Destination::answering(200).await;
    let server = folder.start().await;
    let long_name = "n".repeat(65_500);
    let forwarded = publish(&server, &destination.url("/long"))
        .header("Upstash-Delay", "1h")
        .header("Upstash-Header-Forward", "true")
        .header(&long_name, "value");
    forwarded.accepted().await;
    let values: Vec<_> = (0..40_000).map(|number| number.to_string()).collect();
    for name in ["Upstash-Callback-Forward-A", "Upstash-Forward-A"] {
        let mut items = json!([{ "destination": destination.url("/many"), "headers": {} }]);
        items[0]["headers"][name] = json!(values);
        let answer = call(&server, "POST", "/v2/batch").body(items.to_string()).send().await;
        assert_eq!(answer.json(), json!([{ "error": "more than 100 headers" }]));
    }

    let copy = folder.after_a_crash();
    let restored = copy.start().await;
    restored.advance(HOUR).await;
    let received = destination.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header(&long_name), Some("value"));
}
