//! What depends on the environment of the process: each of these tests runs itself again in a process of its own.

use std::{env, ffi::OsStr, process::Command};

use qstash_client::{Client, Message};

use crate::loopback::RawServer;
#[cfg(all(feature = "hyper", feature = "rustls", not(feature = "native-tls"), target_os = "linux"))]
use crate::tls::{AUTHORITY, Http2Server};

const ALONE: &str = "QSTASH_CLIENT_TEST_RUNS_ALONE";

/// Whether this is the process of its own. Otherwise starts it, with these variables, and waits for its success.
fn alone(test: &str, variables: &[(&str, impl AsRef<OsStr>)]) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let variables = variables.iter().map(|(name, value)| (name, value));
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(variables)
        .env(ALONE, "1")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && report.contains("1 passed"),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

#[test]
fn without_certificates_plain_http_works_and_https_says_what_is_missing() {
    let nothing = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")];
    let test = "process::without_certificates_plain_http_works_and_https_says_what_is_missing";
    if alone(test, &nothing) {
        Client::new("http://127.0.0.1:8080", "t").unwrap();
        Client::new("http://qstash.example", "t").unwrap();
        #[cfg(all(feature = "rustls", not(feature = "native-tls"), target_os = "linux"))]
        {
            let error = Client::new("https://qstash.example", "t").unwrap_err();
            assert!(error.to_string().contains("ca-certificates"), "{error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}

#[cfg(all(feature = "hyper", feature = "rustls", not(feature = "native-tls"), target_os = "linux"))]
#[tokio::test]
async fn hyper_speaks_http_2_to_a_server_that_offers_it_over_tls() {
    let test = "process::hyper_speaks_http_2_to_a_server_that_offers_it_over_tls";
    if alone(test, &[("SSL_CERT_FILE", AUTHORITY)]) {
        let server = Http2Server::start().await;
        let client = Client::builder().base_url(&*server.url).token("t").hyper().build().unwrap();
        for body in ["", "text"] {
            let message = Message::to("https://example.com/a//b?c=%2F").text(body).retries(2);
            let published = client.publish(message).await.unwrap();
            assert_eq!(published.message_id().as_str(), "msg_1");
        }
        let requests = server.requests();
        assert_eq!(requests.iter().map(|request| &**request.body()).collect::<Vec<_>>(), [&b""[..], b"text"]);
        for request in requests {
            assert_eq!(request.version(), http::Version::HTTP_2);
            assert_eq!(
                request.uri().to_string(),
                server.url.clone() + "/v2/publish/https://example.com/a//b?c=%2F"
            );
            assert_eq!(request.headers()["upstash-retries"], "2");
            assert_eq!(request.headers()["authorization"], "Bearer t");
            assert_eq!(request.headers().get("host"), None, "HTTP/2 has another place for it");
        }
    }
}

#[tokio::test]
async fn proxy_variables_do_not_apply_to_loopback() {
    let dead_end = "http://127.0.0.1:1";
    let variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, dead_end));
    if alone("process::proxy_variables_do_not_apply_to_loopback", &variables) {
        let server = RawServer::accepting().await;
        let port = server.url.rsplit(':').next().unwrap();
        for host in ["127.0.0.1", "localhost"] {
            let client = Client::new(format!("http://{host}:{port}"), "t").unwrap();
            client.publish(Message::to("https://example.com")).await.unwrap();
        }
    }
}

#[test]
fn the_environment_of_the_process_is_read() {
    let variables = [("QSTASH_TOKEN", "t"), ("QSTASH_URL", "http://127.0.0.1:8123")];
    if alone("process::the_environment_of_the_process_is_read", &variables) {
        let client = Client::from_env().unwrap();
        assert!(format!("{client:?}").contains("http://127.0.0.1:8123"));
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_refused_by_name() {
    use std::os::unix::ffi::OsStrExt;

    let variables = [("QSTASH_TOKEN", OsStr::from_bytes(b"t\xff"))];
    if alone("process::a_variable_that_is_not_unicode_is_refused_by_name", &variables) {
        assert_eq!(Client::from_env().unwrap_err().setting(), "QSTASH_TOKEN");
    }
}
