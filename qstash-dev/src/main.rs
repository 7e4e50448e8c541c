//! QStash on localhost, as a program.

use std::{
    env,
    error::Error,
    io::{self, IsTerminal as _, Write as _},
    iter,
    net::Ipv4Addr,
    path::PathBuf,
    process::ExitCode,
};

use qstash_dev::{DevServer, DevServerBuilder};
use qstash_types::{SigningKey, SigningKeys};

const HELP: &str = "\
QStash on localhost: publishes, delivers, retries and calls back, on this machine alone.

Usage: qstash-dev [--port PORT] [--data DIR]

Options:
  --port PORT    listen on 127.0.0.1:PORT; 0 stands for any free port [default: 8080]
  --data DIR     keep everything but the log in this folder, over crashes too [default: keep nothing]
  --help         print this text
  --version      print the version

Environment:
  QSTASH_TOKEN                  the token that API calls must carry
  QSTASH_CURRENT_SIGNING_KEY    the key that deliveries are signed with
  QSTASH_NEXT_SIGNING_KEY       the key after the next rotation; both keys, or neither

What the environment does not set is made afresh, and printed as lines to paste into a shell.
";

const TOKEN: &str = "QSTASH_TOKEN";
const CURRENT_KEY: &str = "QSTASH_CURRENT_SIGNING_KEY";
const NEXT_KEY: &str = "QSTASH_NEXT_SIGNING_KEY";

/// What the command line asks for.
enum Command {
    Serve { port: u16, data: Option<PathBuf> },
    Print(String),
}

fn main() -> ExitCode {
    let ended = match command() {
        Ok(Command::Print(text)) => io::stdout().write_all(text.as_bytes()).map_err(Into::into),
        Ok(Command::Serve { port, data }) => serve(port, data),
        Err(error) => Err(format!("{error}; try --help").into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = iter::successors(Some(&*error), |&error| error.source());
            let causes: Vec<_> = causes.map(ToString::to_string).collect();
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "qstash-dev: {}", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn command() -> Result<Command, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut port, mut data) = (8080, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            Long("data") => data = Some(arguments.value()?.into()),
            Long("help") | Short('h') => return Ok(Command::Print(HELP.to_owned())),
            Long("version") | Short('V') => {
                return Ok(Command::Print(format!("qstash-dev {}\n", env!("CARGO_PKG_VERSION"))));
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Command::Serve { port, data })
}

#[tokio::main]
async fn serve(port: u16, data: Option<PathBuf>) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    // Before anybody is told that the server is there, and may want to stop it.
    let interrupted = interruption()?;
    let mut builder = DevServer::builder().listen((Ipv4Addr::LOCALHOST, port));
    if let Some(folder) = data {
        builder = builder.data(folder);
    }
    let (builder, given) = configured(builder)?;
    let server = builder.start().await?;
    tracing::info!("listening on {}", server.url());
    introduce(&server, &given)?;
    interrupted.await;
    server.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

/// Applies what the environment sets, and says which variables those were.
fn configured(mut builder: DevServerBuilder) -> Result<(DevServerBuilder, Vec<&'static str>), String> {
    let value = |name: &'static str| {
        let Some(value) = env::var_os(name) else { return Ok(None) };
        match value.into_string() {
            Ok(value) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(value))
            }
            _ => Err(format!("{name} must be visible ASCII characters without white space")),
        }
    };
    let mut given = Vec::new();
    if let Some(token) = value(TOKEN)? {
        builder = builder.token(token);
        given.push(TOKEN);
    }
    match (value(CURRENT_KEY)?, value(NEXT_KEY)?) {
        (Some(current), Some(next)) => {
            let key = |key| SigningKey::new(key).map_err(|error| error.to_string());
            builder = builder.signing_keys(SigningKeys::new(key(current)?, key(next)?));
            given.extend([CURRENT_KEY, NEXT_KEY]);
        }
        (None, None) => {}
        (Some(_), None) => return Err(format!("{CURRENT_KEY} is set and {NEXT_KEY} is not")),
        (None, Some(_)) => return Err(format!("{NEXT_KEY} is set and {CURRENT_KEY} is not")),
    }
    Ok((builder, given))
}

/// Prints what a client and a receiver need to know, and does not show what they know already.
fn introduce(server: &DevServer, given: &[&str]) -> io::Result<()> {
    let keys = server.signing_keys();
    let lines = [
        ("QSTASH_URL", server.url()),
        (TOKEN, server.token()),
        (CURRENT_KEY, keys.current.expose()),
        (NEXT_KEY, keys.next.expose()),
    ];
    let mut out = io::stdout().lock();
    for (name, value) in lines {
        if given.contains(&name) {
            tracing::info!("{name} is the one of the environment");
        } else {
            writeln!(out, "export {name}={value}")?;
        }
    }
    out.flush()
}

/// Listens for Ctrl-C, and for the signal that service managers send, from now on.
fn interruption() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(windows)]
    {
        let mut pressed = tokio::signal::windows::ctrl_c()?;
        Ok(async move { drop(pressed.recv().await) })
    }
}
