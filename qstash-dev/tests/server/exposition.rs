//! A strict reader of the text format of Prometheus: what `promtool check metrics` complains about is an error here.

use std::collections::{BTreeMap, HashSet};

/// The labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

/// The samples of a text by the name of their metric.
#[derive(Debug)]
pub(crate) struct Samples(BTreeMap<(String, Labels), f64>);

impl Samples {
    /// Reads a text, all of which must be right.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has an end");
        let mut seen = HashSet::new();
        let mut samples = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) =
                line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')).expect(line);
            assert!(is_name(name) && help.ends_with('.'), "{line}");
            assert!(seen.insert(name.to_owned()), "{name} comes twice");
            let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            let kind = kind.unwrap_or_else(|| panic!("{name} has a type"));
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{name} is a {kind}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
            assert!(
                !name.ends_with("_count") && !name.ends_with("_bucket") && !name.ends_with("_sum"),
                "{name}"
            );
            let mut own = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (sample, labels, value) = sample(line);
                let suffix = sample.strip_prefix(name).unwrap_or_else(|| panic!("{line} belongs to {name}"));
                let suffixes: &[_] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&suffix), "{line}");
                assert!(kind == "gauge" || value >= 0.0, "{line}");
                own.push((suffix.to_owned(), labels.clone(), value));
                assert!(samples.insert((sample, labels), value).is_none(), "{line} comes twice");
            }
            if kind == "histogram" {
                check_histogram(name, &own);
            }
        }
        Self(samples)
    }

    /// The value of a sample that is there.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Labels =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let key = (name.to_owned(), labels);
        *self.0.get(&key).unwrap_or_else(|| panic!("there is no {key:?} in {:#?}", self.0))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with("qstash_dev_") && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Name, labels and value of a line.
fn sample(line: &str) -> (String, Labels, f64) {
    let (sample, value) = line.rsplit_once(' ').expect(line);
    let value = if value == "+Inf" { f64::INFINITY } else { value.parse().expect(line) };
    let Some((name, rest)) = sample.split_once('{') else {
        assert!(is_name(sample), "{line}");
        return (sample.to_owned(), Labels::new(), value);
    };
    assert!(is_name(name), "{line}");
    let mut rest = rest.strip_suffix('}').expect(line);
    let mut labels = Labels::new();
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"").expect(line);
        assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next().expect(line) {
                (end, '"') => break end,
                (_, '\\') => value.push(match characters.next().expect(line).1 {
                    'n' => '\n',
                    plain @ ('\\' | '"') => plain,
                    other => panic!("{line} escapes {other}"),
                }),
                (_, other) => value.push(other),
            }
        };
        assert!(labels.insert(label.to_owned(), value).is_none(), "{line} has {label} twice");
        rest = &quoted[end + 1..];
        if let Some(next) = rest.strip_prefix(',') {
            assert!(!next.is_empty(), "{line}");
            rest = next;
        } else {
            assert!(rest.is_empty(), "{line}");
        }
    }
    (name.to_owned(), labels, value)
}

/// Buckets grow with their bounds up to `+Inf`, which has the count.
fn check_histogram(name: &str, samples: &[(String, Labels, f64)]) {
    let mut series: BTreeMap<Labels, Vec<(String, Option<f64>, f64)>> = BTreeMap::new();
    for (suffix, labels, value) in samples {
        let mut labels = labels.clone();
        let bound = labels.remove("le").map(|bound| bound.replace("+Inf", "inf").parse().unwrap());
        assert_eq!(bound.is_some(), suffix == "_bucket", "{name}{suffix} {labels:?}");
        series.entry(labels).or_default().push((suffix.clone(), bound, *value));
    }
    assert!(!series.is_empty(), "{name} has no series");
    for (labels, samples) in series {
        let buckets: Vec<_> =
            samples.iter().filter_map(|(_, bound, count)| Some(((*bound)?, *count))).collect();
        assert!(buckets.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1), "{name} {labels:?}");
        let (last, most) = *buckets.last().unwrap();
        let plain = |wanted: &str| {
            let mut found = samples.iter().filter(|(suffix, ..)| suffix == wanted);
            let value = found.next().unwrap().2;
            assert!(found.next().is_none(), "{name}{wanted} {labels:?} comes twice");
            value
        };
        assert!(last.is_infinite(), "{name} {labels:?} ends with +Inf");
        assert!((plain("_count") - most).abs() < f64::EPSILON, "{name} {labels:?}");
        assert!(plain("_sum") >= 0.0);
    }
}
