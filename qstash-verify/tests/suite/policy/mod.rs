//! The policy of a receiver sentence by sentence, with the odd instances that nobody sends by accident.

mod claims;
mod form;

use qstash_verify::{Presented, VerifyError};

use crate::support::{self, ISSUED, at, lenient};

fn refusal(token: impl AsRef<[u8]>) -> Option<VerifyError> {
    let verifier = lenient().build().expect("the settings are right");
    verifier.verify(&Presented::new([token.as_ref()], "/hook"), "", at(ISSUED)).err()
}

/// The usual claims in which one of them is written like this; nothing leaves it out.
fn claims_text(name: &str, value: &str) -> String {
    let mut usual = support::claims(b"");
    usual.as_object_mut().expect("claims are an object").remove(name);
    let usual = usual.to_string();
    if value.is_empty() { usual } else { format!("{},\"{name}\":{value}}}", &usual[..usual.len() - 1]) }
}
