//! The program: from the command line to the exit code.

mod credentials;
mod help;
mod introduction;
mod options;
mod signals;

use std::{
    env,
    error::Error,
    io::{self, IsTerminal as _, Write as _},
    iter,
    process::ExitCode,
};

use qstash_dev::{DevServer, StartError};

use self::{
    credentials::Credentials,
    options::{Command, Mode, Options},
};

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let ended = match Command::read(env::args_os().skip(1), |name| env::var_os(name)) {
        Ok(Command::Print(text)) => io::stdout().write_all(text.as_bytes()).map_err(Into::into),
        Ok(Command::Serve(options)) => serve(&options),
        Err(error) => Err(format!("{error}; try --help").into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "qstash-dev: {}", explained(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, and with a way out if there is a usual one.
fn explained(error: &(dyn Error + 'static)) -> String {
    if let Some(StartError::Listen { address, source }) = error.downcast_ref()
        && source.kind() == io::ErrorKind::AddrInUse
    {
        return format!(
            "cannot listen on {address}: address already in use; choose another port with --port"
        );
    }
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::main]
async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    // Before anybody is told that the server is there, and may want to stop it.
    let interrupted = signals::interruption()?;
    let builder = DevServer::builder().listen((options.listen, options.port));
    let server = match options.mode {
        Mode::Own => {
            let credentials = Credentials::read(|name| env::var_os(name))?;
            let server = credentials.apply(builder).start().await?;
            introduction::own(&server, &credentials)?;
            server
        }
        Mode::Published => {
            let server = builder.published_users().start().await?;
            introduction::published(&server)?;
            server
        }
    };
    tracing::info!("listening on {}", server.url());
    interrupted.await;
    server.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}
