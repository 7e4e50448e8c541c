//! Every order of tries, crashes and waits, against a QStash that remembers ids for ten minutes and has a log that lags and is cut.

use super::{Action, End, Failure, Fate, Millis, Rules, Try};

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const DAY: Millis = 24 * 60 * MINUTE;

const RULES: Rules =
    Rules { deadline: 30 * SECOND, margin: MINUTE, first_wait: SECOND, longest_wait: MINUTE };

/// QStash as far as one deduplication id is concerned.
#[derive(Clone, Default)]
struct QStash {
    /// When it was accepted as a new message.
    accepted: Vec<Millis>,
}

impl QStash {
    fn receive(&mut self, now: Millis) {
        if self.accepted.last().is_none_or(|last| now >= last + 10 * MINUTE) {
            self.accepted.push(now);
        }
    }

    /// What the log says: entries appear almost a margin late, and go after two days.
    fn look_up(&self, now: Millis, first_sent: Millis) -> End {
        let reach = now - 2 * DAY;
        let is_shown = |at: &Millis| *at <= now - (RULES.margin - 1) && *at >= reach;
        if self.accepted.iter().any(is_shown) {
            End::Found
        } else if reach <= first_sent - RULES.margin {
            End::NotFound
        } else {
            End::OutOfReach
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Answered,
    AnswerLost,
    /// It arrives at the very end of the call.
    AnswerLostLate,
    NotSent,
    SentInVain,
    CrashBefore,
    CrashAfter,
}

const EVENTS: [Event; 7] = [
    Event::Answered,
    Event::AnswerLost,
    Event::AnswerLostLate,
    Event::NotSent,
    Event::SentInVain,
    Event::CrashBefore,
    Event::CrashAfter,
];

#[derive(Clone)]
struct World {
    now: Millis,
    qstash: QStash,
    first_sent: Option<Millis>,
    attempts: i32,
    fate: Option<Fate>,
}

impl World {
    fn new() -> Self {
        Self { now: 100 * DAY, qstash: QStash::default(), first_sent: None, attempts: 0, fate: None }
    }

    /// One turn of the row.
    fn turn(&mut self, event: Event) {
        let began = Try { began: self.now, first_sent: self.first_sent, attempts: self.attempts };
        let end = match Action::at(self.now, self.first_sent, &RULES) {
            Action::Send => self.send(event),
            Action::LookUp => match event {
                Event::NotSent | Event::SentInVain => Some(End::NotLookedUp(Failure::default())),
                Event::CrashBefore | Event::CrashAfter => None,
                _ => Some(self.qstash.look_up(self.now, self.first_sent.unwrap())),
            },
        };
        let Some(end) = end else { return };
        match began.end(end, self.now, &RULES) {
            Fate::Waits { due, first_sent, attempts, .. } => {
                (self.first_sent, self.attempts) = (first_sent, attempts);
                self.now = self.now.max(due);
            }
            fate => self.fate = Some(fate),
        }
    }

    fn send(&mut self, event: Event) -> Option<End> {
        let before = self.first_sent;
        self.first_sent = before.or(Some(self.now));
        match event {
            Event::Answered | Event::AnswerLost | Event::CrashAfter => self.qstash.receive(self.now),
            Event::AnswerLostLate => {
                self.now += RULES.deadline;
                self.qstash.receive(self.now);
            }
            Event::NotSent | Event::SentInVain | Event::CrashBefore => {}
        }
        match event {
            Event::Answered => Some(End::Accepted),
            Event::NotSent => Some(End::NotAccepted(Failure::default())),
            Event::AnswerLost | Event::AnswerLostLate | Event::SentInVain => {
                Some(End::Unclear(Failure::default()))
            }
            Event::CrashBefore | Event::CrashAfter => None,
        }
    }
}

/// Visits everything that can follow, and returns how much that is.
fn explore(world: &World, depth: u32, waits: &[Millis], check: &mut impl FnMut(&World)) -> u64 {
    check(world);
    if depth == 0 || world.fate.is_some() {
        return 1;
    }
    let mut visited = 1;
    for event in EVENTS {
        for wait in waits {
            let mut next = world.clone();
            next.turn(event);
            next.now += wait;
            visited += explore(&next, depth - 1, waits, check);
        }
    }
    visited
}

fn heal(world: &World) -> World {
    let mut healed = world.clone();
    for _ in 0..4 {
        if healed.fate.is_none() {
            healed.turn(Event::Answered);
        }
    }
    healed
}

#[test]
fn a_message_is_accepted_once_whatever_happens_in_whatever_order() {
    let waits = [0, 2 * MINUTE, 9 * MINUTE + 29 * SECOND, 9 * MINUTE + 31 * SECOND, 11 * MINUTE, 3 * DAY];
    let (mut dead, mut gone) = (0, 0);
    let visited = explore(&World::new(), 4, &waits, &mut |world| {
        let healed = heal(world);
        assert!(healed.qstash.accepted.len() <= 1, "a second message");
        match &healed.fate {
            Some(Fate::Gone) => {
                assert_eq!(healed.qstash.accepted.len(), 1, "a lost message");
                gone += 1;
            }
            Some(Fate::Dead { first_sent, .. }) => {
                assert_eq!(*first_sent, None);
                dead += 1;
            }
            other => panic!("{other:?} in the end"),
        }
    });
    assert!(visited > 1_000_000 && dead > 0 && gone > 0, "{visited} {dead} {gone}");
}

#[test]
fn as_long_as_the_log_reaches_back_nobody_has_to_decide() {
    let waits = [0, 2 * MINUTE, 9 * MINUTE + 29 * SECOND, 9 * MINUTE + 31 * SECOND, 60 * MINUTE];
    explore(&World::new(), 4, &waits, &mut |world| {
        assert_eq!(heal(world).fate, Some(Fate::Gone));
    });
}

#[test]
fn a_message_that_was_never_sent_is_never_looked_for() {
    let mut world = World::new();
    for _ in 0..100 {
        assert_eq!(Action::at(world.now, world.first_sent, &RULES), Action::Send);
        world.turn(Event::NotSent);
        world.now += DAY;
    }
    assert_eq!(world.first_sent, None);
}

#[test]
fn a_row_is_aged_when_the_call_could_end_after_the_ten_minutes() {
    let at = |age| Action::at(DAY + age, Some(DAY), &RULES);
    assert_eq!(at(0), Action::Send);
    assert_eq!(at(9 * MINUTE + 30 * SECOND - 1), Action::Send);
    assert_eq!(at(9 * MINUTE + 30 * SECOND), Action::LookUp);
    assert_eq!(at(-1), Action::LookUp, "the clock has gone back");
}

#[test]
fn the_wait_doubles_up_to_a_limit_and_is_as_long_as_qstash_asks_for_an_hour_at_the_most() {
    let due = |attempts, seconds| {
        let failure = Failure { why: "busy".to_owned(), asked_wait: std::time::Duration::from_secs(seconds) };
        let tried = Try { began: 0, first_sent: None, attempts };
        match tried.end(End::NotAccepted(failure), 0, &RULES) {
            Fate::Waits { due, .. } => due,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        [0, 1, 5, 6, 62, 63, i32::MAX].map(|n| due(n, 0)),
        [1, 2, 32, 60, 60, 60, 60].map(|s| s * SECOND)
    );
    assert_eq!([due(0, 7), due(0, 4000)], [7 * SECOND, 60 * MINUTE]);
}

#[test]
fn what_is_refused_for_good_is_dead_with_the_reason_and_keeps_what_is_known_of_earlier_tries() {
    for first_sent in [None, Some(5)] {
        let tried = Try { began: 9, first_sent, attempts: 3 };
        let dead = Fate::Dead { first_sent, reason: "too large".to_owned() };
        assert_eq!(tried.end(End::Refused("too large".to_owned()), 10, &RULES), dead);
    }
}
