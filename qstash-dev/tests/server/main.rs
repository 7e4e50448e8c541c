//! The server, over HTTP: what it accepts and refuses, what it sends and to whom, and how time passes.

mod advance;
mod client;
mod deliver;
mod destination;
mod isolation;
mod publish;
mod reads;
mod refusals;
