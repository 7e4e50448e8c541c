//! What handlers noted, and whether that is what was promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use crate::receiver::LEASE;

/// Something that happened to a process: its death at some moment of a span, or a stop that lasted as long. In microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interruption {
    pub(crate) process: u32,
    pub(crate) earliest: u128,
    pub(crate) latest: u128,
}

impl Interruption {
    /// When a run was interrupted by it, if it may have been: no sooner than it began.
    fn of(&self, run: &HandlerRun) -> Option<u128> {
        let met = self.process == run.process
            && self.latest >= run.begin
            && run.last_sign().is_none_or(|last| self.earliest <= last);
        met.then(|| self.earliest.max(run.begin))
    }
}

/// What a process has claimed before it was stopped begins soon after it goes on, if it has not begun before: in microseconds.
const SOON: u128 = LEASE.as_micros();

/// A handler that ran.
#[derive(Clone, Copy, Debug)]
struct HandlerRun {
    process: u32,
    begin: u128,
    end: Option<End>,
    /// When its success was answered, and so was kept.
    answered: Option<u128>,
}

impl HandlerRun {
    /// Whether it may have been claimed before a stop of its process, and begun during it or afterwards. Then its lease was over
    /// when it began, and all that it can do is to be refused.
    fn is_stale(&self, stops: &[Interruption]) -> bool {
        let of_stop = |stop: &Interruption| {
            stop.process == self.process && (stop.earliest..=stop.latest + SOON).contains(&self.begin)
        };
        stops.iter().any(of_stop)
    }

    /// When it was last seen to be alive, once it has ended: between its end and its answer its success is kept.
    fn last_sign(&self) -> Option<u128> {
        self.answered.or(self.end.map(|end| end.at))
    }
}

/// A handler that came to its end, in a process that was alive.
#[derive(Clone, Copy, Debug)]
struct End {
    at: u128,
    /// Its work was done. Else it was dropped before that.
    complete: bool,
}

/// What there was to see.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) messages: usize,
    pub(crate) runs: usize,
    pub(crate) again_after_interruption: usize,
    pub(crate) late: usize,
    /// Those that began when their process went on after a stop, of which nothing can be said.
    pub(crate) stale: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, runs, again_after_interruption, late, stale } = self;
        write!(
            f,
            "{runs} runs of {messages} messages, no two of one at once, none after a success that was kept; \
             {again_after_interruption} were interrupted, {late} refused as late, and {stale} begun when a stop ended"
        )
    }
}

/// How many messages have a success that was answered: when it was, or again. A process may have died in between.
pub(crate) fn answered(history: &Path) -> usize {
    let text = fs::read_to_string(history).unwrap_or_default();
    let answer =
        |line: &'_ str| line.starts_with(['A', 'R']).then(|| line.split(' ').nth(1).unwrap().to_owned());
    text.lines().filter_map(answer).collect::<BTreeSet<_>>().len()
}

/// Checks that no two handlers of a message ran at once, none after a success that was kept, and none again without an
/// interruption of the one before.
pub(crate) fn check(history: &Path, kills: &[Interruption], stops: &[Interruption]) -> Summary {
    let mut summary = Summary::default();
    for (message, Noted { mut runs, replayed }) in read(history) {
        runs.sort_by_key(|run| run.begin);
        summary.messages += 1;
        summary.runs += runs.len();
        let all = runs.len();
        runs.retain(|run| !run.is_stale(stops));
        summary.stale += all - runs.len();
        if let (Some(replayed), Some(last)) = (replayed, runs.last()) {
            assert!(last.begin < replayed, "message {message} was answered again, and then ran: {last:?}");
        }
        for pair in runs.windows(2) {
            let [run, next] = pair else { continue };
            // From when on it was not alive: its end, the death of its process, or the begin of a stop that it did not
            // end before.
            let stopped = stops.iter().filter_map(|stop| stop.of(run)).min();
            let killed = kills.iter().filter_map(|kill| kill.of(run)).min();
            let end = [run.end.map(|end| end.at), stopped, killed].into_iter().flatten().min();
            assert!(
                end.is_some_and(|end| end <= next.begin),
                "two handlers of message {message} ran at once: {run:?} (stopped: {stopped:?}, killed: {killed:?}) and {next:?}"
            );
            // Stopped for longer than its lease: what it completed was refused, and its own answer was sent all the same.
            let late = stopped.is_some() && run.end.is_some_and(|end| end.complete);
            if let (Some(answered), false) = (run.answered, late) {
                panic!("message {message} was answered at {answered}, and ran again: {run:?}, {next:?}");
            }
            if late {
                summary.late += 1;
            } else {
                summary.again_after_interruption += 1;
            }
        }
    }
    summary
}

/// What was noted about a message.
#[derive(Default)]
struct Noted {
    runs: Vec<HandlerRun>,
    /// When its success was first answered again.
    replayed: Option<u128>,
}

fn read(history: &Path) -> BTreeMap<u32, Noted> {
    let mut messages: BTreeMap<u32, Noted> = BTreeMap::new();
    for line in fs::read_to_string(history).unwrap().lines() {
        let parts: Vec<_> = line.split(' ').collect();
        let [what, message, process, at] = parts[..] else { panic!("{line}") };
        let (process, at) = (process.parse().unwrap(), at.parse().unwrap());
        let noted = messages.entry(message.parse().unwrap()).or_default();
        // A process has one handler of a message at a time, so what it notes is about the last one.
        let run = noted.runs.iter_mut().rfind(|run| run.process == process);
        match what {
            "B" => noted.runs.push(HandlerRun { process, begin: at, end: None, answered: None }),
            "E" | "D" => run.unwrap().end = Some(End { at, complete: what == "E" }),
            "A" => run.unwrap().answered = Some(at),
            "R" => noted.replayed = Some(noted.replayed.map_or(at, |first| first.min(at))),
            _ => panic!("{line}"),
        }
    }
    messages
}
