//! Mistakes that belong to a field, and not to the document around it.

/// Methods of a visitor whose value is a `Result`: what they are given is a mistake of the field, not of the document.
macro_rules! mistakes {
    ($mistake:expr; $($method:ident: $value:ty),+) => {$(
        fn $method<E: serde::de::Error>(self, _: $value) -> Result<Self::Value, E> {
            Ok(Err($mistake))
        }
    )+};
}
pub(crate) use mistakes;
