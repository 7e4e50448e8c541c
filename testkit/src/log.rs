//! What was logged on this thread, one line per event.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::Once,
};

use tracing::{
    Event, Level, Metadata, Subscriber, callsite,
    field::{Field, Visit},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static LEVEL: Cell<Level> = const { Cell::new(Level::TRACE) };
}

/// Starts to write down, for the whole process: a subscriber of one thread alone would race with the others for what
/// `tracing` caches about its call sites. Each test has its own thread and so its own lines.
pub fn start() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        tracing_subscriber::registry().with(Log).init();
        // A thread may have come by a call site while nobody listened.
        callsite::rebuild_interest_cache();
    });
}

/// Listens on this thread to nothing below a level from now on.
pub fn listen_at(level: Level) {
    LEVEL.set(level);
}

/// What was logged since the last call.
pub fn take() -> Vec<String> {
    LINES.take()
}

/// Four characters of a secret that stand in a text.
pub fn leak<'a>(text: &str, secret: &'a str) -> Option<&'a str> {
    (0..secret.len().saturating_sub(3)).map(|at| &secret[at..at + 4]).find(|piece| text.contains(piece))
}

struct Log;

impl<S: Subscriber> Layer<S> for Log {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Threads differ, so it must be asked anew each time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= LEVEL.get()
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with("qstash") {
            return;
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line.0));
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;

        write!(self.0, " {field}={value:?}").unwrap();
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.record_debug(field, &format_args!("{error}"));
            cause = error.source();
        }
    }
}
