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
pub(crate) fn all(description: &Description, schema: &Value) -> Vec<Value> {
    let choices = [(0, false), (1, false), (0, true), (1, true)];
    let choices = choices.map(|(alternative, binary)| Choice { alternative, binary });
    let mut samples = Vec::new();
    for choice in choices {
        let sample = choice.sample(description, schema, "value");
        if !samples.contains(&sample) {
            samples.push(sample);
        }
    }
    samples
}

impl Choice {
    fn sample(self, description: &Description, schema: &Value, name: &str) -> Value {
        let schema = description.resolve(schema);
        if let Some(alternatives) = schema["oneOf"].as_array() {
            return self.sample(description, &alternatives[self.alternative % alternatives.len()], name);
        }
        if let Some(properties) = schema["properties"].as_object() {
            let chosen = properties.iter().filter(|(name, _)| self.contains(properties, name));
            let fields = chosen.map(|(name, schema)| (name.clone(), self.sample(description, schema, name)));
            return fields.collect::<Map<_, _>>().into();
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[0].clone();
        }
        match schema["type"].as_str().unwrap() {
            "array" => json!([self.sample(description, &schema["items"], name)]),
            "object" => {
                json!({ text(name): self.sample(description, &schema["additionalProperties"], name) })
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
