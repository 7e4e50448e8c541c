//! Says loudly what was not tested.

use std::{
    collections::BTreeSet,
    io::{Write, stderr},
    sync::Mutex,
};

/// Says once what was left out, past the test harness, which shows nothing of tests that pass.
pub(crate) fn left_out(what: &'static str) {
    static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(what) {
        let line = format!(
            "\nNOT TESTED: claims in {what}. Run `.ci/services cargo test -p qstash-idempotency --all-features`.\n"
        );
        stderr().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn what_is_not_compiled_is_named() {
    let stores = [
        (cfg!(feature = "sqlite"), "SQLite"),
        (cfg!(feature = "postgres"), "PostgreSQL"),
        (cfg!(feature = "redis"), "Redis"),
    ];
    stores.iter().filter(|(is_compiled, _)| !is_compiled).for_each(|(_, store)| left_out(store));
}
