//! What the command line and the environment ask for.

use std::{
    ffi::OsString,
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use lexopt::{
    Arg::{Long, Short, Value},
    ValueExt,
};

use super::help::HELP;

/// What the program is to do.
pub(super) enum Command {
    Serve(Options),
    Print(String),
}

pub(super) struct Options {
    pub(super) mode: Mode,
    pub(super) listen: IpAddr,
    pub(super) port: u16,
}

/// Whom the server serves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The one who started it.
    Own,
    /// The published development users.
    Published,
}

/// The options that have a value. Each is also a variable: `--log-port` is `QSTASH_DEV_LOG_PORT`.
const OPTIONS: [&str; 3] = ["listen", "port", QUOTA];
/// What the official server takes as well, and what has no effect here.
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
                Long(name) => OPTIONS
                    .into_iter()
                    .find(|option| *option == name && (*option != QUOTA || mode == Mode::Published)),
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
        })
    }
}

/// What is given for the options: a flag wins over a variable.
struct Given<'a> {
    flags: Vec<(&'static str, String)>,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Given<'_> {
    fn one<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, String> {
        if let Some((_, value)) = self.flags.iter().rfind(|(flag, _)| *flag == name) {
            return read(&format!("--{name}"), value).map(Some);
        }
        let (variable, value) = self.variable(name)?;
        value.map(|value| read(&variable, &value)).transpose()
    }

    /// The variable of an option, and its value. An empty one counts as none, as Compose files like to set them.
    fn variable(&self, name: &str) -> Result<(String, Option<String>), String> {
        let variable = format!("QSTASH_DEV_{}", name.to_ascii_uppercase().replace('-', "_"));
        let Some(value) = (self.variable)(&variable) else { return Ok((variable, None)) };
        match value.into_string() {
            Ok(value) => Ok((variable, Some(value).filter(|value| !value.is_empty()))),
            Err(_) => Err(format!("{variable}: not UTF-8")),
        }
    }
}

fn read<T: FromStr<Err: fmt::Display>>(origin: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{origin}: {value:?}: {error}"))
}
