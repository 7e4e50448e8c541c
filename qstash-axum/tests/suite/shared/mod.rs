//! What the tests of all frameworks have in common; nothing here knows one.

pub(crate) mod bodies;
pub(crate) mod destinations;
pub(crate) mod log;
pub(crate) mod signing;
pub(crate) mod vector;
pub(crate) mod wire;
