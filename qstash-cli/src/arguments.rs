//! What the command line and the environment ask of the server.

use std::{
    ffi::OsString,
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
};

use qstash_dev::CanceledSpelling;
use qstash_types::Region;
use tracing::Level;

pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) listen: Listen,
    pub(crate) port: u16,
    pub(crate) log_port: Option<u16>,
    pub(crate) env_file: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) hosts: Vec<String>,
    pub(crate) mapped: Vec<HostMapping>,
    pub(crate) allow_internet: bool,
    pub(crate) control: Option<bool>,
    /// In MiB.
    pub(crate) memory: Option<NonZeroU32>,
    pub(crate) attempts: Option<NonZeroUsize>,
    pub(crate) connections: Option<NonZeroUsize>,
    pub(crate) metrics_public: bool,
    pub(crate) otlp: Option<String>,
    pub(crate) region: Option<Region>,
    pub(crate) seed: Option<u64>,
    pub(crate) canceled: Spelling,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: Level,
}

/// Whom the server serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The one who started it.
    Own,
    /// The published development users.
    Published,
}

/// The address to listen on.
#[derive(Clone, Copy)]
pub(crate) struct Listen(pub(crate) IpAddr);

/// Something that is on or off.
struct Switch(bool);

/// `HOST=TARGET`
pub(crate) struct HostMapping {
    pub(crate) host: String,
    pub(crate) target: String,
}

/// How a cancelled message is spelled.
pub(crate) struct Spelling(pub(super) CanceledSpelling);

/// How the log is written.
#[derive(Clone, Copy)]
pub(crate) enum LogFormat {
    Pretty,
    Json,
}

/// The options that have a value. Each is also a variable: `--log-port` is `QSTASH_DEV_LOG_PORT`.
pub(crate) const OPTIONS: [&str; 18] = [
    "control",
    "listen",
    "port",
    "log-port",
    "env-file",
    "data",
    "state",
    "allow-host",
    "map-host",
    "memory",
    "attempts",
    "connections",
    "region",
    "seed",
    "otlp",
    "canceled-spelling",
    "log-format",
    "log-level",
];
/// The options that have none.
pub(crate) const SWITCHES: [&str; 2] = ["allow-internet", "metrics-public"];

impl Options {
    pub(crate) fn read(mode: Mode, given: &Given<'_>) -> Result<Self, String> {
        Ok(Self {
            mode,
            listen: given.one("listen")?.unwrap_or(Listen(Ipv4Addr::LOCALHOST.into())),
            port: given.one("port")?.unwrap_or(8080),
            log_port: given.one("log-port")?,
            env_file: given.one("env-file")?,
            data: given.one("data")?,
            state: given.one("state")?,
            hosts: given.all("allow-host")?,
            mapped: given.all("map-host")?,
            allow_internet: given.switch("allow-internet")?,
            metrics_public: given.switch("metrics-public")?,
            otlp: given.one("otlp")?,
            control: given.one("control")?.map(|Switch(is_on)| is_on),
            memory: given.one("memory")?,
            attempts: given.one("attempts")?,
            connections: given.one("connections")?,
            region: given.one("region")?,
            seed: given.one("seed")?,
            canceled: given.one("canceled-spelling")?.unwrap_or(Spelling(CanceledSpelling::OneL)),
            log_format: given.one("log-format")?.unwrap_or(LogFormat::Pretty),
            log_level: given.one("log-level")?.unwrap_or(Level::INFO),
        })
    }
}

/// What is given for the options: a flag wins over a variable.
pub(crate) struct Given<'a> {
    pub(crate) flags: Vec<(&'static str, String)>,
    pub(crate) variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Given<'_> {
    fn switch(&self, name: &str) -> Result<bool, String> {
        Ok(self.one(name)?.is_some_and(|Switch(is_on)| is_on))
    }

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

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("localhost") {
            return Ok(Self(Ipv4Addr::LOCALHOST.into()));
        }
        text.parse().map(Self).map_err(|_| "expected an IP address or localhost")
    }
}

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match &*text.to_ascii_lowercase() {
            "1" | "true" | "yes" | "on" => Ok(Self(true)),
            "0" | "false" | "no" | "off" => Ok(Self(false)),
            _ => Err("expected true or false"),
        }
    }
}

impl FromStr for HostMapping {
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
