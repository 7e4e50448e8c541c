//! Callback bodies: nothing panics, whichever accessor is called, and an odd field never hides the status.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qstash_types::{Callback, FailureCallback};

fuzz_target!(|data: &[u8]| {
    let by_serde = serde_json::from_slice::<Callback>(data);
    let Ok(callback) = Callback::from_json(data) else {
        assert!(by_serde.is_err());
        return;
    };
    if let Ok(by_serde) = by_serde {
        assert_eq!(by_serde, callback);
    }
    let failure = FailureCallback::from_json(data).expect("both forms decode alike");
    assert_eq!(failure.dlq_id(), callback.dlq_id());
    assert_eq!(callback.is_success(), (200..300).contains(&callback.status()));
    let _ = (callback.headers(), callback.body(), callback.text(), callback.json::<serde_json::Value>());
    let _ = (callback.source_headers(), callback.source_body(), callback.source_json::<serde_json::Value>());
    let _ = (
        callback.not_before(),
        callback.created_at(),
        callback.is_last_attempt(),
        callback.source_message_id(),
    );
    let _ = (callback.url_group(), callback.endpoint(), callback.schedule_id(), callback.caller_ip());
    let _ = format!("{callback:?}");
});
