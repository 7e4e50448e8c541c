//! Host names outside ASCII in the form that name servers know (RFC 3492).
//!
//! Before a name is encoded, IDNA maps it: capitals, composed and decomposed letters, full-width forms, ligatures. The tables
//! of that mapping have a megabyte. So only letters are encoded that it leaves alone, wherever they stand in a name. The
//! letters known here are those of some scripts; whoever needs another one writes the name in ASCII.

use std::ops::RangeInclusive;

use super::InvalidUrl;

const PREFIX: &str = "xn--";
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_CODE_POINT: u32 = 0x80;

/// The longest name of a name server (RFC 1035, section 2.3.4). No number of the coding overflows below it.
const MAX_LEN: usize = 255;

/// Letters that are mapped to themselves if they are lower case, or have no case. None of them is a mark or joins its
/// neighbour, and all are written from left to right: no rule about more than one letter concerns them.
const LETTERS: &[RangeInclusive<char>] = &[
    // Latin, without the digraphs, the letters with an apostrophe or a middle dot, and the long s.
    'ß'..='ö',
    'ø'..='ı',
    'Ĵ'..='ľ',
    'Ł'..='ň',
    'Ŋ'..='ž',
    'ƀ'..='ǃ',
    'Ǎ'..='ǰ',
    'Ǵ'..='ɏ',
    'Ḁ'..='ẙ',
    'Ạ'..='ỿ',
    // Greek.
    'ΐ'..='Ρ',
    'Σ'..='ώ',
    // Cyrillic, without the combining marks of numerals.
    'а'..='ҁ',
    'Ҋ'..='ԯ',
    // Armenian, without the ligature.
    'ա'..='ֆ',
    // Georgian.
    'ა'..='ჰ',
    // Hiragana, Katakana, the sign that lengthens a vowel, and the one that repeats an ideograph.
    'ぁ'..='ゖ',
    'ァ'..='ヺ',
    'ー'..='ー',
    '々'..='々',
    // Chinese.
    '㐀'..='䶵',
    '一'..='龥',
    // Korean: whole syllables.
    '가'..='힣',
];

/// The name in ASCII. Its ASCII labels stay as they are written, in lower case.
///
/// # Errors
///
/// [`InvalidUrl::InternationalHost`] for a letter of which it is not known here how IDNA maps it, and [`InvalidUrl::Host`]
/// for a name that is too long for name servers.
pub(super) fn to_ascii(name: &str) -> Result<String, InvalidUrl> {
    if name.len() > MAX_LEN {
        return Err(InvalidUrl::Host);
    }
    let mut ascii = String::with_capacity(name.len() + PREFIX.len());
    for (index, label) in name.split('.').enumerate() {
        if index > 0 {
            ascii.push('.');
        }
        let label = label.to_ascii_lowercase();
        let Some(first) = label.chars().find(|c| !c.is_ascii()) else {
            ascii.push_str(&label);
            continue;
        };
        let odd = label.chars().find(|c| !c.is_ascii() && !is_mapped_to_itself(*c));
        // A label with this prefix is punycode already, which has no letters outside ASCII.
        if let Some(found) = odd.or_else(|| label.starts_with(PREFIX).then_some(first)) {
            return Err(InvalidUrl::InternationalHost { found });
        }
        ascii.push_str(PREFIX);
        encode(&label, &mut ascii);
    }
    Ok(ascii)
}

fn is_mapped_to_itself(letter: char) -> bool {
    LETTERS.iter().any(|letters| letters.contains(&letter)) && letter.to_lowercase().eq([letter])
}

/// Section 6.3 of the RFC: the ASCII letters, then the distance to each further letter, as a number with digits of varying
/// weight.
fn encode(label: &str, out: &mut String) {
    let letters: Vec<u32> = label.chars().map(u32::from).collect();
    out.extend(label.chars().filter(char::is_ascii));
    // At most as many as `MAX_LEN`.
    let basic = label.bytes().filter(u8::is_ascii).map(|_| 1).sum();
    let mut handled = basic;
    if basic > 0 {
        out.push('-');
    }
    let (mut code_point, mut delta, mut bias) = (FIRST_CODE_POINT, 0, FIRST_BIAS);
    while let Some(next) = letters.iter().copied().filter(|&letter| letter >= code_point).min() {
        delta += (next - code_point) * (handled + 1);
        code_point = next;
        for &letter in &letters {
            if letter < code_point {
                delta += 1;
            } else if letter == code_point {
                push_number(delta, bias, out);
                handled += 1;
                bias = adapted(delta, handled, handled == basic + 1);
                delta = 0;
            }
        }
        delta += 1;
        code_point += 1;
    }
}

fn push_number(mut rest: u32, bias: u32, out: &mut String) {
    let mut weight = BASE;
    loop {
        let threshold = weight.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < threshold {
            out.push(digit(rest));
            return;
        }
        let range = BASE - threshold;
        out.push(digit(threshold + (rest - threshold) % range));
        rest = (rest - threshold) / range;
        weight += BASE;
    }
}

/// Section 6.1: the bias follows the size of the last distance.
fn adapted(delta: u32, letters: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / letters;
    let mut bias = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        bias += BASE;
    }
    bias + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

/// `a` to `z`, then `0` to `9`.
fn digit(number: u32) -> char {
    char::from_digit((number + 10) % BASE, BASE).expect("a remainder of 36 is a digit of base 36")
}
