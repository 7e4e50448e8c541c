//! What the program says when it is ready: variables for other programs on stdout or in a file, and the rest to the person who
//! looks at stderr.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use qstash_dev::DevServer;
use tracing::{Level, info};

use crate::{
    arguments::{LogFormat, Options},
    credentials::{CURRENT_KEY, NEXT_KEY, READ_ONLY_TOKEN, TOKEN},
    env_file, state,
};

pub(crate) const URL: &str = "QSTASH_URL";
/// Where the example sends its message.
const EXAMPLE: &str = "http://127.0.0.1:3000/hook";

/// Tells what a client and a receiver need to know. What the environment has set is not shown again; the file of variables has
/// all of it.
pub(crate) fn own(server: &DevServer, given: &[&str], options: &Options) -> Result<(), Box<dyn Error>> {
    let keys = server.signing_keys();
    let variables = [
        (URL, server.url()),
        (TOKEN, server.token()),
        (READ_ONLY_TOKEN, server.read_only_token()),
        (CURRENT_KEY, keys.current.expose()),
        (NEXT_KEY, keys.next.expose()),
    ];
    if options.env_file.is_none() {
        let shown = variables.iter().filter(|(name, _)| !given.contains(name));
        let lines = shown.fold(String::new(), |mut lines, (name, value)| {
            writeln!(lines, "{name}={value}").expect("writing to a string does not fail");
            lines
        });
        io::stdout().write_all(lines.as_bytes())?;
    }
    write_env_file(options, &variables)?;
    if let Some(path) = &options.env_file {
        state::warn_of_readers(path);
    }
    for name in given {
        info!("{name} is the one of the environment");
    }
    tell(server, !given.contains(&TOKEN), options);
    Ok(())
}

/// Tells who may use the server, in the words of the official one, which SDKs wait for.
pub(crate) fn published(server: &DevServer, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut out = String::new();
    writeln!(out, "QStash development server is running at {}", server.url())?;
    writeln!(out, "\nIts users are published: whoever reaches it can be each of them.")?;
    for (number, account) in (1..).zip(server.accounts()) {
        let name = if number == 1 { " (default)" } else { "" };
        writeln!(out, "\nUser {number}{name}")?;
        let keys = account.signing_keys;
        for (name, value) in [
            (URL, server.url()),
            (TOKEN, &account.token),
            (CURRENT_KEY, keys.current.expose()),
            (NEXT_KEY, keys.next.expose()),
        ] {
            writeln!(out, "{name}=\"{value}\"")?;
        }
    }
    writeln!(out, "\nWhat happens to the default user is shown at {}", server.page_url())?;
    let keys = server.signing_keys();
    write_env_file(
        options,
        &[
            (URL, server.url()),
            (TOKEN, server.token()),
            (READ_ONLY_TOKEN, server.read_only_token()),
            (CURRENT_KEY, keys.current.expose()),
            (NEXT_KEY, keys.next.expose()),
        ],
    )?;
    Ok(io::stdout().write_all(out.as_bytes())?)
}

fn write_env_file(options: &Options, variables: &[(&str, &str)]) -> Result<(), String> {
    let Some(path) = &options.env_file else { return Ok(()) };
    env_file::set(path, variables).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    info!("the variables are in {}", path.display());
    Ok(())
}

/// Tells a person what to do next. A log may end up anywhere, so a token is shown on a terminal alone, and not at all if it
/// came from the environment.
fn tell(server: &DevServer, may_show: bool, options: &Options) {
    if options.log_level < Level::INFO {
        return;
    }
    let may_show = may_show && io::stderr().is_terminal();
    let page = if may_show { server.page_url() } else { format!("{}/", server.url()) };
    let token = if may_show { server.token() } else { "$QSTASH_TOKEN" };
    let curl = format!(
        r#"curl -H "Authorization: Bearer {token}" -d hello "{}/v2/publish/{EXAMPLE}""#,
        server.url()
    );
    match options.log_format {
        LogFormat::Json => {
            info!("what happens is shown at {page}");
            info!("a message is published by {curl}");
        }
        LogFormat::Pretty => {
            // If this fails, there is no other place to report it.
            let _ = write!(
                io::stderr(),
                "\n  What happens is shown at  {page}\n  Publish a message with    {curl}\n\n"
            );
        }
    }
}
