//! Documents of a given form, with a different value in each field, so that a field which is read from the place of
//! another one is found out.

use serde_json::{Map, Value, json};

use crate::description::Description;

/// What a document cannot have at the same time.
#[derive(Clone, Copy)]
struct Choice {
    alternative: usize,
    /// Whether fields hold base64 that have a sibling for text.
    binary: bool,
}

/// Documents that have all fields among them.
pub(crate) fn all(description: &Description, form: &Value) -> Vec<Value> {
    let choices = [(0, false), (1, false), (0, true), (1, true)];
    let choices = choices.map(|(alternative, binary)| Choice { alternative, binary });
    let mut samples = Vec::new();
    for choice in choices {
        let sample = choice.sample(description, form, "value");
        if !samples.contains(&sample) {
            samples.push(sample);
        }
    }
    samples
}

impl Choice {
    fn sample(self, description: &Description, form: &Value, name: &str) -> Value {
        let form = description.resolve(form);
        if let Some(alternatives) = form["oneOf"].as_array() {
            return self.sample(description, &alternatives[self.alternative % alternatives.len()], name);
        }
        if let Some(properties) = form["properties"].as_object() {
            let chosen = properties.iter().filter(|(name, _)| self.contains(properties, name));
            let fields = chosen.map(|(name, form)| (name.clone(), self.sample(description, form, name)));
            return fields.collect::<Map<_, _>>().into();
        }
        if form["value"].is_string() {
            return form["value"].clone();
        }
        match form["type"].as_str().unwrap() {
            "array" => json!([self.sample(description, &form["items"], name)]),
            "object" => {
                json!({ text(name): self.sample(description, &form["values"], name) })
            }
            "string" if name.ends_with("Base64") => json!("/w=="),
            "string" => json!(text(name)),
            "integer" => json!(number(name)),
            "boolean" => json!(true),
            other => panic!("there is no sample of {other}"),
        }
    }

    fn contains(self, properties: &Map<String, Value>, name: &str) -> bool {
        match name.strip_suffix("Base64") {
            Some(text) => self.binary || !properties.contains_key(text),
            None => !self.binary || !properties.contains_key(&format!("{name}Base64")),
        }
    }
}

/// A text that is an id, a name and base64 as well, and in which header names look as the service writes them.
fn text(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    let mut text: String = letters[..1].to_uppercase() + &letters[1..];
    while !text.len().is_multiple_of(4) {
        text.push('x');
    }
    text
}

/// A number that every field takes: statuses are the smallest.
fn number(name: &str) -> u64 {
    name.bytes().fold(0, |hash, byte| (hash * 31 + u64::from(byte)) % 50_021) + 1
}
