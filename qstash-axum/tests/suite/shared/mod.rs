//! What the tests of all frameworks have in common; nothing here knows one.

pub(crate) mod bodies;
#[path = "../../../../qstash-types/tests/callback_vectors/vector.rs"]
pub(crate) mod callback_vector;
pub(crate) mod destinations;
pub(crate) mod log;
pub(crate) mod signing;
pub(crate) mod vector;
pub(crate) mod wire;
