//! The arms of the benchmarks: one way each to do a piece of work, as often as it is told.
//!
//! ```text
//! qstash-bench ARM [URL]    reads numbers, one a line; does the work so often; prints the nanoseconds of CPU and of wall time
//! qstash-bench serve        a server that accepts whatever is published; prints its URL, which the arms that publish want
//! ```
//!
//! An arm is a name and, where one is wanted, a number: bytes of a body, keys, messages of a batch. `ours-verify:4096`
//! verifies bodies of 4 KiB. `ARM+watched` does the same while somebody listens, as far as the features of this program go.

mod callback;
mod floor;
mod layers;
mod publish;
mod receive;
mod serve;
mod verify;
mod watch;

use std::{env, hint::black_box, io, time::Instant};

use nix::{
    sys::time::TimeValLike,
    time::{ClockId, clock_gettime},
};

/// Does the work so often.
type Arm = Box<dyn FnMut(usize)>;

/// An arm that does this; what it returns is kept from being optimised away.
fn each<T>(mut work: impl FnMut() -> T + 'static) -> Arm {
    Box::new(move |count| {
        for _ in 0..count {
            black_box(work());
        }
    })
}

/// Finds an arm by its name. The URL is that of the server that accepts messages.
fn find(arm: &str, url: &str) -> Arm {
    let (name, number) = match arm.split_once(':') {
        Some((name, number)) => (name, number.parse().expect("a number after the colon")),
        None => (arm, 0),
    };
    match name {
        "sha2-verify" => floor::verify::<floor::Sha2>(number),
        "ring-verify" => floor::verify::<floor::Ring>(number),
        "aws-lc-verify" => floor::verify::<floor::AwsLc>(number),
        "ours-verify" => verify::ours(number),
        "ours-keys" => verify::ours_by_keys(number),
        "qstash-rs-verify" => verify::qstash_rs(number),
        "jsonwebtoken-verify" => verify::jsonwebtoken(number),
        "limit-callback" => callback::limit(number),
        "ours-callback" => callback::ours(number),
        "string-callback" => callback::strings(number),
        "raw-callback" => callback::raw(number),
        "axum" => layers::axum(number, false),
        "ours-axum" => layers::axum(number, true),
        "actix" => layers::actix(number, false),
        "ours-actix" => layers::actix(number, true),
        "ours-receive" => Box::new(receive::deliveries()),
        "reqwest" => publish::reqwest_prepared(url),
        "hyper-util" => publish::hyper_util_prepared(url),
        "hyper-util-batch" => publish::hyper_util_batch(url, number),
        "qstash-rs" => publish::qstash_rs(url),
        "qstash-rs-batch" => publish::qstash_rs_batch(url, number),
        "ours" => publish::ours(url),
        "ours-hyper-util" => publish::ours_over_hyper_util(url),
        "ours-batch" => publish::ours_batch(url, number),
        "ours-publisher" => publish::ours_publisher(url),
        _ => panic!("{arm} is no arm"),
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (arm, url) = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => return serve::serve(),
        [arm] => (*arm, ""),
        [arm, url] => (*arm, *url),
        _ => panic!("qstash-bench serve | qstash-bench ARM [URL]"),
    };
    let (arm, _listening) = match arm.strip_suffix("+watched") {
        Some(arm) => (arm, Some(watch::listen())),
        None => (arm, None),
    };
    let mut arm = find(arm, url);
    for line in io::stdin().lines() {
        let count = line?.parse().expect("a number a line");
        let (cpu, wall) = (cpu_nanos(), Instant::now());
        arm(count);
        println!("{} {}", cpu_nanos() - cpu, wall.elapsed().as_nanos());
    }
    Ok(())
}

/// The CPU time of this process, all threads together.
fn cpu_nanos() -> i64 {
    let spent = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("every Linux has it");
    spent.num_nanoseconds()
}
