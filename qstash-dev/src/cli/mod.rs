//! The program: from the command line to the exit code.

mod credentials;
mod introduction;
mod log;
mod options;
mod signals;
mod state;

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    iter,
    process::ExitCode,
    time::Duration,
};

use qstash_dev::{DevServer, DevServerBuilder, StartError};
use tracing::{info, warn};

use self::{
    credentials::Credentials,
    options::{Command, Mode, Options},
    signals::Interruptions,
};

/// How long attempts in flight may take to come to their end.
const LONGEST_END: Duration = Duration::from_secs(30);

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
            let _ = writeln!(io::stderr(), "qstash-dev: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::main(flavor = "current_thread")]
async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    log::start(options.log_format, options.log_level);
    // Before anybody is told that the server is there, and may want to stop it.
    let mut interruptions = Interruptions::listen()?;
    let server = match options.mode {
        Mode::Own => {
            let Credentials { account, given } =
                Credentials::read(options.state.as_deref(), |name| env::var_os(name))?;
            let builder = DevServer::builder()
                .token(account.token)
                .read_only_token(account.read_only_token)
                .signing_keys(account.signing_keys);
            let server = start(builder, options).await?;
            introduction::own(&server, &given)?;
            server
        }
        Mode::Published => {
            let server = start(DevServer::builder().published_users(), options).await?;
            introduction::published(&server)?;
            server
        }
    };
    info!("listening on {}", server.url());

    interruptions.next().await;
    info!("attempts in flight come to their end; another interruption breaks them off");
    let broken_off = Err("attempts in flight were broken off".into());
    tokio::select! {
        () = server.finish() => {
            info!("stopped");
            Ok(())
        }
        () = interruptions.next() => broken_off,
        () = tokio::time::sleep(LONGEST_END) => broken_off,
    }
}

async fn start(mut builder: DevServerBuilder, options: &Options) -> Result<DevServer, Box<dyn Error>> {
    builder = builder.listen((options.listen, options.port)).canceled_spelling(options.canceled.0);
    for name in &options.hosts {
        builder = builder.allow_host(name);
    }
    for mapping in &options.mapped {
        builder = builder.map_host(&mapping.host, &mapping.target);
    }
    if options.allow_internet {
        builder = builder.allow_internet();
    }
    if let Some(folder) = &options.data {
        builder = builder.data(folder);
    }
    if let Some(seed) = options.seed {
        builder = builder.seed(seed);
    }
    let mut server = builder.start().await.map_err(|error| or_another_port(error, "--port"))?;
    serve_logs(&mut server, options).await?;
    if !server.address().ip().is_loopback() {
        let address = server.address();
        match options.mode {
            Mode::Own => warn!("whoever reaches {address} can call; the tokens are all that stops them"),
            Mode::Published => warn!("whoever reaches {address} can call; the tokens are published"),
        }
    }
    Ok(server)
}

/// The official server has a second port for logs, and there is one here as well if it happens to be free.
async fn serve_logs(server: &mut DevServer, options: &Options) -> Result<(), Box<dyn Error>> {
    let next = server.address().port().checked_add(1).filter(|_| options.mode == Mode::Published);
    let Some(port) = options.log_port.or(next) else { return Ok(()) };
    match server.serve_logs((options.listen, port)).await {
        Ok(address) => info!("logs at http://{address}"),
        Err(error) if options.log_port.is_some() => return Err(or_another_port(error, "--log-port")),
        Err(error) => warn!("logs have no port of their own: {}", with_causes(&error)),
    }
    Ok(())
}

/// Says how to choose another port if this one is taken. SDKs look for these words.
fn or_another_port(error: StartError, option: &str) -> Box<dyn Error> {
    match error {
        StartError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
            format!("cannot listen on {address}: address already in use; choose another port with {option}")
                .into()
        }
        error => error.into(),
    }
}
