//! A map by the ids that the broker makes.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use qstash_types::MessageId;

/// Whom strangers send ids can look them up, but every id in the map is one of [`Ids`](super::Ids), which nobody can choose: so none
/// can make them collide, and no hash needs a key. It is looked up a dozen times for each message.
pub(super) type ById<T> = HashMap<MessageId, T, BuildHasherDefault<IdHasher>>;

/// Takes the last characters of an id, which are as good as random, and spreads them over all bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

/// The odd number next to the golden ratio of 2^64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let last = match bytes.last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        self.0 = (self.0.rotate_left(29) ^ last).wrapping_mul(GOLDEN);
    }

    fn finish(&self) -> u64 {
        // A product has its best bits at the top; tables look at both ends.
        self.0 ^ self.0 >> 32
    }
}
