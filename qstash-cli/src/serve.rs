//! Runs the server until it is asked to end.

use std::{error::Error, io, time::Duration};

use qstash_dev::{DevServer, DevServerBuilder, StartError};
use qstash_types::Help;
use tracing::{info, warn};

use crate::{
    arguments::{Mode, Options},
    credentials::Credentials,
    introduction, logging,
    signals::Interruptions,
    variable, with_causes,
};

/// How long attempts in flight may take to come to their end.
const LONGEST_END: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    logging::start(options.log_format, options.log_level);
    // Before anybody is told that the server is there, and may want to stop it.
    let mut interruptions = Interruptions::listen()?;
    let server = match options.mode {
        Mode::Own => {
            let Credentials { account, given } = Credentials::read(options.state.as_deref(), variable)?;
            let builder = DevServer::builder()
                .token(account.token)
                .read_only_token(account.read_only_token)
                .signing_keys(account.signing_keys);
            let server = start(builder, options).await?;
            introduction::own(&server, &given, options)?;
            server
        }
        Mode::Published => {
            let server = start(DevServer::builder().published_users(), options).await?;
            introduction::published(&server, options)?;
            server
        }
    };
    info!("listening on {}", server.url());

    tokio::select! {
        () = interruptions.next() => {}
        reason = server.broken() => return Err(format!("the server has broken down: {reason}").into()),
    }
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
    builder = builder.listen((options.listen.0, options.port)).canceled_spelling(options.canceled.0);
    for name in &options.hosts {
        builder = builder.allow_host(name);
    }
    if let Some(mebibytes) = options.memory {
        builder = builder.memory(u64::from(mebibytes.get()) * 1024 * 1024);
    }
    if let Some(attempts) = options.attempts {
        builder = builder.attempts(attempts.get());
    }
    if let Some(connections) = options.connections {
        builder = builder.connections(connections.get());
    }
    for mapping in &options.mapped {
        builder = builder.map_host(&mapping.host, &mapping.target);
    }
    if options.allow_internet {
        builder = builder.allow_internet();
    }
    if options.metrics_public {
        builder = builder.metrics_public();
    }
    if let Some(collector) = &options.otlp {
        builder = builder.otlp(collector);
    }
    if let Some(folder) = &options.data {
        builder = builder.data(folder);
    }
    if let Some(control) = options.control {
        builder = builder.control(control);
    }
    if let Some(region) = options.region {
        builder = builder.region(region);
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
    match server.serve_logs((options.listen.0, port)).await {
        Ok(address) => info!("logs at http://{address}"),
        Err(error) if options.log_port.is_some() => return Err(or_another_port(error, "--log-port")),
        Err(error) => warn!("logs have no port of their own: {}", with_causes(&error)),
    }
    Ok(())
}

/// Says what to do if the address is taken, or none to listen on. SDKs look for the words about one that is taken.
fn or_another_port(error: StartError, option: &str) -> Box<dyn Error> {
    let StartError::Listen { address, source } = &error else { return error.into() };
    let why = match source.kind() {
        io::ErrorKind::AddrInUse => {
            format!("address already in use; choose another port with {option}")
        }
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this machine; choose another with --listen".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!("the system keeps this port for others; choose another port with {option}")
        }
        _ => return error.into(),
    };
    format!("cannot listen on {address}: {why} ({})", Help::Listen).into()
}
