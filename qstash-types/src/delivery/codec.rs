//! Delivery options as headers, and back.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
    time::{Duration, SystemTime},
};

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{CallbackOptions, Deduplication, DeliveryOptions, DeliverySettings, Start};
use crate::{
    FlowControl, FlowControlKey, FlowLimits, Label, Url, digits, duration,
    header::{self, CALLBACK_SETTINGS, FAILURE_CALLBACK_SETTINGS, MESSAGE_SETTINGS, SettingNames},
    timestamp,
};

impl DeliveryOptions {
    /// Writes the options as publish headers.
    ///
    /// # Errors
    ///
    /// Forwarded header names that become too long with their prefix, more headers than a map holds, and values set
    /// past the checks of their setters, such as flow control without a limit.
    pub fn to_headers(&self) -> Result<HeaderMap, InvalidHeader> {
        // Room for what most messages have, and for what a client adds.
        let mut headers = HeaderMap::with_capacity(12);
        self.write_to(&mut Map::new(&mut headers))?;
        Ok(headers)
    }

    /// Writes the options as publish headers to any place, such as an item of a batch.
    ///
    /// # Errors
    ///
    /// As [`to_headers`](Self::to_headers), and those of the sink.
    pub fn write_to(&self, sink: &mut impl HeaderSink) -> Result<(), InvalidHeader> {
        let mut writer = Writer { sink };
        if let Some(content_type) = &self.content_type {
            writer.sink.put("", &http::header::CONTENT_TYPE, HeaderText::Value(content_type))?;
        }
        if self.forward_all_headers {
            writer.text(&header::HEADER_FORWARD, "true")?;
        }
        match self.start {
            Some(Start::After(delay)) => writer.text(&header::DELAY, &duration::to_text(delay))?,
            Some(Start::At(time)) => {
                writer.number(&header::NOT_BEFORE, timestamp::whole_seconds(time))?;
            }
            None => {}
        }
        match &self.deduplication {
            Some(Deduplication::Id(id)) => writer.text(&header::DEDUPLICATION_ID, id.as_str())?,
            Some(Deduplication::ByContent) => writer.text(&header::CONTENT_BASED_DEDUPLICATION, "true")?,
            None => {}
        }
        if !self.labels.is_empty() {
            writer
                .text(&header::LABEL, &self.labels.iter().map(Label::as_str).collect::<Vec<_>>().join(","))?;
        }
        if let Some(redaction) = &self.redaction {
            let fields = redaction.to_string();
            if fields.is_empty() {
                return Err(InvalidHeader::new(&header::REDACT_FIELDS, &"names nothing to redact"));
            }
            writer.text(&header::REDACT_FIELDS, &fields)?;
        }
        if let Some(id) = &self.schedule_id {
            writer.text(&header::SCHEDULE_ID, id.as_str())?;
        }
        if let Some(queue) = &self.queue {
            writer.text(&header::QUEUE_NAME, queue.as_str())?;
        }
        writer.settings(&MESSAGE_SETTINGS, &self.settings)?;
        let callbacks = [
            (&self.callback, header::CALLBACK, &CALLBACK_SETTINGS),
            (&self.failure_callback, header::FAILURE_CALLBACK, &FAILURE_CALLBACK_SETTINGS),
        ];
        for (target, name, settings) in callbacks {
            if let Some(target) = target {
                writer.text(&name, target.url.as_str())?;
                writer.settings(settings, &target.settings)?;
            }
        }
        Ok(())
    }

    /// Reads the options from the headers of a publish request. Unknown headers are left alone.
    ///
    /// URLs are taken as they arrived. An explicit deduplication id wins over deduplication by content, and
    /// `Upstash-Not-Before` over `Upstash-Delay`. Settings of a callback that is not there are ignored.
    ///
    /// # Errors
    ///
    /// The first header whose value breaks its grammar.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, InvalidHeader> {
        let reader = Reader::of(headers);
        let start = match reader.number(&header::NOT_BEFORE)? {
            Some(seconds) => Some(Start::At(
                SystemTime::UNIX_EPOCH
                    .checked_add(Duration::from_secs(seconds))
                    .ok_or_else(|| InvalidHeader::new(&header::NOT_BEFORE, &"time out of range"))?,
            )),
            None => reader.duration(&header::DELAY)?.map(Start::After),
        };
        let by_content = reader.flag(&header::CONTENT_BASED_DEDUPLICATION)?;
        let deduplication = match reader.parsed(&header::DEDUPLICATION_ID)? {
            Some(id) => Some(Deduplication::Id(id)),
            None => by_content.then_some(Deduplication::ByContent),
        };
        let labels = reader.text(&header::LABEL)?.unwrap_or_default();
        let labels = labels.split(',').map(str::trim).filter(|label| !label.is_empty()).map(Label::new);
        let callback = |name: &HeaderName, settings| {
            let Some(url) = reader.text(name)? else {
                return Ok(None);
            };
            let url = Url::received(url).map_err(|error| InvalidHeader::new(name, &error))?;
            Ok(Some(CallbackOptions { url, settings: reader.settings(settings)? }))
        };
        Ok(Self {
            settings: reader.settings(&MESSAGE_SETTINGS)?,
            content_type: headers.get(http::header::CONTENT_TYPE).cloned(),
            forward_all_headers: reader.flag(&header::HEADER_FORWARD)?,
            start,
            deduplication,
            callback: callback(&header::CALLBACK, &CALLBACK_SETTINGS)?,
            failure_callback: callback(&header::FAILURE_CALLBACK, &FAILURE_CALLBACK_SETTINGS)?,
            labels: labels
                .collect::<Result<_, _>>()
                .map_err(|error| InvalidHeader::new(&header::LABEL, &error))?,
            redaction: reader.parsed(&header::REDACT_FIELDS)?,
            schedule_id: reader.parsed(&header::SCHEDULE_ID)?,
            queue: reader.parsed(&header::QUEUE_NAME)?,
        })
    }
}

