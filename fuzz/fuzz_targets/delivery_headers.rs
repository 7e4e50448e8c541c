//! The headers of a delivery: nothing panics, and what is read survives being written.

#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use qstash_types::DeliveryHeaders;

// One header a line, `name:value`.
fuzz_target!(|data: &[u8]| {
    let lines = || {
        data.split(|byte| *byte == b'\n')
            .filter_map(|line| line.split_at_checked(line.iter().position(|byte| *byte == b':')?))
    };
    let lookup = |name: &str| lines().find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| &value[1..]);
    let read = DeliveryHeaders::from_lookup(lookup);
    let mut written = HeaderMap::new();
    read.write(&mut written);
    let again = DeliveryHeaders::from_lookup(|name| written.get(name).map(HeaderValue::as_bytes));
    assert_eq!((again.message_id, again.retried, again.labels), (read.message_id, read.retried, read.labels));
});
