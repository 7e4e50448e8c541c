//! The mistakes of a user who is in a hurry, and what they are told: what is wrong, and what to do next.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod actix;
mod guide;
mod play;
mod receiver;