/// Where headers are written to.
pub trait HeaderSink {
    /// Writes a header whose name begins with a prefix. Values of one name come one after the other.
    ///
    /// # Errors
    ///
    /// A header that cannot be written there.
    fn put(&mut self, prefix: &str, name: &HeaderName, text: HeaderText<'_>) -> Result<(), InvalidHeader>;
}

/// The value of a header, as it is known.
#[derive(Clone, Copy)]
pub enum HeaderText<'a> {
    /// Any text, which may have characters that no header can have.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// A value that is one already.
    Value(&'a HeaderValue),
}

impl fmt::Debug for HeaderText<'_> {
    /// Leaves out the value, which may be confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderText(..)")
    }
}

impl HeaderSink for HeaderMap {
    fn put(&mut self, prefix: &str, name: &HeaderName, text: HeaderText<'_>) -> Result<(), InvalidHeader> {
        Map::new(self).put(prefix, name, text)
    }
}

/// A map, and a buffer that its values share: neither they nor copies of them need memory of their own.
struct Map<'a> {
    headers: &'a mut HeaderMap,
    buffer: BytesMut,
}

impl<'a> Map<'a> {
    fn new(headers: &'a mut HeaderMap) -> Self {
        Self { headers, buffer: BytesMut::with_capacity(256) }
    }

    /// What was written into the buffer, as the value of a header.
    fn written(&mut self, name: &HeaderName) -> Result<HeaderValue, InvalidHeader> {
        HeaderValue::from_maybe_shared(self.buffer.split().freeze())
            .map_err(|error| InvalidHeader::new(name, &error))
    }
}

impl HeaderSink for Map<'_> {
    fn put(&mut self, prefix: &str, name: &HeaderName, text: HeaderText<'_>) -> Result<(), InvalidHeader> {
        let value = match text {
            HeaderText::Value(value) => value.clone(),
            // Ids and labels may be any Unicode text; header values carry it as UTF-8.
            HeaderText::Text(text) => {
                self.buffer.extend_from_slice(text.as_bytes());
                self.written(name)?
            }
            HeaderText::Number(number) => {
                write!(self.buffer, "{number}").expect("a buffer grows without failing");
                self.written(name)?
            }
        };
        let appended = if prefix.is_empty() {
            self.headers.try_append(name, value)
        } else {
            self.buffer.extend_from_slice(prefix.as_bytes());
            self.buffer.extend_from_slice(name.as_ref());
            let prefixed = HeaderName::from_bytes(&self.buffer);
            self.buffer.clear();
            let prefixed = prefixed.map_err(|_| InvalidHeader::new(name, &"the name is too long"))?;
            self.headers.try_append(prefixed, value)
        };
        appended.map(drop).map_err(|_| InvalidHeader::new(name, &"too many headers"))
    }
}

struct Writer<'a, Sink> {
    sink: &'a mut Sink,
}

