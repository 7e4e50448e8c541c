//! Prints the public items of a crate, a line each, from the JSON that rustdoc has made of it.

use std::{env, error::Error};

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os().nth(1).ok_or("a file with the JSON of rustdoc is needed")?;
    // What every type has says nothing.
    let items = Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    print!("{items}");
    Ok(())
}
