//! The description: operations, their parameters, and the fields of what is sent and answered.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::sample;

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
    /// The parameters of every operation at this path.
    shared: &'static Value,
}

/// An answer that the description allows, with a value in each of its fields.
#[derive(Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
}

impl Description {
    pub(crate) fn read(yaml: &str) -> &'static Self {
        let mut document: Value = serde_saphyr::from_str(yaml).unwrap();
        // It forgets the ids of dead letters, although other parts of it take them.
        let dead_letter = &mut document["components"]["schemas"]["DLQMessage"]["properties"];
        assert!(dead_letter["dlqId"].is_null(), "it is there now, nothing has to be added");
        dead_letter["dlqId"] = json!({ "type": "string" });
        Box::leak(Box::new(Self { document }))
    }

    /// The operations, those with a whole URL in their path last: it could be taken for anything.
    pub(crate) fn operations(&'static self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in object(&self.document["paths"]) {
            for (method, item) in object(methods).iter().filter(|(method, _)| *method != "parameters") {
                let name = format!("{} {path}", method.to_uppercase());
                let shared = &methods["parameters"];
                operations.push(Operation { description: self, name, method, path, item, shared });
            }
        }
        operations.sort_by_key(|operation| operation.path.contains("{destination}"));
        operations
    }

    /// Everything that a client can support, one line each.
    pub(crate) fn facts(&'static self) -> BTreeSet<String> {
        self.operations().iter().flat_map(Operation::facts).collect()
    }

    /// A part of the document, behind the reference to it if it is one.
    pub(crate) fn resolve<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => part,
        }
    }

    /// Where the values stand in a document of this form: JSON pointers, with the first element for all of an array.
    pub(crate) fn fields(&self, schema: &Value) -> BTreeSet<String> {
        let schema = self.resolve(schema);
        let composed = ["allOf", "anyOf"].map(|form| schema[form].is_array());
        assert_eq!(
            composed,
            [false, false],
            "this form is not understood, and its fields would be passed over"
        );
        let below = |prefix: String, schema: &Value| {
            self.fields(schema).into_iter().map(move |field| format!("{prefix}{field}")).collect::<Vec<_>>()
        };
        if let Some(alternatives) = schema["oneOf"].as_array() {
            alternatives.iter().flat_map(|schema| self.fields(schema)).collect()
        } else if let Some(properties) = schema["properties"].as_object() {
            properties.iter().flat_map(|(name, schema)| below(format!("/{name}"), schema)).collect()
        } else if schema["type"] == "array" && self.resolve(&schema["items"])["properties"].is_object() {
            below("/0".to_owned(), &schema["items"]).into_iter().collect()
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
        let parameters = [&self.item["parameters"], self.shared].into_iter().filter_map(Value::as_array);
        let parameters = parameters.flatten().map(|parameter| self.description.resolve(parameter));
        parameters.map(|parameter| (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap()))
    }

    /// Media types and fields of the body that is sent.
    pub(crate) fn request_fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let description = self.description;
        contents(description.resolve(&self.item["requestBody"])).flat_map(move |(media_type, schema)| {
            description.fields(schema).into_iter().map(move |field| (media_type, field))
        })
    }

    /// The answers, with the form of their bodies if they have any.
    fn answer_schemas(&self) -> impl Iterator<Item = (StatusCode, Option<&'static Value>)> {
        object(&self.item["responses"]).iter().map(|(status, answer)| {
            let schema = contents(self.description.resolve(answer)).map(|(_, schema)| schema).next();
            (status.parse().unwrap(), schema)
        })
    }

    pub(crate) fn answer_fields(&self) -> impl Iterator<Item = (StatusCode, BTreeSet<String>)> {
        self.answer_schemas().map(|(status, schema)| match schema {
            Some(schema) => (status, self.description.fields(schema)),
            None => (status, BTreeSet::from([String::new()])),
        })
    }

    /// Samples of all answers.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (status, schema) in self.answer_schemas() {
            let bodies = match schema {
                Some(schema) => sample::all(self.description, schema).into_iter().map(Some).collect(),
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

/// Media types and forms of a body.
fn contents(body: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let contents = body["content"].as_object().into_iter().flatten();
    contents.map(|(media_type, content)| (media_type.as_str(), &content["schema"]))
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
