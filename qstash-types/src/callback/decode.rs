//! The JSON of a callback in every shape that the service has sent.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        self,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};

use super::{
    Callback, FailureCallback, InvalidCallback,
    own_mistakes::{AnySource, Field as _, Form, Odd, Usual},
};
use crate::{DlqId, EndpointName, MessageId, ScheduleId, UrlGroupName};

impl Callback {
    /// Reads the body of a request: as `serde_json::from_slice`, but in a third of the time if bodies are large. Header maps
    /// are read when they are asked for.
    ///
    /// ```
    /// use qstash_types::Callback;
    ///
    /// let callback = Callback::from_json(br#"{"status": 503, "body": {"pages": 3}, "sourceMessageId": "msg_1"}"#)?;
    /// assert_eq!(callback.status(), 503);
    /// assert_eq!(callback.body().unwrap_err().field(), "body");
    /// # Ok::<_, qstash_types::InvalidCallback>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The bytes are not a JSON object, the object has none of the fields that make a callback, or a field other than a body, a header map or a time has a value that the service never
    /// sends.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidCallback> {
        // One check for UTF-8 costs less than one for each text, unless a body is so long that it is better not checked.
        let checked = if json.len() <= CHECKED_AT_ONCE { str::from_utf8(json).ok() } else { None };
        let read = match checked {
            Some(json) => read_json::<Usual, _>(serde_json::Deserializer::from_str(json)),
            None => read_json::<Usual, _>(serde_json::Deserializer::from_slice(json)),
        };
        read.or_else(|_| read_json::<Odd, _>(serde_json::Deserializer::from_slice(json)))
            // Bytes that are no UTF-8 in a value of the wrong type: no text can be kept of it, and no other field suffers.
            .or_else(|_| read_json::<AnySource, _>(serde_json::Deserializer::from_slice(json)))
            .map_err(InvalidCallback)
    }
}

/// In bytes.
const CHECKED_AT_ONCE: usize = 16 * 1024;

fn read_json<'de, F, R>(mut document: serde_json::Deserializer<R>) -> Result<Callback, serde_json::Error>
where
    F: Form,
    R: serde_json::de::Read<'de>,
{
    let callback = read::<F, _>(&mut document)?;
    document.end().map(|()| callback)
}

impl FailureCallback {
    /// Reads the body of a request: see [`Callback::from_json`].
    ///
    /// # Errors
    ///
    /// Those of [`Callback::from_json`].
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidCallback> {
        Callback::from_json(json).map(Self)
    }
}

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::<AnySource, D>(deserializer)
    }
}

fn read<'de, F: Form, D: Deserializer<'de>>(deserializer: D) -> Result<Callback, D::Error> {
    struct Object<F>(PhantomData<F>);

    impl<'de, F: Form> de::Visitor<'de> for Object<F> {
        type Value = Callback;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the object of a callback")
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Callback, A::Error> {
            let wire = Wire::<F>::deserialize(MapAccessDeserializer::new(map))?;
            wire.callback()
                .ok_or_else(|| de::Error::custom("the object has none of the fields that make a callback"))
        }
    }

    // Derived code would also take an array, in the order of the fields below.
    deserializer.deserialize_map(Object(PhantomData::<F>))
}

impl<F: Form> Wire<F> {
    /// `None` for an object that has none of the fields that make a callback.
    fn callback(self) -> Option<Callback> {
        let source_message_id = self.source_message_id.or(self.misspelt_source_message_id);
        let has_any = self.status.is_some()
            || source_message_id.is_some()
            || self.retried.is_some()
            || self.max_retries.is_some()
            || self.dlq_id.is_some();
        has_any.then(|| Callback {
            status: self.status.unwrap_or(0),
            headers: self.header.named("header"),
            body: self.body.named("body"),
            retried: self.retried.unwrap_or(0),
            max_retries: self.max_retries.unwrap_or(0),
            dlq_id: self.dlq_id,
            source_message_id,
            url_group: self.topic_name,
            endpoint: self.endpoint_name,
            url: self.url.unwrap_or_default(),
            method: self.method.unwrap_or_default(),
            source_headers: self.source_header.named("sourceHeader"),
            source_body: self.source_body.named("sourceBody"),
            not_before: self.not_before.named("notBefore"),
            created_at: self.created_at.named("createdAt"),
            schedule_id: self.schedule_id,
            caller_ip: self.caller_ip.or(self.caller_ip_in_camel_case),
        })
    }
}

/// The JSON object, every field of it optional.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", bound = "")]
struct Wire<F: Form> {
    status: Option<u16>,
    header: F::Headers,
    body: F::Body,
    retried: Option<u32>,
    max_retries: Option<u32>,
    #[serde(deserialize_with = "id_or_number")]
    dlq_id: Option<DlqId>,
    #[serde(deserialize_with = "id")]
    source_message_id: Option<MessageId>,
    // A typing error of the documentation that some servers may have followed.
    #[serde(rename = "sourceMessasgeId", deserialize_with = "id")]
    misspelt_source_message_id: Option<MessageId>,
    #[serde(deserialize_with = "id")]
    topic_name: Option<UrlGroupName>,
    #[serde(deserialize_with = "id")]
    endpoint_name: Option<EndpointName>,
    url: Option<String>,
    method: Option<String>,
    source_header: F::Headers,
    source_body: F::Body,
    not_before: F::Time,
    created_at: F::Time,
    #[serde(deserialize_with = "id")]
    schedule_id: Option<ScheduleId>,
    #[serde(rename = "callerIP", deserialize_with = "text")]
    caller_ip: Option<String>,
    #[serde(rename = "callerIp", deserialize_with = "text")]
    caller_ip_in_camel_case: Option<String>,
}

/// Reads an optional id. One that cannot be used, such as `" "`, counts as absent: the report around it matters
/// more.
fn id<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    deserializer.deserialize_option(Text(usable))
}

/// Like [`id`], and takes a number for its digits: the documentation has shown this id without quotation marks.
fn id_or_number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    deserializer.deserialize_any(Text(usable))
}

fn usable<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<de::value::Error>::new(text)).ok()
}

/// Reads an optional text; `null` and `""` count as absent.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_option(Text(|text: &str| Some(text.to_owned()).filter(|text| !text.is_empty())))
}

/// Makes something of a text without copying it first. `null` counts as absent.
struct Text<F>(F);

impl<'de, T, F: FnOnce(&str) -> Option<T>> de::Visitor<'de> for Text<F> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<T>, E> {
        Ok((self.0)(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Option<T>, E> {
        Ok((self.0)(&number.to_string()))
    }
}
