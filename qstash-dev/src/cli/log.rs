//! The log on stderr.

use std::{
    fmt::{self, Debug, Write as _},
    io::{self, IsTerminal as _},
};

use jiff::Timestamp;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::options::LogFormat;

pub(super) fn start(format: LogFormat, level: Level) {
    // If nobody reads the log any more, the program goes on: to complain about that on stderr would end it.
    let log = tracing_subscriber::fmt().with_writer(io::stderr).log_internal_errors(false);
    let log = log.with_max_level(level);
    match format {
        LogFormat::Pretty => log.with_ansi(io::stderr().is_terminal()).event_format(Line).init(),
        LogFormat::Json => log.json().with_target(false).init(),
    }
}

/// A time, a level and a text in each line. A message has three of them, which in the form of the library would cost a tenth of
/// all that is done for it.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (name, colour) = match *event.metadata().level() {
            Level::ERROR => ("ERROR", 31),
            Level::WARN => (" WARN", 33),
            Level::INFO => (" INFO", 32),
            Level::DEBUG => ("DEBUG", 34),
            Level::TRACE => ("TRACE", 35),
        };
        let now = Timestamp::now();
        if writer.has_ansi_escapes() {
            write!(writer, "\x1b[2m{now:.6}\x1b[0m \x1b[{colour}m{name}\x1b[0m")?;
        } else {
            write!(writer, "{now:.6} {name}")?;
        }
        let mut fields = Fields { writer, written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        fields.writer.write_char('\n')
    }
}

/// What an event says.
struct Fields<'a> {
    writer: Writer<'a>,
    written: fmt::Result,
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = OneLine(&mut self.writer);
        self.written = self.written.and(match field.name() {
            "message" => write!(text, " {value:?}"),
            name => write!(text, " {name}={value:?}"),
        });
    }
}

/// Writes characters that would begin another line, or tell a terminal what to do, as escapes: destinations have a say in what is
/// logged about them.
struct OneLine<'a, 'b>(&'a mut Writer<'b>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|character| {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())
            } else {
                self.0.write_char(character)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, subscriber::with_default, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the log says, line by line, short of the time.
    fn lines(with_ansi: bool, events: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().with_ansi(with_ansi).event_format(Line);
        with_default(log.with_writer(move || writer.clone()).finish(), events);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.split_once('Z').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn a_line_is_a_level_and_a_text() {
        let lines = lines(false, || {
            info!("CREATED {}", "msg_1");
            warn!(number = 1, "naïve");
        });
        assert_eq!(lines, ["  INFO CREATED msg_1", "  WARN naïve number=1"]);
    }

    #[test]
    fn a_terminal_gets_colours() {
        let lines = lines(true, || info!("text"));
        assert_eq!(lines, ["\x1b[0m \x1b[32m INFO\x1b[0m text"]);
    }

    #[test]
    fn what_is_logged_neither_begins_a_line_nor_speaks_to_the_terminal() {
        let lines = lines(false, || info!("{}", "a\r\nb\x1b[2J\x7f\u{9b}31mé"));
        assert_eq!(lines, [r"  INFO a\r\nb\u{1b}[2J\u{7f}\u{9b}31mé"]);
    }
}
