//! A server that breaks in every way.
