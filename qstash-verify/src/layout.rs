//! The layouts in which programs write JSON, for guessing what a document looked like before it was written again.

/// The document in every layout that is usual, without a newline at its end. Strings, numbers and the order of members
/// stay as they are; bytes that are no JSON come out as some other bytes.
pub(crate) fn respelled(document: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    LAYOUTS.into_iter().filter_map(|layout| layout.write(document))
}

struct Layout {
    after_colon: &'static [u8],
    after_comma: &'static [u8],
    /// What a line is indented by, if each member has one.
    indent: Option<usize>,
}

/// JavaScript, Go and Rust; Python; those with indentation of two and four.
const LAYOUTS: [Layout; 4] = [
    Layout { after_colon: b"", after_comma: b"", indent: None },
    Layout { after_colon: b" ", after_comma: b" ", indent: None },
    Layout { after_colon: b" ", after_comma: b"", indent: Some(2) },
    Layout { after_colon: b" ", after_comma: b"", indent: Some(4) },
];

/// Respelling ends when a document has grown to so many times its length, because such a document is nested absurdly deep
/// or is not JSON.
const MAX_GROWTH: usize = 8;
/// A document may grow to so many bytes in any case.
const MAX_SMALL: usize = 64 * 1024;

impl Layout {
    fn write(&self, document: &[u8]) -> Option<Vec<u8>> {
        let longest = document.len().saturating_mul(MAX_GROWTH).max(MAX_SMALL);
        let mut out = Vec::with_capacity(document.len());
        let mut depth = 0_usize;
        let mut rest = document.trim_ascii();
        while let Some((&byte, tail)) = rest.split_first() {
            if out.len() > longest {
                return None;
            }
            rest = tail.trim_ascii_start();
            match byte {
                b'"' => {
                    out.push(b'"');
                    let (string, tail) = tail.split_at(string_len(tail));
                    out.extend_from_slice(string);
                    rest = tail.trim_ascii_start();
                }
                b'{' | b'[' => {
                    out.push(byte);
                    depth += 1;
                    if !rest.starts_with(b"}") && !rest.starts_with(b"]") {
                        self.new_line(depth, &mut out);
                    }
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if !out.ends_with(b"{") && !out.ends_with(b"[") {
                        self.new_line(depth, &mut out);
                    }
                    out.push(byte);
                }
                b',' => {
                    out.push(byte);
                    out.extend_from_slice(self.after_comma);
                    self.new_line(depth, &mut out);
                }
                b':' => {
                    out.push(byte);
                    out.extend_from_slice(self.after_colon);
                }
                _ => out.push(byte),
            }
        }
        Some(out)
    }

    fn new_line(&self, depth: usize, out: &mut Vec<u8>) {
        if let Some(indent) = self.indent {
            out.push(b'\n');
            out.resize(out.len() + indent * depth, b' ');
        }
    }
}

/// The length of the rest of a string, its closing quote included.
fn string_len(rest: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(rest.len(), |end| end + 1)
}
