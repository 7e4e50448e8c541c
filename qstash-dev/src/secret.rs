//! Fresh secrets.

use std::io;

use qstash_types::{SigningKey, SigningKeys};

use crate::{StartError, hex};

pub(crate) fn token() -> Result<String, StartError> {
    Ok(hex::encode(&random::<32>()?))
}

pub(crate) fn signing_keys() -> Result<SigningKeys, StartError> {
    Ok(SigningKeys::new(signing_key()?, signing_key()?))
}

pub(crate) fn signing_key() -> Result<SigningKey, StartError> {
    let key = format!("sig_{}", hex::encode(&random::<32>()?));
    Ok(SigningKey::new(key).expect("the key has a prefix"))
}

/// A seed for ids. No secret, but different in each server.
pub(crate) fn seed() -> Result<u64, StartError> {
    Ok(u64::from_ne_bytes(random()?))
}

fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StartError::Randomness(io::Error::other(error)))?;
    Ok(bytes)
}
