//! The head of a request, as frameworks have it.

use qstash_types::header;

use crate::{Delivery, DeliveryHeaders, Presented, Verified};

/// Everything of a request but its body, whatever the framework calls its parts.
pub trait RequestHead {
    /// The method, as it is written.
    fn method(&self) -> &str;

    /// Path and query as they arrived, with what a nested router has stripped; empty if the request has no path.
    fn target(&self) -> &str;

    /// All values of a header.
    fn header(&self, name: &str) -> impl Iterator<Item = &[u8]>;

    /// What the verifier looks at.
    fn presented(&self) -> Presented<'_> {
        Presented::new(self.header(header::SIGNATURE.as_str()), self.target())
            .region(self.header(header::REGION.as_str()).next())
            .content_encoding(self.header("content-encoding").next())
    }

    /// The length of the body as the `Content-Length` header announces it, in bytes; 0 if it does not.
    fn content_length(&self) -> u64 {
        let value = self.header("content-length").next();
        value.and_then(|value| str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
    }

    /// The delivery that this is the head of.
    fn delivery(&self, verified: Verified) -> Delivery {
        Delivery::new(verified, DeliveryHeaders::from_lookup(|name| self.header(name).next()))
    }
}
