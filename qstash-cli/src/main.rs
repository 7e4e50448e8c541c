//! QStash on localhost, as a program: from the command line to the exit code.

mod arguments;
mod command_line;
mod credentials;
mod env_file;
mod introduction;
mod logging;
mod serve;
mod signals;
mod state;
mod verbs;

use std::{
    env,
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    iter,
    process::ExitCode,
};

use self::command_line::Invocation;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let ended = match Invocation::read(env::args_os(), variable) {
        Ok(Invocation::Print(text)) => io::stdout().write_all(text.as_bytes()).map_err(Into::into),
        Ok(Invocation::Serve(options)) => serve::serve(&options),
        Ok(Invocation::Verb(verb)) => verbs::carry_out(verb),
        Err(error) => Err(format!("{error}; try --help").into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_left(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // If this fails as well, there is no other place to report it.
            let _ = writeln!(io::stderr(), "qstash-dev: {}", verbs::plain(&with_causes(&*error)));
            ExitCode::FAILURE
        }
    }
}

/// The value of a variable. An empty one counts as not set: Compose files set what is not set elsewhere to nothing.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether nobody reads any more what is printed, as after `| head`.
fn is_left(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
