//! What the command line and the environment ask for.

use std::{
    ffi::OsString,
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
};

use lexopt::{
    Arg::{Long, Short, Value},
    ValueExt,
};
use qstash_dev::CanceledSpelling;
use tracing::Level;

const HELP: &str = include_str!("help.txt");

/// What the program is to do.
pub(super) enum Command {
    Serve(Options),
    Print(String),
}

pub(super) struct Options {
    pub(super) mode: Mode,
    pub(super) listen: IpAddr,
    pub(super) port: u16,
    pub(super) log_port: Option<u16>,
    pub(super) data: Option<PathBuf>,
    pub(super) state: Option<PathBuf>,
    pub(super) hosts: Vec<String>,
    pub(super) mapped: Vec<Mapping>,
    pub(super) allow_internet: bool,
    pub(super) seed: Option<u64>,
    pub(super) canceled: Spelling,
    pub(super) log_format: LogFormat,
    pub(super) log_level: Level,
}

/// Whom the server serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The one who started it.
    Own,
    /// The published development users.
    Published,
}

/// `HOST=TARGET`
pub(super) struct Mapping {
    pub(super) host: String,
    pub(super) target: String,
}

/// How a cancelled message is spelled.
pub(super) struct Spelling(pub(super) CanceledSpelling);

/// How the log is written.
#[derive(Clone, Copy)]
pub(super) enum LogFormat {
    Pretty,
    Json,
}

/// The options that have a value. Each is also a variable: `--log-port` is `QSTASH_DEV_LOG_PORT`.
const OPTIONS: [&str; 11] = [
    "listen",
    "port",
    "log-port",
    "data",
    "state",
    "allow-host",
    "map-host",
    "seed",
    "canceled-spelling",
    "log-format",
    "log-level",
];
/// The option that has none.
const ALLOW_INTERNET: &str = "allow-internet";
/// An option of the official server, without effect here.
const QUOTA: &str = "quota";

impl Command {
    pub(super) fn read(
        arguments: impl Iterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let mut arguments = arguments.peekable();
        let mode = match arguments.next_if(|first| first == "dev") {
            Some(_) => Mode::Published,
            None => Mode::Own,
        };
        let arguments = arguments.map(|argument| match mode {
            Mode::Own => argument,
            Mode::Published => with_two_dashes(argument),
        });
        let mut flags = Vec::new();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            let name = match argument {
                Long("help") | Short('h') => return Ok(Self::Print(HELP.to_owned())),
                Long("version") | Short('V') => {
                    return Ok(Self::Print(format!("qstash-dev {}\n", env!("CARGO_PKG_VERSION"))));
                }
                Long(ALLOW_INTERNET) => {
                    flags.push((ALLOW_INTERNET, "true".to_owned()));
                    continue;
                }
                Long(QUOTA) if mode == Mode::Published => Some(QUOTA),
                Long(name) => OPTIONS.into_iter().find(|option| *option == name),
                Short(_) | Value(_) => None,
            };
            let Some(name) = name else { return Err(argument.unexpected().to_string()) };
            let value = parser.value().and_then(ValueExt::string);
            flags.push((name, value.map_err(|error| error.to_string())?));
        }
        Options::read(mode, &Given { flags, variable: &variable }).map(Self::Serve)
    }
}

/// The official server takes `-port` as well as `--port`.
fn with_two_dashes(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => {
            format!("-{text}").into()
        }
        _ => argument,
    }
}

impl Options {
    fn read(mode: Mode, given: &Given<'_>) -> Result<Self, String> {
        Ok(Self {
            mode,
            listen: given.one("listen")?.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            port: given.one("port")?.unwrap_or(8080),
            log_port: given.one("log-port")?,
            data: given.one("data")?,
            state: given.one("state")?,
            hosts: given.all("allow-host")?,
            mapped: given.all("map-host")?,
            allow_internet: given.one(ALLOW_INTERNET)?.unwrap_or(false),
            seed: given.one("seed")?,
            canceled: given.one("canceled-spelling")?.unwrap_or(Spelling(CanceledSpelling::OneL)),
            log_format: given.one("log-format")?.unwrap_or(LogFormat::Pretty),
            log_level: given.one("log-level")?.unwrap_or(Level::INFO),
        })
    }
}

/// What is given for the options: a flag wins over a variable.
struct Given<'a> {
    flags: Vec<(&'static str, String)>,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Given<'_> {
    /// The value of an option, of which the last one counts.
    fn one<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, String> {
        let (origin, values) = self.values(name, None)?;
        values.last().map(|value| read(&origin, value)).transpose()
    }

    /// The values of an option that may be repeated. In a variable they are separated by commas.
    fn all<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Vec<T>, String> {
        let (origin, values) = self.values(name, Some(','))?;
        values.iter().map(|value| read(&origin, value)).collect()
    }

    /// Where the values of an option come from, and what they are.
    fn values(&self, name: &str, separator: Option<char>) -> Result<(String, Vec<String>), String> {
        let flags = self.flags.iter().filter(|(flag, _)| *flag == name);
        let flags: Vec<_> = flags.map(|(_, value)| value.clone()).collect();
        if flags.iter().any(String::is_empty) {
            return Err(format!("--{name}: a value is needed"));
        }
        if !flags.is_empty() {
            return Ok((format!("--{name}"), flags));
        }
        let variable = format!("QSTASH_DEV_{}", name.to_ascii_uppercase().replace('-', "_"));
        let Some(value) = (self.variable)(&variable) else { return Ok((variable, flags)) };
        let value = value.into_string().map_err(|_| format!("{variable}: not UTF-8"))?;
        let values = value.split(|character| Some(character) == separator).map(str::trim);
        // An empty variable counts as none: Compose files set what is not set elsewhere to nothing.
        let values = values.filter(|value| !value.is_empty()).map(str::to_owned).collect();
        Ok((variable, values))
    }
}

fn read<T: FromStr<Err: fmt::Display>>(origin: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{origin}: {value:?}: {error}"))
}

impl FromStr for Mapping {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, target) = text.split_once('=').ok_or("expected HOST=http://HOST:PORT")?;
        Ok(Self { host: host.to_owned(), target: target.to_owned() })
    }
}

impl FromStr for Spelling {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "CANCELED" => Ok(Self(CanceledSpelling::OneL)),
            "CANCELLED" => Ok(Self(CanceledSpelling::TwoLs)),
            _ => Err("expected CANCELED or CANCELLED"),
        }
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("expected pretty or json"),
        }
    }
}
