//! What the program says on stdout when it is ready.

use std::io::{self, Write as _};

use qstash_dev::DevServer;

use super::credentials::{CURRENT_KEY, NEXT_KEY, READ_ONLY_TOKEN, TOKEN};

const URL: &str = "QSTASH_URL";

/// Prints what a client and a receiver need to know as lines for a shell, and does not show what they know already.
pub(super) fn own(server: &DevServer, given: &[&str]) -> io::Result<()> {
    let keys = server.signing_keys();
    let lines = [
        (URL, server.url()),
        (TOKEN, server.token()),
        (READ_ONLY_TOKEN, server.read_only_token()),
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
    if !given.contains(&TOKEN) {
        writeln!(out, "# What happens is shown at {}", server.page_url())?;
    }
    out.flush()
}

/// Prints who may use the server, in the words of the official one, which SDKs wait for.
pub(super) fn published(server: &DevServer) -> io::Result<()> {
    let mut out = io::stdout().lock();
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
    out.flush()
}
