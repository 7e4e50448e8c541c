//! What the program does beside serving. Each verb is a few calls to a server, by the documented API and what the local server
//! has under `/dev/`.

#![expect(clippy::doc_markdown, reason = "the comments of arguments are help texts, which are no Markdown")]

mod control;
mod dlq;
mod export;
mod logs;
mod message;
mod print;
mod publish;
mod queues;
mod ready;
mod remote;
mod schedules;
mod wait;

use std::error::Error;

pub(crate) use self::print::plain;

/// What the program can be told to do.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Publish a message, and print its id
    Publish(Box<publish::Publish>),
    /// Cancel messages that have not come to their end
    Cancel(publish::Cancel),
    /// Wait until a message has come to its end, and print what its destination answered
    Wait(wait::Wait),
    /// Show what happened to messages
    Logs(Box<logs::Logs>),
    /// List, show, retry or delete dead letters
    Dlq(dlq::Dlq),
    /// List, show, make, run, pause, resume or delete schedules
    Schedules(schedules::Schedules),
    /// List, set, pause, resume or delete queues
    Queues(queues::Queues),
    /// Write a message to stdout, as a file that `replay` publishes
    Export(export::Export),
    /// Publish the message of a file that `export` has written
    Replay(export::Replay),
    /// Move the clock of the local server ahead, and do what becomes due
    Advance(control::Advance),
    /// Wait until the local server has nothing to do before its clock moves
    Settle(control::Settle),
    /// Succeed if the local server runs and calls can succeed
    Ready(ready::Ready),
    /// Deliver a waiting message of the local server now
    Deliver(control::Deliver),
    /// Make deliveries or calls of the local server go wrong
    Fault(control::Fault),
    /// Make the local server forget everything
    Reset(control::Reset),
}

/// What became of a verb.
type Done = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn carry_out(verb: Verb) -> Done {
    match verb {
        Verb::Publish(publish) => publish.carry_out().await,
        Verb::Cancel(cancel) => cancel.carry_out().await,
        Verb::Wait(wait) => wait.carry_out().await,
        Verb::Logs(logs) => logs.carry_out().await,
        Verb::Dlq(dlq) => dlq.carry_out().await,
        Verb::Schedules(schedules) => schedules.carry_out().await,
        Verb::Queues(queues) => queues.carry_out().await,
        Verb::Export(export) => export.carry_out().await,
        Verb::Replay(replay) => replay.carry_out().await,
        Verb::Advance(advance) => advance.carry_out().await,
        Verb::Settle(settle) => settle.carry_out().await,
        Verb::Ready(ready) => ready.carry_out().await,
        Verb::Deliver(deliver) => deliver.carry_out().await,
        Verb::Fault(fault) => fault.carry_out().await,
        Verb::Reset(reset) => reset.carry_out().await,
    }
}
