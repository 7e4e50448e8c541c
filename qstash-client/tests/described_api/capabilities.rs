//! The table of what the client can do, on the front page of its documentation.

/// Numbers and last columns of the rows.
fn rows() -> impl Iterator<Item = (usize, &'static str)> {
    let table = include_str!("../../src/capabilities.md").lines();
    let rows = table.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter_map(|(number, rest)| Some((number.parse().ok()?, rest.split_once(" | ")?.1)))
}

#[test]
fn every_capability_has_its_row_in_order() {
    assert!(rows().map(|(number, _)| number).eq(1..=92));
}

#[test]
fn every_capability_is_linked_or_belongs_to_another_crate_unless_it_is_left_out_with_a_reason() {
    for (number, place) in rows() {
        let is_left_out = place.starts_with("Left out: ");
        assert_eq!(is_left_out, [30, 88, 90].contains(&number), "{number}: {place}");
        let has_place = place.contains("[`") || place.starts_with("The crate") || number == 86;
        assert!(is_left_out || has_place, "{number}: {place}");
    }
}
