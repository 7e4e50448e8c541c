//! The log on stderr.

use std::{
    fmt::{self, Debug, Write as _},
    io::{self, IsTerminal as _},
    sync::{Mutex, PoisonError},
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

use crate::arguments::LogFormat;

pub(crate) fn start(format: LogFormat, level: Level) {
    // The program goes on when stderr is closed: an error message about that on stderr would end it.
    let log = tracing_subscriber::fmt().with_writer(io::stderr).log_internal_errors(false);
    let log = log.with_max_level(level);
    match format {
        LogFormat::Pretty => {
            log.with_ansi(io::stderr().is_terminal()).event_format(LineFormat::default()).init();
        }
        LogFormat::Json => log.json().with_target(false).init(),
    }
}

/// A time, a level and a text in each line. A message has three of them, which in the form of the library would cost a tenth of
/// all that is done for it.
///
/// Lines are many in a second, which is written once for all of them.
#[derive(Default)]
struct LineFormat(Mutex<(Timestamp, String)>);

impl LineFormat {
    /// Writes a time in microseconds.
    fn write_time(&self, writer: &mut Writer<'_>, time: Timestamp) -> fmt::Result {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, text) = &mut *written;
        if text.is_empty() || last.as_second() != time.as_second() {
            (*last, *text) = (time, format!("{time:.0}"));
            // What follows it begins with a point.
            text.pop();
        }
        writer.write_str(text)?;
        write!(writer, ".{:06}Z", time.subsec_microsecond())
    }
}

impl<S, N> FormatEvent<S, N> for LineFormat
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
            writer.write_str("\x1b[2m")?;
            self.write_time(&mut writer, now)?;
            write!(writer, "\x1b[0m \x1b[{colour}m{name}\x1b[0m")?;
        } else {
            self.write_time(&mut writer, now)?;
            writer.write_char(' ')?;
            writer.write_str(name)?;
        }
        let mut fields = FieldWriter { writer, written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        fields.writer.write_char('\n')
    }
}

/// What an event says.
struct FieldWriter<'a> {
    writer: Writer<'a>,
    written: fmt::Result,
}

impl Visit for FieldWriter<'_> {
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
        // All bytes are looked at, several at a time.
        if text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~')) {
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
    use std::sync::Arc;

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
        let log = tracing_subscriber::fmt().with_ansi(with_ansi).event_format(LineFormat::default());
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
    fn a_time_is_written_alike_in_every_second_and_every_part_of_one() {
        let format = LineFormat::default();
        for text in ["2026-11-29T03:30:17.000000", "2026-11-29T03:30:17.120034", "2026-11-30T00:00:00.999999"]
        {
            let (time, mut line) = (format!("{text}Z").parse().unwrap(), String::new());
            format.write_time(&mut Writer::new(&mut line), time).unwrap();
            assert_eq!(line, format!("{text}Z"));
        }
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
