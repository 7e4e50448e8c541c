//! The JSON of a callback in every shape that the service has sent.

use std::{fmt, marker::PhantomData, time::SystemTime};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{
        self,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};
use serde_json::Value;

use super::{Callback, FailureCallback, FieldError, InvalidCallback, Kept};
use crate::{
    DlqId, EndpointName, Headers, MessageId, ScheduleId, UrlGroupName, base64_bytes, timestamp, tolerant,
};

impl Callback {
    /// Reads the body of a request.
    ///
    /// Gives what `serde_json::from_slice` gives, which is what a body extractor calls, and more than that: when `body` or
    /// `sourceBody` is a number or an object in place of text, that is an error of the field as well, and hides nothing
    /// else. Through serde alone, such a document cannot be read without reading all others at half the speed.
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
    /// The bytes are no JSON object, or a field other than a body, a header map or a time has a value that the service never
    /// sends.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidCallback> {
        let read = match serde_json::from_slice(json) {
            Err(fault) if fault.is_data() => {
                let mut document = serde_json::Deserializer::from_slice(json);
                read::<OfAnyType, _>(&mut document).and_then(|callback| document.end().map(|()| callback))
            }
            usual => usual,
        };
        read.map_err(InvalidCallback)
    }
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
        read::<Lenient<Bytes>, D>(deserializer)
    }
}

/// Reads a callback whose bodies are read as `B`.
fn read<'de, B, D>(deserializer: D) -> Result<Callback, D::Error>
where
    B: Default + Deserialize<'de> + Into<Lenient<Bytes>>,
    D: Deserializer<'de>,
{
    struct Object<B>(PhantomData<B>);

    impl<'de, B: Default + Deserialize<'de>> de::Visitor<'de> for Object<B> {
        type Value = Wire<B>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the object of a callback")
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Wire<B>, A::Error> {
            Wire::deserialize(MapAccessDeserializer::new(map))
        }
    }

    // Derived code would also take an array, in the order of the fields below.
    deserializer.deserialize_map(Object(PhantomData::<B>)).map(Callback::from)
}

impl<B: Into<Lenient<Bytes>>> From<Wire<B>> for Callback {
    fn from(wire: Wire<B>) -> Self {
        Self {
            status: wire.status.unwrap_or(0),
            headers: wire.header.named("header"),
            body: wire.body.into().named("body"),
            retried: wire.retried.unwrap_or(0),
            max_retries: wire.max_retries.unwrap_or(0),
            dlq_id: wire.dlq_id,
            source_message_id: wire.source_message_id.or(wire.misspelt_source_message_id),
            url_group: wire.topic_name,
            endpoint: wire.endpoint_name,
            url: wire.url.unwrap_or_default(),
            method: wire.method.unwrap_or_default(),
            source_headers: wire.source_header.named("sourceHeader"),
            source_body: wire.source_body.into().named("sourceBody"),
            not_before: wire.not_before.named("notBefore"),
            created_at: wire.created_at.named("createdAt"),
            schedule_id: wire.schedule_id,
            caller_ip: wire.caller_ip.or(wire.caller_ip_in_camel_case),
        }
    }
}

/// The JSON object, every field of it optional.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Wire<B> {
    status: Option<u16>,
    header: Lenient<Headers>,
    body: B,
    retried: Option<u32>,
    max_retries: Option<u32>,
    #[serde(deserialize_with = "usable_or_number")]
    dlq_id: Option<DlqId>,
    #[serde(deserialize_with = "usable")]
    source_message_id: Option<MessageId>,
    // A typing error of the documentation that some servers may have followed.
    #[serde(rename = "sourceMessasgeId", deserialize_with = "usable")]
    misspelt_source_message_id: Option<MessageId>,
    #[serde(deserialize_with = "usable")]
    topic_name: Option<UrlGroupName>,
    #[serde(deserialize_with = "usable")]
    endpoint_name: Option<EndpointName>,
    url: Option<String>,
    method: Option<String>,
    source_header: Lenient<Headers>,
    source_body: B,
    not_before: Lenient<Option<SystemTime>>,
    created_at: Lenient<Option<SystemTime>>,
    #[serde(deserialize_with = "usable")]
    schedule_id: Option<ScheduleId>,
    #[serde(rename = "callerIP", deserialize_with = "tolerant::text")]
    caller_ip: Option<String>,
    #[serde(rename = "callerIp", deserialize_with = "tolerant::text")]
    caller_ip_in_camel_case: Option<String>,
}

/// A field whose mistakes are its own: the document around it still decodes.
struct Lenient<T>(Result<T, String>);

impl<T> Lenient<T> {
    fn named(self, field: &'static str) -> Kept<T> {
        self.0.map_err(|problem| FieldError::new(field, &problem))
    }
}

impl<T: Default> Default for Lenient<T> {
    fn default() -> Self {
        Self(Ok(T::default()))
    }
}

impl<'de> Deserialize<'de> for Lenient<Bytes> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text(Result<Bytes, base64_bytes::InvalidBase64>);

        impl<'de> Deserialize<'de> for Text {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64_bytes::read(deserializer).map(Self)
            }
        }

        let text = <Option<Text>>::deserialize(deserializer)?;
        Ok(text.map_or_else(Self::default, |Text(bytes)| Self(bytes.map_err(|error| error.to_string()))))
    }
}

/// A body that may be JSON of any type.
#[derive(Default)]
struct OfAnyType(Lenient<Bytes>);

impl<'de> Deserialize<'de> for OfAnyType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = base64_bytes::read_any(deserializer)?;
        Ok(Self(Lenient(bytes.map_err(|error| error.to_string()))))
    }
}

impl From<OfAnyType> for Lenient<Bytes> {
    fn from(OfAnyType(body): OfAnyType) -> Self {
        body
    }
}

impl<'de> Deserialize<'de> for Lenient<Headers> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Headers::read(deserializer).map(|headers| Self(headers.map_err(|error| error.to_string())))
    }
}

impl<'de> Deserialize<'de> for Lenient<Option<SystemTime>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any value first, so that one of the wrong shape is consumed and the document goes on behind it.
        let value = Value::deserialize(deserializer)?;
        let time = timestamp::optional_unix_millis::deserialize(value);
        Ok(Self(time.map_err(|error| error.to_string())))
    }
}

/// Reads an optional id. One that cannot be used, such as `" "`, is none: the report around it counts more.
fn usable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    Ok(tolerant::text(deserializer)?.and_then(|text| id(&text)))
}

/// Like [`usable`], and takes a number for its digits: the documentation has shown this id without quotation marks.
fn usable_or_number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    match Value::deserialize(deserializer)? {
        Value::Number(number) if number.is_u64() => Ok(id(&number.to_string())),
        value => usable(value).map_err(de::Error::custom),
    }
}

fn id<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    T::deserialize(StrDeserializer::<de::value::Error>::new(text)).ok()
}
