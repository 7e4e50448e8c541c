//! SHA-256 and HMAC with it, by one of two implementations that differ in speed alone.
//!
//! `sha2` and `hmac` are the default. With the feature `aws-lc-rs` the assembly of AWS-LC takes their place, chosen when the
//! program is built: nothing is process-wide, and a crate that turns the feature on changes nothing for another one but the
//! speed.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc-rs")))]
mod portable;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::{HmacKey, Sha256};
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use portable::{HmacKey, Sha256};

/// The hash of a text that comes in these pieces.
#[cfg(feature = "sign")]
pub(crate) fn sha256<const N: usize>(pieces: [&[u8]; N]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finish()
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{aws_lc, portable};

    proptest! {
        #[test]
        fn both_implementations_agree(key in vec(any::<u8>(), 0..200), chunks in vec(vec(any::<u8>(), 0..300), 0..5), bit in 0..256_usize) {
            let (mut ours, mut theirs) = (portable::Sha256::new(), aws_lc::Sha256::new());
            for chunk in &chunks {
                ours.update(chunk);
                theirs.update(chunk);
            }
            let digest = ours.clone().finish();
            prop_assert_eq!(digest, theirs.clone().finish());

            let text = chunks.concat();
            let (ours, theirs) = (portable::HmacKey::new(&key), aws_lc::HmacKey::new(&key));
            let mac = ours.sign(&text);
            prop_assert_eq!(mac, theirs.sign(&text));
            prop_assert!(ours.verify(&text, &mac) && theirs.clone().verify(&text, &mac));
            let mut forged = mac;
            forged[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!ours.verify(&text, &forged) && !theirs.verify(&text, &forged));
        }
    }
}
