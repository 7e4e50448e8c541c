//! The command line, taken apart: a server with its options, or a verb.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches as _, Subcommand as _, error::ErrorKind};

use crate::{
    arguments::{Given, Mode, OPTIONS, Options, SWITCHES},
    verbs::Verb,
};

const HELP: &str = include_str!("help.txt");

/// The verb that stands for the official development server.
const DEV: &str = "dev";
/// An option of that server, without effect here.
const QUOTA: &str = "quota";

/// What the program is to do.
pub(crate) enum Invocation {
    Serve(Options),
    Verb(Verb),
    Print(String),
}

impl Invocation {
    /// Reads the arguments, of which the first is the name of the program.
    pub(crate) fn read(
        arguments: impl Iterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let mut arguments: Vec<_> = arguments.collect();
        if arguments.get(1).is_some_and(|first| first == DEV) {
            for argument in &mut arguments[2..] {
                with_two_dashes(argument);
            }
        }
        let matches = match command().try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                return Ok(Self::Print(error.to_string()));
            }
            Err(error) => return Err(first_paragraph(&error)),
        };
        match matches.subcommand() {
            None => serve(Mode::Own, &matches, &variable),
            Some((DEV, matches)) => serve(Mode::Published, matches, &variable),
            Some(_) => match Verb::from_arg_matches(&matches) {
                Ok(verb) => Ok(Self::Verb(verb)),
                Err(error) => Err(first_paragraph(&error)),
            },
        }
    }
}

fn command() -> Command {
    let dev = with_server_options(Command::new(DEV)).arg(Arg::new(QUOTA).long(QUOTA).num_args(1));
    let program = with_server_options(Command::new("qstash-dev"))
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommand(dev);
    Verb::augment_subcommands(program)
}

fn with_server_options(command: Command) -> Command {
    // They are read as texts: an error names the variable where a value comes from one.
    let option = |name| Arg::new(name).long(name).num_args(1).action(ArgAction::Append);
    let options = OPTIONS.into_iter().map(|name| match name {
        "port" => option(name).short('p'),
        _ => option(name),
    });
    let switches = SWITCHES.map(|name| Arg::new(name).long(name).action(ArgAction::SetTrue));
    command.override_help(HELP).args(options).args(switches)
}

fn serve(
    mode: Mode,
    matches: &ArgMatches,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Invocation, String> {
    let mut flags = Vec::new();
    for name in OPTIONS {
        flags.extend(
            matches.get_many::<String>(name).into_iter().flatten().map(|value| (name, value.clone())),
        );
    }
    let switches = SWITCHES.into_iter().filter(|name| matches.get_flag(name));
    flags.extend(switches.map(|name| (name, "true".to_owned())));
    Options::read(mode, &Given { flags, variable }).map(Invocation::Serve)
}

/// The official server takes `-port` as well as `--port`.
fn with_two_dashes(argument: &mut OsString) {
    if let Some(text) = argument.to_str()
        && text.len() > 2
        && text.starts_with('-')
        && !text.starts_with("--")
    {
        *argument = format!("-{text}").into();
    }
}

/// What is wrong, without the usage behind it.
fn first_paragraph(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_arguments_of_all_verbs_agree_with_each_other() {
        super::command().debug_assert();
    }
}
