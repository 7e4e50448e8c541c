//! The header `traceparent`, by the rules of W3C Trace Context.

use std::num::NonZero;

use proptest::prelude::*;
use qstash_types::{InvalidTraceParent, TraceParent};

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const SPAN: u64 = 0x00f0_67aa_0ba9_02b7;

fn parent(flags: u8) -> TraceParent {
    let (trace_id, span_id) = (NonZero::new(TRACE).expect("not zero"), NonZero::new(SPAN).expect("not zero"));
    TraceParent { trace_id, span_id, flags }
}

#[test]
fn the_examples_of_the_specification_are_read() {
    for (text, flags) in [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", 0),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", 3),
        // Later versions may say more.
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be", 1),
        // Flags without a meaning.
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", 3),
    ] {
        assert_eq!(text.parse(), Ok(parent(flags)), "{text}");
    }
}

#[test]
fn anything_else_is_refused() {
    for text in [
        "",
        "00",
        // No trace, no span.
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        // Capitals, other digits, signs.
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        // Lengths and separators.
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        // Versions.
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what-the-future-will-be",
        // No boundary of characters at the end.
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0ä",
    ] {
        assert_eq!(text.parse::<TraceParent>(), Err(InvalidTraceParent), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace_id in 1_u128.., span_id in 1_u64.., flags in 0_u8..4) {
        let (trace_id, span_id) = (NonZero::new(trace_id).expect("not zero"), NonZero::new(span_id).expect("not zero"));
        let parent = TraceParent { trace_id, span_id, flags };
        prop_assert_eq!(parent.to_string().parse(), Ok(parent));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = text.parse::<TraceParent>();
    }
}
