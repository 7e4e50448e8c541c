//! The command line, and the variables that stand for it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use crate::running::{CURRENT_KEY, Folder, NEXT_KEY, Running, TOKEN, output, program};

const GIVEN: [(&str, &str); 4] = [TOKEN, ("QSTASH_READ_ONLY_TOKEN", "canary-reader"), CURRENT_KEY, NEXT_KEY];

fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Running {
    let environment = [&GIVEN, environment].concat();
    Running::start(program(&Folder::new(), arguments, &environment), 1)
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it_and_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for command in [&[][..], &["dev"]] {
        let port = address.port().to_string();
        let (code, stdout, stderr) = output(&[command, &["--port", &port]].concat(), &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        let expected =
            format!("cannot listen on {address}: address already in use; choose another port with --port");
        assert_eq!(stderr, format!("qstash-dev: {expected} (errors.md#listen)\n"));
    }
}

#[test]
fn an_address_of_another_machine_is_an_error_that_says_which_option_names_it() {
    // Reserved for documentation, so no machine has it.
    let (code, _, stderr) = output(&["--listen", "192.0.2.1", "--port", "0"], &[]);
    let expected =
        "cannot listen on 192.0.2.1:0: it is no address of this machine; choose another with --listen";
    assert_eq!((code, stderr), (Some(1), format!("qstash-dev: {expected} (errors.md#listen)\n")));
}

#[test]
fn help_and_version_are_printed() {
    let (code, help, _) = output(&["--help"], &[]);
    assert_eq!(code, Some(0));
    for expected in [
        "--listen",
        "--port",
        "--log-port",
        "--allow-host",
        "--map-host",
        "--allow-internet",
        "--memory",
        "--attempts",
        "--connections",
        "--metrics-public",
        "--otlp",
        "--env-file",
        "--region",
        "--data",
        "--state",
        "--seed",
        "--canceled-spelling",
        "--log-format",
        "--log-level",
        "QSTASH_TOKEN",
        "QSTASH_READ_ONLY_TOKEN",
        "QSTASH_CURRENT_SIGNING_KEY",
        "QSTASH_NEXT_SIGNING_KEY",
        "QSTASH_DEV_PORT",
    ] {
        assert!(help.contains(expected), "{expected}");
    }
    assert_eq!(output(&["dev", "-help"], &[]).1, help);
    let (code, version, _) = output(&["--version"], &[]);
    assert_eq!((code, version), (Some(0), format!("qstash-dev {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn an_argument_that_means_nothing_is_an_error_that_points_to_the_help() {
    for arguments in [
        &["--prot"][..],
        &["--port"],
        &["--port", "x"],
        &["--port", "70000"],
        &["--log-port", "-1"],
        &["--listen", "example.com"],
        &["-p"],
        &["-x", "1"],
        &["--region", "mars"],
        &["--map-host", "example.com"],
        &["--seed", "x"],
        &["--memory", "0"],
        &["--memory", "1GB"],
        &["--attempts", "0"],
        &["--connections", "0"],
        &["--canceled-spelling", "cancelled"],
        &["--log-format", "xml"],
        &["--log-level", "loud"],
        &["--data", ""],
        &["--allow-internet=true"],
        &["serve"],
        &["--port", "0", "dev"],
        &["-port", "0"],
        &["--quota", "pro"],
    ] {
        let (code, stdout, stderr) = output(arguments, &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(stderr.starts_with("qstash-dev: ") && stderr.ends_with("; try --help\n"), "{stderr}");
    }
}

#[test]
fn a_setting_that_means_nothing_is_an_error_that_names_where_it_stands() {
    for (arguments, environment, expected) in [
        (&["--port", "x"][..], ("QSTASH_DEV_PORT", "1"), "--port: \"x\": invalid digit found in string"),
        (&[], ("QSTASH_DEV_PORT", "x"), "QSTASH_DEV_PORT: \"x\": invalid digit found in string"),
        (&[], ("QSTASH_DEV_ALLOW_INTERNET", "x"), "QSTASH_DEV_ALLOW_INTERNET: \"x\": "),
        (
            &[],
            ("QSTASH_DEV_MAP_HOST", "a=http://b,c"),
            "QSTASH_DEV_MAP_HOST: \"c\": expected HOST=http://HOST:PORT",
        ),
        (&["--port", "0"], ("QSTASH_DEV_ALLOW_HOST", "a:1"), "\"a:1\" is no name of a host"),
        (
            &["--port", "0", "--map-host", "a=b"],
            ("QSTASH_DEV_SEED", "1"),
            "cannot map \"a\" to \"b\": the target must be http://HOST:PORT, without a path",
        ),
    ] {
        let (code, stdout, stderr) = output(arguments, &[environment]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(stderr.starts_with(&format!("qstash-dev: {expected}")), "{stderr}");
    }
}

#[test]
fn a_variable_stands_for_an_option_and_gives_way_to_it() {
    let variables = [
        ("QSTASH_DEV_PORT", "0"),
        ("QSTASH_DEV_ALLOW_HOST", "qstash, other,"),
        ("QSTASH_DEV_SEED", "7"),
        ("QSTASH_DEV_LOG_PORT", ""),
    ];
    let published = "POST /v2/publish/http://127.0.0.1:9/";
    let delayed = format!("{published}?upstash-delay=1h");
    let status = |running: &Running, host: &str| {
        running.call_as(host, "GET /v2/keys", TOKEN.1).split(' ').nth(1).unwrap().to_owned()
    };
    let by_variables = start(&[], &variables);
    assert_eq!(["qstash:1", "other", "third"].map(|host| status(&by_variables, host)), ["200", "200", "403"]);

    let flags = ["--allow-host", "third", "--seed", "8"];
    let by_flags = start(&flags, &variables);
    assert_eq!(["qstash", "other", "third"].map(|host| status(&by_flags, host)), ["403", "403", "200"]);

    let id =
        |running: &Running| running.call(&delayed, TOKEN.1).split("messageId").nth(1).unwrap().to_owned();
    let same = start(&["--port", "0", "--seed", "7"], &[]);
    let first = id(&by_variables);
    assert_eq!(first, id(&same));
    assert_ne!(first, id(&by_flags));
}

#[test]
fn limits_are_those_that_are_wanted() {
    let limits = ["--memory", "1", "--attempts", "3", "--connections", "9"];
    // Nobody reads the log.
    let running = start(&[&["--port", "0", "--log-level", "error"], &limits[..]].concat(), &[]);
    assert!(running.call("GET /v2/globalParallelism", TOKEN.1).contains(r#""parallelismMax":3"#));
    let name = "x".repeat(1000);
    let publish = |number| {
        let options = format!("upstash-delay=1h&upstash-deduplication-id={number}{name}");
        running.call(&format!("POST /v2/publish/http://127.0.0.1:9/?{options}"), TOKEN.1)
    };
    let refused = (0..10_000).map(publish).find(|answer| !answer.starts_with("HTTP/1.1 200 ")).unwrap();
    assert!(refused.starts_with("HTTP/1.1 412 "), "{refused}");
}

#[test]
fn options_are_taken_as_they_are_written_elsewhere() {
    for arguments in
        [&["-p", "0"][..], &["-p0"], &["--port=0", "--listen", "localhost"], &["--listen=::1", "-p", "0"]]
    {
        let running = start(arguments, &[]);
        assert!(running.call("GET /v2/keys", TOKEN.1).starts_with("HTTP/1.1 200 "), "{arguments:?}");
    }
    for (value, is_on) in [
        ("1", true),
        ("true", true),
        ("YES", true),
        ("on", true),
        ("0", false),
        ("False", false),
        ("no", false),
    ] {
        let running = start(&["-p", "0"], &[("QSTASH_DEV_ALLOW_INTERNET", value)]);
        // No connection leads to the address of a group of machines, so nothing leaves this one.
        running.call("POST /v2/publish/http://224.0.0.1:9/?upstash-retries=0", TOKEN.1);
        let (_, _, stderr) = running.stopped();
        assert_eq!(!stderr.contains("is not on this machine"), is_on, "{value}: {stderr}");
    }
}

#[test]
fn the_log_spells_the_state_of_cancelled_messages_as_it_is_told_to() {
    let variable = ("QSTASH_DEV_CANCELED_SPELLING", "CANCELLED");
    for (flags, variables, expected) in [
        (&[][..], &[][..], "CANCELED"),
        (&["--canceled-spelling", "CANCELLED"], &[], "CANCELLED"),
        (&[], &[variable], "CANCELLED"),
        (&["--canceled-spelling", "CANCELED"], &[variable], "CANCELED"),
    ] {
        let running = start(&[&["--port", "0"], flags].concat(), variables);
        running.call("POST /v2/publish/http://127.0.0.1:9/?upstash-delay=1h", TOKEN.1);
        running.call("DELETE /v2/messages", TOKEN.1);
        for filter in ["CANCELED", "CANCELLED"] {
            let log = running.call(&format!("GET /v2/logs?state={filter}"), TOKEN.1);
            assert!(log.contains(&format!(r#""state":"{expected}""#)), "{flags:?} {variables:?} {log}");
        }
    }
}

#[test]
fn a_mapped_host_is_called_where_it_is_mapped_to() {
    let destination = TcpListener::bind("127.0.0.1:0").unwrap();
    let mapping = format!("api.example.com=http://{}", destination.local_addr().unwrap());
    let running = start(&["--port", "0", "--map-host", &mapping], &[]);
    let answered = thread::spawn(move || {
        let (mut stream, _) = destination.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        head
    });
    running.call("POST /v2/publish/https://api.example.com/hook", TOKEN.1);
    let head = answered.join().unwrap();
    assert_eq!(head[0], "POST /hook HTTP/1.1");
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("host: api.example.com")), "{head:?}");
}

#[test]
fn a_host_that_is_not_called_is_warned_of_with_both_ways_to_have_it_called() {
    let running = start(&["--port", "0"], &[]);
    running.call("POST /v2/publish/https://api.example.com/hook", TOKEN.1);
    let (_, _, stderr) = running.stopped();
    let warning = stderr.lines().find(|line| line.contains(" WARN ERROR ")).unwrap();
    for way in ["--map-host api.example.com=http://127.0.0.1:PORT", "--allow-internet"] {
        assert!(warning.contains(way), "{warning}");
    }
}

#[test]
fn who_listens_on_every_interface_is_warned() {
    let running = start(&["--port", "0", "--listen", "0.0.0.0"], &[]);
    assert!(running.authority().starts_with("127.0.0.1:"));
    assert!(running.call("GET /v2/keys", "wrong").starts_with("HTTP/1.1 401 "));
    assert!(running.call_as("192.168.0.1", "GET /v2/keys", TOKEN.1).starts_with("HTTP/1.1 403 "));
    let (_, _, stderr) = running.stopped();
    assert!(stderr.contains("WARN whoever reaches 0.0.0.0:"), "{stderr}");
    let (_, _, stderr) = start(&["--port", "0"], &[]).stopped();
    assert!(!stderr.contains("WARN"), "{stderr}");
}

#[test]
fn the_log_may_be_json_and_quiet() {
    let running = start(&["--port", "0", "--log-format", "json"], &[]);
    running.call("POST /v2/publish/http://127.0.0.1:9/?upstash-delay=1h", TOKEN.1);
    let (_, _, stderr) = running.stopped();
    let lines: Vec<serde_json::Value> =
        stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_created = |line: &serde_json::Value| {
        line["level"] == "INFO"
            && line["fields"]["message"].as_str().is_some_and(|text| text.starts_with("CREATED "))
    };
    assert!(lines.iter().any(is_created), "{stderr}");

    let (_, _, stderr) = start(&["--port", "0", "--log-level", "error"], &[]).stopped();
    assert_eq!(stderr, "");
}
