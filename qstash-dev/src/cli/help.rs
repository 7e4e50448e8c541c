//! The text of `--help`.

pub(super) const HELP: &str = "\
QStash on localhost: publishes, delivers, retries and calls back, on this machine alone.

Usage: qstash-dev [OPTIONS]
       qstash-dev dev [OPTIONS]

Commands:
  dev            in place of the official development server: the published development users, everything in memory

Options:
  --listen ADDRESS   the IP address to listen on [default: 127.0.0.1]
  --port PORT        the port to listen on; 0 stands for any free port [default: 8080]
  --help             print this text
  --version          print the version

Environment:
  QSTASH_TOKEN                  the token that API calls must carry
  QSTASH_CURRENT_SIGNING_KEY    the key that deliveries are signed with
  QSTASH_NEXT_SIGNING_KEY       the key after the next rotation; both keys, or neither

What the environment does not set is made afresh, and printed as lines to paste into a shell.
";
