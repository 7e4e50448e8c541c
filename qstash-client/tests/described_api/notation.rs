//! Reads `api.txt`.

use serde_json::{Map, Value, json};

/// The operations by path and method under `paths`, and the types under `types`.
pub(crate) fn read(text: &str) -> Value {
    let (mut paths, mut types) = (Map::new(), Map::new());
    let mut operation = &mut Value::Null;
    for entry in entries(text) {
        let (word, rest) = entry.trim().split_once(' ').unwrap_or((entry.trim(), ""));
        if word == "type" {
            let (name, form) = rest.split_once(" = ").unwrap();
            types.insert(name.to_owned(), Form::read(form));
        } else if !entry.starts_with(' ') {
            let methods = paths.entry(rest).or_insert(json!({}));
            methods[word] = json!({ "parameters": [], "bodies": {}, "answers": {} });
            operation = &mut methods[word];
        } else if word == "body" {
            let (media_type, form) = rest.split_once(' ').unwrap();
            operation["bodies"][media_type] = Form::read(form);
        } else if word.parse::<u16>().is_ok() {
            operation["answers"][word] = if rest.is_empty() { Value::Null } else { Form::read(rest) };
        } else {
            let names = rest.split(' ').map(|name| json!([word, name]));
            operation["parameters"].as_array_mut().unwrap().extend(names);
        }
    }
    json!({ "paths": paths, "types": types })
}

/// Lines without comments, with those that continue a type joined to it.
fn entries(text: &str) -> Vec<String> {
    let mut entries = Vec::<String>::new();
    let mut is_open = false;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match entries.last_mut().filter(|_| is_open) {
            Some(entry) => *entry = format!("{entry} {}", line.trim()),
            None => entries.push(line.to_owned()),
        }
        let entry = entries.last().unwrap();
        is_open = entry.matches('{').count() > entry.matches('}').count();
        // Braces stand in paths too, always in pairs.
    }
    entries
}

/// A form, as far as it is not read yet.
struct Form<'a>(&'a str);

impl Form<'_> {
    fn read(text: &str) -> Value {
        let mut form = Form(text);
        let value = form.alternatives();
        assert_eq!(form.0.trim(), "", "{text}");
        value
    }

    fn alternatives(&mut self) -> Value {
        let mut alternatives = vec![self.one()];
        while self.takes("|") {
            alternatives.push(self.one());
        }
        if alternatives.len() == 1 { alternatives.remove(0) } else { json!({ "oneOf": alternatives }) }
    }

    fn one(&mut self) -> Value {
        if self.takes("[") {
            let items = self.alternatives();
            self.expect("]");
            json!({ "type": "array", "items": items })
        } else if self.takes("{") {
            let mut fields = Map::new();
            while !self.takes("}") {
                let name = self.word().to_owned();
                self.expect(":");
                fields.insert(name, self.alternatives());
                self.takes(",");
            }
            json!({ "properties": fields })
        } else if self.takes("map<") {
            let values = self.alternatives();
            self.expect(">");
            json!({ "type": "object", "values": values })
        } else {
            match self.word() {
                word @ ("string" | "integer" | "boolean" | "any") => json!({ "type": word }),
                word if word.starts_with('"') => json!({ "value": word.trim_matches('"') }),
                name => json!({ "name": name }),
            }
        }
    }

    fn word(&mut self) -> &str {
        let text = self.0.trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '"').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        assert!(!word.is_empty(), "{text}");
        self.0 = rest;
        word
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(sign);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, sign: &str) {
        assert!(self.takes(sign), "{sign} is missing before {}", self.0);
    }
}
