//! Tokens and keys: those of the environment, and those of this machine.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, process::Command, thread};

use crate::running::{CURRENT_KEY, Folder, NEXT_KEY, Running, TOKEN, output, program};

const READ_ONLY_TOKEN: (&str, &str) = ("QSTASH_READ_ONLY_TOKEN", "canary-reader");
const SECRETS: [&str; 4] =
    ["QSTASH_TOKEN", "QSTASH_READ_ONLY_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY"];
/// One for each variable.
const LINES: usize = 5;
/// Where the token and the keys are kept below a state folder.
const KEPT: &str = "account.json";

fn start(home: &Folder, environment: &[(&str, &str)], lines: usize) -> Running {
    Running::start(program(home, &["--port", "0"], environment), lines)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_makes_it_prints_as_lines_for_env_files_and_ctrl_c_ends_it() {
    let home = Folder::new();
    let running = start(&home, &[], LINES);
    let token = running.exported["QSTASH_TOKEN"].clone();
    for line in &running.lines {
        // What `docker run --env-file`, systemd and `xargs` take.
        let (name, value) = line.split_once('=').unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{line}");
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\$`#".contains(&byte)), "{line}");
    }
    let page = format!("What happens is shown at  http://{}/\n", running.authority());
    let keys = running.call("GET /v2/keys", &token);
    assert!(keys.starts_with("HTTP/1.1 200 "), "{keys}");
    for variable in ["QSTASH_CURRENT_SIGNING_KEY", "QSTASH_NEXT_SIGNING_KEY"] {
        assert!(keys.contains(&running.exported[variable]));
    }
    let reader = running.exported["QSTASH_READ_ONLY_TOKEN"].clone();
    assert!(running.call("GET /v2/keys", &reader).starts_with("HTTP/1.1 200 "));
    assert!(running.call("POST /v2/keys/rotate", &reader).starts_with("HTTP/1.1 401 "));

    let published = running.call("POST /v2/publish/http://127.0.0.1:9/hook?secret=1", &token);
    let (_, id) = published.split_once(r#"{"messageId":""#).unwrap();
    let id = id.trim_end_matches("\"}");
    let (code, stdout, stderr) = running.stopped();
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    let created = format!("CREATED {id} POST http://127.0.0.1:9/hook");
    assert!(stderr.lines().any(|line| line.ends_with(&created)), "{stderr}");
    assert!(stderr.contains(&page), "{stderr}");
    // No terminal looks at it.
    assert!(!stderr.contains(&token));
}

#[test]
fn a_file_of_variables_is_written_once_the_server_listens_and_its_other_lines_stay() {
    let home = Folder::new();
    let path = home.path().join("variables");
    let arguments = ["--port", "0", "--env-file", path.to_str().unwrap()];
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let refused = ["--port", &taken, "--env-file", path.to_str().unwrap()];

    assert_eq!(program(&home, &refused, &[]).output().unwrap().status.code(), Some(1));
    assert!(!path.exists());
    let started = |environment: &[(&str, &str)]| {
        let mut running = Running::start(program(&home, &arguments, environment), 0);
        running.until_logged("the variables are in ");
        running
    };
    let running = started(&[]);
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|line| line.starts_with("QSTASH_")) && text.lines().count() == 5, "{text}");
    let (code, stdout, _) = running.stopped();
    assert_eq!((code, stdout.as_str()), (Some(0), ""));

    fs::write(&path, "# mine\nDATABASE=x\nexport QSTASH_URL=http://127.0.0.1:1\nLAST=1").unwrap();
    assert_eq!(program(&home, &refused, &[]).output().unwrap().status.code(), Some(1));
    assert!(fs::read_to_string(&path).unwrap().contains("127.0.0.1:1\n"), "nothing listens, nothing changes");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    started(&[TOKEN, READ_ONLY_TOKEN, CURRENT_KEY, NEXT_KEY]).until_logged("WARN other users can read ");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines[1], lines[3]), ("# mine", "DATABASE=x", "LAST=1"));
    assert!(lines[2].starts_with("QSTASH_URL=http://127.0.0.1:"), "{text}");
    assert!(lines.contains(&"QSTASH_TOKEN=canary-token") && lines.len() == 8, "{text}");
    assert_eq!(mode(&path), 0o640);
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("variables.")), "{left:?}");
}

/// Compose files set what is not set elsewhere to nothing.
#[test]
fn an_empty_variable_counts_as_none() {
    let names =
        ["QSTASH_TOKEN", "QSTASH_READ_ONLY_TOKEN", "QSTASH_CURRENT_SIGNING_KEY", "QSTASH_DEV_LOG_LEVEL"];
    let empty: Vec<_> =
        names.into_iter().chain([NEXT_KEY.0, "XDG_STATE_HOME"]).map(|name| (name, "")).collect();
    let running = start(&Folder::new(), &empty, LINES);
    assert!(running.exported["QSTASH_TOKEN"].len() > 20);
}

/// Whoever can write the file chooses the token of the server.
#[test]
fn a_state_file_that_others_can_write_is_refused_and_one_that_they_can_read_is_warned_of() {
    let state = Folder::new();
    let path = state.path().join(KEPT);
    let arguments = ["--port", "0", "--state", state.path().to_str().unwrap()];
    fs::write(&path, r#"{"token":"t","current_signing_key":"sig_1","next_signing_key":"sig_2"}"#).unwrap();
    for (folder, file, refusal) in [
        (0o777, 0o600, Some("other users can replace what is in ")),
        (0o770, 0o600, Some("other users can replace what is in ")),
        (0o700, 0o666, Some("other users can write ")),
        (0o700, 0o620, Some("other users can write ")),
        (0o1777, 0o600, None),
        (0o700, 0o644, None),
        (0o700, 0o600, None),
    ] {
        fs::set_permissions(state.path(), PermissionsExt::from_mode(folder)).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(file)).unwrap();
        if let Some(refusal) = refusal {
            let (code, stdout, stderr) = output(&arguments, &[]);
            assert_eq!((code, stdout.as_str()), (Some(1), ""), "{folder:o} {file:o}");
            assert!(
                stderr.starts_with(&format!("qstash-dev: {refusal}")) && stderr.contains(": chmod "),
                "{stderr}"
            );
        } else {
            let running = Running::start(program(&Folder::new(), &arguments, &[]), LINES);
            let (_, _, stderr) = running.stopped();
            assert_eq!(stderr.contains("WARN other users can read "), file == 0o644, "{stderr}");
        }
    }
}

#[test]
fn what_the_environment_sets_is_used_and_named_and_not_shown_and_nothing_is_kept() {
    let home = Folder::new();
    let running = start(&home, &[TOKEN, READ_ONLY_TOKEN, CURRENT_KEY, NEXT_KEY], 1);
    assert_eq!(running.exported.keys().collect::<Vec<_>>(), ["QSTASH_URL"]);
    let keys = running.call("GET /v2/keys", TOKEN.1);
    assert!(keys.contains(r#"{"current":"sig_canary_current","next":"sig_canary_next"}"#), "{keys}");
    assert!(running.call("GET /v2/keys", READ_ONLY_TOKEN.1).starts_with("HTTP/1.1 200 "));
    let (code, stdout, stderr) = running.stopped();
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    assert!(SECRETS.iter().all(|variable| stderr.contains(variable)), "{stderr}");
    assert!(!stderr.contains("canary"), "{stderr}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn an_environment_that_is_not_usable_is_refused_by_the_name_of_the_variable() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("QSTASH_TOKEN", " canary-token")], "QSTASH_TOKEN must be"),
        (&[("QSTASH_READ_ONLY_TOKEN", "canary token")], "QSTASH_READ_ONLY_TOKEN must be"),
        (&[("QSTASH_CURRENT_SIGNING_KEY", "  "), NEXT_KEY], "QSTASH_CURRENT_SIGNING_KEY must be"),
        (&[CURRENT_KEY, ("QSTASH_NEXT_SIGNING_KEY", "sig_canary\n")], "QSTASH_NEXT_SIGNING_KEY must be"),
        (&[CURRENT_KEY], "QSTASH_CURRENT_SIGNING_KEY is set and QSTASH_NEXT_SIGNING_KEY is not"),
        (&[NEXT_KEY], "QSTASH_NEXT_SIGNING_KEY is set and QSTASH_CURRENT_SIGNING_KEY is not"),
    ];
    for (environment, expected) in cases {
        let (code, stdout, stderr) = output(&["--port", "0"], environment);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{environment:?}");
        assert!(stderr.starts_with(&format!("qstash-dev: {expected}")), "{stderr}");
        assert!(!stderr.contains("canary"), "{stderr}");
    }
}

#[test]
fn a_machine_has_one_token_and_one_pair_of_keys_for_its_owner_alone() {
    let home = Folder::new();
    let first = start(&home, &[], LINES);
    let again = start(&home, &[], LINES);
    for name in SECRETS {
        assert_eq!(first.exported[name], again.exported[name], "{name}");
    }
    let elsewhere = start(&Folder::new(), &[], LINES);
    assert!(SECRETS.iter().all(|name| elsewhere.exported[*name] != first.exported[*name]));

    // A rotation lasts as long as the server does.
    let token = &first.exported["QSTASH_TOKEN"];
    assert!(first.call("POST /v2/keys/rotate", token).starts_with("HTTP/1.1 200 "));
    let later = start(&home, &[], LINES);
    assert!(SECRETS.iter().all(|name| later.exported[*name] == first.exported[*name]));

    let folders = if cfg!(target_os = "macos") {
        home.path().join("Library/Application Support/qstash-dev")
    } else {
        home.path().join(".local/state/qstash-dev")
    };
    assert_eq!((mode(&folders), mode(&folders.join(KEPT))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folders).unwrap().count(), 1);
}

#[test]
fn whoever_has_sourced_what_was_printed_gets_it_again() {
    let home = Folder::new();
    let first = start(&home, &[], LINES);
    let sourced: Vec<_> = SECRETS.iter().map(|&name| (name, first.exported[name].as_str())).collect();
    let again = start(&home, &sourced, LINES);
    assert!(SECRETS.iter().all(|name| first.exported[*name] == again.exported[*name]));

    let mixed = [TOKEN, sourced[2], sourced[3]];
    let mixed = start(&home, &mixed, 4);
    assert_eq!(mixed.exported["QSTASH_CURRENT_SIGNING_KEY"], first.exported["QSTASH_CURRENT_SIGNING_KEY"]);
    assert!(!mixed.exported.contains_key(TOKEN.0));
}

#[test]
fn with_a_data_folder_a_rotation_outlives_the_program() {
    let (home, data) = (Folder::new(), Folder::new());
    let arguments = ["--port", "0", "--data", data.path().to_str().unwrap()];
    let running = || Running::start(program(&home, &arguments, &[]), LINES);
    let first = running();
    let before = first.exported.clone();
    assert!(first.call("POST /v2/keys/rotate", &before["QSTASH_TOKEN"]).starts_with("HTTP/1.1 200 "));
    let (code, _, stderr) = first.stopped();
    assert_eq!(code, Some(0), "{stderr}");
    let after = running().exported.clone();
    assert_eq!(after["QSTASH_CURRENT_SIGNING_KEY"], before["QSTASH_NEXT_SIGNING_KEY"]);
    assert_eq!(after["QSTASH_TOKEN"], before["QSTASH_TOKEN"]);
}

#[test]
fn the_environment_goes_before_what_is_kept() {
    let home = Folder::new();
    let own = start(&home, &[], LINES);
    let running = start(&home, &[TOKEN], 4);
    let keys = running.call("GET /v2/keys", TOKEN.1);
    assert!(keys.contains(&own.exported["QSTASH_CURRENT_SIGNING_KEY"]), "{keys}");
    assert!(running.call("GET /v2/keys", &own.exported["QSTASH_TOKEN"]).starts_with("HTTP/1.1 401 "));
}

#[test]
fn the_state_folder_may_be_named() {
    let (home, state) = (Folder::new(), Folder::new());
    let path = state.path().join("a/b");
    let path = path.to_str().unwrap();
    let by_flag = Running::start(program(&home, &["--port", "0", "--state", path], &[]), LINES);
    let by_variable = start(&home, &[("QSTASH_DEV_STATE", path)], LINES);
    assert_eq!(by_flag.exported["QSTASH_TOKEN"], by_variable.exported["QSTASH_TOKEN"]);
    assert!(Path::new(path).join(KEPT).exists());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

    if cfg!(target_os = "linux") {
        start(&home, &[("XDG_STATE_HOME", path)], LINES);
        assert!(Path::new(path).join("qstash-dev").join(KEPT).exists());
    }
}

#[test]
fn programs_that_start_at_the_same_time_make_one_token() {
    let home = Folder::new();
    let tokens: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| start(&home, &[], LINES).exported["QSTASH_TOKEN"].clone()))
            .collect();
        starting.into_iter().map(|started| started.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[test]
fn what_is_damaged_is_refused_and_stays_as_it_is() {
    let state = Folder::new();
    let path = state.path().join(KEPT);
    let arguments = ["--port", "0", "--state", state.path().to_str().unwrap()];
    let good = r#"{"token":"t","current_signing_key":"sig_1","next_signing_key":"sig_2"}"#;
    for damaged in [
        "",
        "{",
        "null",
        &good[..good.len() - 1],
        &format!("{good}{good}"),
        &good.replace("\"t\"", "\"\""),
        &good.replace("\"t\"", "\"canary token\""),
        &good.replace("sig_1", " "),
        &good.replace("\"token\"", "\"other\""),
        &good.replace("\"token\"", "\"more\":1,\"token\""),
    ] {
        fs::write(&path, damaged).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let (code, stdout, stderr) = output(&arguments, &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{damaged}");
        let expected =
            format!("{} is damaged; remove it to have another token and keys made", path.display());
        assert_eq!(stderr, format!("qstash-dev: {expected}\n"));
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
    fs::write(&path, good).unwrap();
    let running = Running::start(program(&Folder::new(), &arguments, &[]), LINES);
    assert_eq!(running.exported["QSTASH_TOKEN"], "t");
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_by_its_name() {
    let state = Folder::new();
    let file = state.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, _, stderr) = output(&["--port", "0", "--state", file.to_str().unwrap()], &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("{}/{KEPT}: ", file.display())), "{stderr}");

    let (code, _, stderr) = output(&["--port", "0"], &[("HOME", "")]);
    assert_eq!(code, Some(1));
    assert_eq!(stderr, "qstash-dev: there is no state folder; --state names one\n");
    let all_set = [TOKEN, CURRENT_KEY, NEXT_KEY, ("HOME", "")];
    Running::start(program(&Folder::new(), &["--port", "0"], &all_set), 2);
}

#[test]
fn what_is_printed_for_a_person_works_as_it_stands_with_the_token_of_the_environment() {
    let home = Folder::new();
    let environment = [TOKEN, CURRENT_KEY, NEXT_KEY];
    let mut running = Running::start(program(&home, &["--port", "0"], &environment), 2);
    let page = running.until_logged("What happens is shown at");
    let curl = running.until_logged("Publish a message with");
    assert!(!page.contains(TOKEN.1) && !curl.contains(TOKEN.1));

    let page = page.trim().rsplit(' ').next().unwrap();
    assert_eq!(page, format!("http://{}/", running.authority()));
    assert!(running.call("GET /", "").starts_with("HTTP/1.1 200 "));
    let line = &curl[curl.find("curl ").unwrap()..];
    let printed = Command::new("sh")
        .arg("-c")
        .arg(format!("{line} --silent --fail --noproxy '*'"))
        .env(TOKEN.0, TOKEN.1)
        .output();
    let answer = String::from_utf8(printed.unwrap().stdout).unwrap();
    assert!(answer.contains("messageId"), "{line}: {answer}");
}
