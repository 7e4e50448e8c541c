//! Timing of alternatives, taken in turns.

use std::{hint::black_box, time::Instant};

/// One way to do the work.
pub struct Way<'a> {
    name: &'static str,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Way<'a> {
    /// A way with a name; what it returns is kept from being optimised away.
    pub fn new<T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Self {
        Self { name, work: Box::new(move || drop(black_box(work()))) }
    }
}

/// How many times the ways take turns.
const ROUNDS: usize = 15;
/// How many bytes of input a round works on, so that rounds take about equally long.
const BYTES: usize = 16 * 1024 * 1024;

/// Times the ways in turns and prints each one's median time and its median ratio to the first, the limit.
pub fn compare(title: &str, input_len: usize, mut ways: Vec<Way<'_>>) {
    let repetitions = (BYTES / (input_len + 1024)).clamp(8, 5_000);
    let mut nanos = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for (way, nanos) in ways.iter_mut().zip(&mut nanos) {
            let started = Instant::now();
            for _ in 0..repetitions {
                (way.work)();
            }
            nanos.push(started.elapsed().as_secs_f64() * 1e9 / repetitions as f64);
        }
    }
    for (way, own) in ways.iter().zip(&nanos) {
        let ratios = own.iter().zip(&nanos[0]).map(|(own, limit)| own / limit).collect();
        println!("{title:>12}  {:<40} {:>12.0} ns {:>8.2}x", way.name, median(own.clone()), median(ratios));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