impl<Sink: HeaderSink> Writer<'_, Sink> {
    fn text(&mut self, name: &HeaderName, text: &str) -> Result<(), InvalidHeader> {
        self.sink.put("", name, HeaderText::Text(text))
    }

    fn number(&mut self, name: &HeaderName, number: u64) -> Result<(), InvalidHeader> {
        self.sink.put("", name, HeaderText::Number(number))
    }

    fn settings(&mut self, names: &SettingNames, settings: &DeliverySettings) -> Result<(), InvalidHeader> {
        if let Some(method) = &settings.method {
            self.text(&names.method, method.as_str())?;
        }
        if let Some(timeout) = settings.timeout {
            self.text(&names.timeout, &duration::to_text(timeout))?;
        }
        if let Some(retries) = settings.retries {
            self.number(&names.retries, retries.into())?;
        }
        if let Some(delay) = &settings.retry_delay {
            self.text(&names.retry_delay, delay.as_str())?;
        }
        if let Some(flow_control) = &settings.flow_control {
            let limits = flow_control.limits;
            limits.check().map_err(|error| InvalidHeader::new(&names.flow_control_value, &error))?;
            self.text(&names.flow_control_key, flow_control.key.as_str())?;
            self.text(&names.flow_control_value, &limits.to_string())?;
        }
        for (name, value) in &settings.forward {
            self.sink.put(names.forward_prefix, name, HeaderText::Value(value))?;
        }
        Ok(())
    }
}

/// The headers that may be options. There are a few of them, most of the time none, and thirty names to look for: to compare names
/// is cheaper then than to hash them.
struct Reader<'a>(Vec<(&'a HeaderName, &'a HeaderValue)>);

impl<'a> Reader<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        Self(headers.iter().filter(|(name, _)| name.as_str().starts_with(header::PREFIX)).collect())
    }

    fn text(&self, name: &HeaderName) -> Result<Option<&'a str>, InvalidHeader> {
        self.0
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| str::from_utf8(value.as_bytes()).map(str::trim))
            .transpose()
            .map_err(|_| InvalidHeader::new(name, &"not UTF-8"))
    }

    fn parsed<T>(&self, name: &HeaderName) -> Result<Option<T>, InvalidHeader>
    where
        T: FromStr<Err: fmt::Display>,
    {
        self.text(name)?.map(str::parse).transpose().map_err(|error| InvalidHeader::new(name, &error))
    }

    fn number<T: FromStr>(&self, name: &HeaderName) -> Result<Option<T>, InvalidHeader> {
        let number = |text| {
            digits::parse(text)
                .ok_or_else(|| InvalidHeader::new(name, &"expected a whole number, not too large"))
        };
        self.text(name)?.map(number).transpose()
    }

    fn duration(&self, name: &HeaderName) -> Result<Option<Duration>, InvalidHeader> {
        self.text(name)?.map(duration::parse).transpose().map_err(|error| InvalidHeader::new(name, &error))
    }

    /// Any letter case, since one official SDK writes `True`.
    fn flag(&self, name: &HeaderName) -> Result<bool, InvalidHeader> {
        match self.text(name)? {
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(InvalidHeader::new(name, &"expected true or false")),
            None => Ok(false),
        }
    }

    fn settings(&self, names: &SettingNames) -> Result<DeliverySettings, InvalidHeader> {
        Ok(DeliverySettings {
            method: self.method(&names.method)?,
            timeout: self.duration(&names.timeout)?,
            retries: self.number(&names.retries)?,
            retry_delay: self.parsed(&names.retry_delay)?,
            flow_control: self.flow_control(names)?,
            forward: self.forwarded(names.forward_prefix),
        })
    }

    fn method(&self, name: &HeaderName) -> Result<Option<Method>, InvalidHeader> {
        match self.parsed::<Method>(name)? {
            None => Ok(None),
            Some(method @ (Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE)) => {
                Ok(Some(method))
            }
            Some(_) => Err(InvalidHeader::new(name, &"expected GET, POST, PUT, PATCH or DELETE")),
        }
    }

    fn flow_control(&self, names: &SettingNames) -> Result<Option<FlowControl>, InvalidHeader> {
        let limits = self.parsed::<FlowLimits>(&names.flow_control_value)?;
        match (self.parsed::<FlowControlKey>(&names.flow_control_key)?, limits) {
            (Some(key), Some(limits)) => Ok(Some(FlowControl { key, limits })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(InvalidHeader::new(&names.flow_control_value, &"needed beside the key")),
            (None, Some(_)) => Err(InvalidHeader::new(&names.flow_control_key, &"needed beside the value")),
        }
    }

    fn forwarded(&self, prefix: &str) -> HeaderMap {
        self.0
            .iter()
            .filter_map(|&(name, value)| {
                let bare = name.as_str().strip_prefix(prefix)?;
                Some((HeaderName::try_from(bare).ok()?, value.clone()))
            })
            .fold(HeaderMap::new(), |mut forward, (name, value)| {
                forward.append(name, value);
                forward
            })
    }
}

/// A header could not be written, or its value breaks its grammar.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct InvalidHeader {
    name: HeaderName,
    problem: Box<str>,
}

impl InvalidHeader {
    /// A problem with a header, in words that do not show its value.
    pub fn new(name: &HeaderName, problem: &dyn fmt::Display) -> Self {
        Self { name: name.clone(), problem: problem.to_string().into() }
    }

    /// The header.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }
}
