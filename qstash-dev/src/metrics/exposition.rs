//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::histogram::Histogram;

/// What is written so far.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

/// What a metric is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The samples of one metric.
pub(super) struct Family<'a> {
    name: &'static str,
    text: &'a mut String,
}

/// Names and values. The values are words of ours and names of queues, which hold nothing that would have to be escaped.
type Labels<'a> = [(&'a str, &'a str)];

impl Exposition {
    /// Begins a metric. The text about it is one line without a backslash.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let text = &mut self.0;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        write(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { name, text }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    pub(super) fn sample(&mut self, labels: &Labels<'_>, value: impl Display) {
        self.line("", labels, value);
    }

    pub(super) fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram) {
        let last = ("+Inf", histogram.count());
        for (bound, count) in histogram.cumulative().chain([last]) {
            self.line("_bucket", &[labels, &[("le", bound)]].concat(), count);
        }
        self.line("_sum", labels, histogram.sum().as_secs_f64());
        self.line("_count", labels, histogram.count());
    }

    fn line(&mut self, suffix: &str, labels: &Labels<'_>, value: impl Display) {
        write(self.text, format_args!("{}{suffix}", self.name));
        for (place, (name, value)) in labels.iter().enumerate() {
            let separator = if place == 0 { '{' } else { ',' };
            write(self.text, format_args!("{separator}{name}=\"{value}\""));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        write(self.text, format_args!("{end} {value}\n"));
    }
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes whatever is written to it");
}
