//! Our crates beside their peers and the limits of the machine, in one run.
//!
//! ```text
//! cargo run --release --manifest-path bench/Cargo.toml
//! ```
//!
//! Every row is measured in interleaved rounds and printed as the median of the rounds' ratios to the limit: what the
//! primitives alone cost on the same input. Nanoseconds differ between machines; ratios carry over.

mod callback;
mod rounds;
mod verify;

fn main() {
    println!("verify: the limit is one HMAC over the token and one SHA-256 over the body");
    for len in [0, 256, 4 * 1024, 64 * 1024, 1024 * 1024] {
        verify::compare(len);
    }
    println!("\ncallback: the limit is decoding the base64 text alone");
    for len in [1024, 64 * 1024, 1024 * 1024] {
        callback::compare(len);
    }
}
