//! The description: operations, their parameters, and the fields of what is sent and answered.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value};

use crate::{notation, sample};

pub(crate) struct Description {
    document: Value,
}

/// One operation, such as `GET /v2/dlq/{dlqId}`.
pub(crate) struct Operation {
    description: &'static Description,
    pub(crate) name: String,
    method: &'static str,
    path: &'static str,
    item: &'static Value,
}

/// An answer that the description allows, with a value in each of its fields.
#[derive(Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
}

impl Description {
    pub(crate) fn read(text: &str) -> &'static Self {
        Box::leak(Box::new(Self { document: notation::read(text) }))
    }

    /// The operations, those with a whole URL in their path last: it could be taken for anything.
    pub(crate) fn operations(&'static self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in object(&self.document["paths"]) {
            for (method, item) in object(methods) {
                let name = format!("{method} {path}");
                operations.push(Operation { description: self, name, method, path, item });
            }
        }
        operations.sort_by_key(|operation| operation.path.contains("{destination}"));
        operations
    }

    /// Everything that a client can support, one line each.
    pub(crate) fn facts(&'static self) -> BTreeSet<String> {
        self.operations().iter().flat_map(Operation::facts).collect()
    }

    /// A form, behind its name if it has one.
    pub(crate) fn resolve<'a>(&'a self, form: &'a Value) -> &'a Value {
        match form["name"].as_str() {
            Some(name) => self.document["types"].get(name).unwrap_or_else(|| panic!("{name} is no type")),
            None => form,
        }
    }

    /// Where the values stand in a document of this form: JSON pointers, with the first element for all of an array.
    pub(crate) fn fields(&self, form: &Value) -> BTreeSet<String> {
        let form = self.resolve(form);
        let below = |prefix: String, form: &Value| {
            self.fields(form).into_iter().map(move |field| format!("{prefix}{field}")).collect::<Vec<_>>()
        };
        if let Some(alternatives) = form["oneOf"].as_array() {
            alternatives.iter().flat_map(|form| self.fields(form)).collect()
        } else if let Some(properties) = form["properties"].as_object() {
            properties.iter().flat_map(|(name, form)| below(format!("/{name}"), form)).collect()
        } else if form["type"] == "array" && self.resolve(&form["items"])["properties"].is_object() {
            below("/0".to_owned(), &form["items"]).into_iter().collect()
        } else {
            BTreeSet::from([String::new()])
        }
    }
}

impl Operation {
    fn facts(&self) -> Vec<String> {
        let mut facts: Vec<_> = self.parameters().map(|parameter| self.parameter_fact(parameter)).collect();
        for (media_type, field) in self.request_fields() {
            facts.push(self.request_fact(media_type, &field));
        }
        for (status, fields) in self.answer_fields() {
            facts.extend(fields.iter().map(|field| self.answer_fact(status, field)));
        }
        facts
    }

    pub(crate) fn parameter_fact(&self, (place, name): (&str, &str)) -> String {
        format!("{} {place} {name}", self.name)
    }

    pub(crate) fn request_fact(&self, media_type: &str, field: &str) -> String {
        format!("{} body {media_type} {field}", self.name).trim_end().to_owned()
    }

    pub(crate) fn answer_fact(&self, status: StatusCode, field: &str) -> String {
        format!("{} {} {field}", self.name, status.as_str()).trim_end().to_owned()
    }

    /// Places and names of the parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let parameters = self.item["parameters"].as_array().unwrap().iter();
        parameters.map(|parameter| (parameter[0].as_str().unwrap(), parameter[1].as_str().unwrap()))
    }

    /// Media types and fields of the body that is sent.
    pub(crate) fn request_fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let description = self.description;
        object(&self.item["bodies"]).iter().flat_map(move |(media_type, form)| {
            description.fields(form).into_iter().map(move |field| (media_type.as_str(), field))
        })
    }

    /// The answers, with the form of their bodies if they have any.
    fn answer_forms(&self) -> impl Iterator<Item = (StatusCode, Option<&'static Value>)> {
        object(&self.item["answers"])
            .iter()
            .map(|(status, form)| (status.parse().unwrap(), Some(form).filter(|form| !form.is_null())))
    }

    pub(crate) fn answer_fields(&self) -> impl Iterator<Item = (StatusCode, BTreeSet<String>)> {
        self.answer_forms().map(|(status, form)| match form {
            Some(form) => (status, self.description.fields(form)),
            None => (status, BTreeSet::from([String::new()])),
        })
    }

    /// Samples of all answers.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (status, form) in self.answer_forms() {
            let bodies = match form {
                Some(form) => sample::all(self.description, form).into_iter().map(Some).collect(),
                None => vec![None],
            };
            answers.extend(bodies.into_iter().map(|body| Answer { status, body }));
        }
        answers.dedup();
        answers
    }

    /// Whether a request is one for this operation. A URL at the end of a path may have any number of segments.
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        let (mut wanted, mut found) = (self.path.split('/'), path.split('/'));
        self.method.eq_ignore_ascii_case(method)
            && loop {
                match (wanted.next(), found.next()) {
                    (Some("{destination}"), Some(_)) => break true,
                    (Some(wanted), Some(found)) if wanted.starts_with('{') && !found.is_empty() => {}
                    (Some(wanted), Some(found)) if wanted == found => {}
                    (wanted, found) => break wanted.is_none() && found.is_none(),
                }
            }
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
