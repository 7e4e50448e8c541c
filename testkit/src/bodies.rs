//! Bodies that have gone wrong elsewhere.

use bytes::Bytes;

/// Bytes in a mebibyte.
pub const MIB: usize = 1024 * 1024;

/// `hello gzip`, compressed.
pub const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 87, 72, 175, 202, 44, 0, 0, 25, 106, 210, 223,
    10, 0, 0, 0,
];

/// Nothing, no UTF-8, a byte order mark, something compressed, and JSON that no serialiser would write.
pub fn odd() -> [Bytes; 5] {
    [
        Bytes::new(),
        Bytes::from_static(b"\xff\xfe\x00 not UTF-8 \xc3\x28"),
        Bytes::from_static(b"\xef\xbb\xbf{\"bom\": true}"),
        Bytes::from_static(GZIP),
        Bytes::from_static(b"{ \"spaces\" :\r\n\t1.0 }\n"),
    ]
}

/// A JSON string, and the text in it.
pub fn large() -> (Bytes, String) {
    let text = "qstash! ".repeat(5 * MIB / 8);
    (Bytes::from(format!("\"{text}\"")), text)
}
