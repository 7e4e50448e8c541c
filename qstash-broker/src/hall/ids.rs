//! Ids from a seed.

use qstash_types::{MessageId, ScheduleId};

/// Makes ids, with the `SplitMix64` generator. They are unlikely to repeat, and anybody who knows the seed can tell the next one: they
/// name things, they protect nothing.
#[derive(Debug)]
pub(crate) struct Ids(u64);

/// Digits and letters without those that look alike.
const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// As many characters as it takes to write 128 bits.
const LENGTH: usize = 22;
/// How many of them are made of 64 bits at a time, since numbers of 128 are divided slowly.
const PARTS: [usize; 3] = [10, 10, 2];
const PART: u128 = 58_u128.pow(10);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn message(&mut self) -> MessageId {
        MessageId::new(self.with_prefix("msg_")).expect("prefix and alphabet are legal in an id")
    }

    pub(crate) fn schedule(&mut self) -> ScheduleId {
        ScheduleId::new(self.with_prefix("scd_")).expect("prefix and alphabet are legal in an id")
    }

    pub(crate) fn token(&mut self) -> String {
        self.with_prefix("jwt_")
    }

    fn with_prefix(&mut self, prefix: &str) -> String {
        let mut number = u128::from(self.next()) << 64 | u128::from(self.next());
        let mut id = String::with_capacity(prefix.len() + LENGTH);
        id.push_str(prefix);
        for length in PARTS {
            let mut part = (number % PART) as u64;
            number /= PART;
            for _ in 0..length {
                id.push(char::from(ALPHABET[(part % 58) as usize]));
                part /= 58;
            }
        }
        id
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
