//! The guide to effects once, whose code compiles.

#[cfg(all(doctest, feature = "guide"))]
#[doc = include_str!("../../../docs/effects-once.md")]
pub struct Guide;
