//! What work leaves with a recorder of the crate `metrics`.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// The numbers that are left by work on this thread, by name and labels; of durations how many there are.
pub fn left_by(work: impl FnOnce()) -> BTreeMap<String, u64> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, work);
    let read = |value| match value {
        DebugValue::Counter(count) => count,
        DebugValue::Histogram(values) => values.len() as u64,
        DebugValue::Gauge(_) => panic!("there is no gauge"),
    };
    let named = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let key = key.key();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        (format!("{}{{{}}}", key.name(), labels.join(",")), read(value))
    });
    named.collect()
}

/// The numbers that are expected.
pub fn expected<const N: usize>(numbers: [(&str, u64); N]) -> BTreeMap<String, u64> {
    numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
