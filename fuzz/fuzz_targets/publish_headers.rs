//! Publish headers: nothing panics, and what is understood survives being written and read again.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use qstash_types::DeliveryOptions;

// One header a line, `name:value`.
fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = HeaderValue::from_bytes(line.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            headers.append(name, value);
        }
    }
    if let Ok(options) = DeliveryOptions::from_headers(&headers) {
        let written = options.to_headers().expect("what was read can be written");
        assert_eq!(DeliveryOptions::from_headers(&written).expect("and read again"), options);
    }
});
