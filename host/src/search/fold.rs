//! Folds text for comparison: case, accents and other ways to write the same.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Longer words are cut, when written and when looked for.
const WORD_MAX: usize = 64;

/// Of a phone number, without the zeros in front.
const DIGITS_MIN: usize = 3;
const DIGITS_MAX: usize = 20;

/// `Ünal`, `ÜNAL` and `unal` are the same; so are `Straße` and `STRASSE`, `Ὀδυσσεύς` and `ΟΔΥΣΣΕΥΣ`, `İzmir` and
/// `izmir`.
pub fn fold(text: &str) -> String {
    let text = text.trim();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let bare: String = text.nfkd().filter(|c| !is_accent(*c)).flat_map(without_stroke).collect();
    // Through upper case, where `ß` is `SS` and both small sigmas are one.
    bare.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Marks above and below a letter, and the points of Hebrew and Arabic. Not the signs that make another letter or a
/// syllable, as in Japanese and the scripts of India.
fn is_accent(c: char) -> bool {
    canonical_combining_class(c) > 9
}

/// Letters that Unicode does not take apart, although a keyboard without them has a letter for them.
fn without_stroke(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        'ø' | 'Ø' => ('o', None),
        'ł' | 'Ł' => ('l', None),
        'đ' | 'Đ' | 'ð' | 'Ð' => ('d', None),
        'ħ' | 'Ħ' => ('h', None),
        'ı' => ('i', None),
        'æ' | 'Æ' => ('a', Some('e')),
        'œ' | 'Œ' => ('o', Some('e')),
        'þ' | 'Þ' => ('t', Some('h')),
        _ => (c, None),
    };
    std::iter::once(first).chain(second)
}

/// The folded words of a text, and of each part between blanks with marks in it the whole (`35-209900` is `35`,
/// `209900` and `35209900`).
pub fn words(text: &str) -> BTreeSet<String> {
    let folded = fold(text);
    let mut words = BTreeSet::new();
    for part in folded.split_whitespace() {
        let pieces = part.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
        words.extend(pieces.clone().map(cut));
        words.insert(cut(&pieces.collect::<String>()));
    }
    words.remove("");
    words
}

/// The folded words that all have to be there, in their order.
pub fn words_wanted(text: &str) -> Vec<String> {
    let folded = fold(text);
    let pieces = folded.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
    pieces.map(cut).collect()
}

fn cut(word: &str) -> String {
    word.chars().take(WORD_MAX).collect()
}

/// The digits of a phone number from the last to the first, without the zeros in front (of a whole number) and what follows a letter
/// (an extension). `None` if they are too few to find somebody by.
pub fn phone(text: &str) -> Option<String> {
    // The zero that is dialled only within the country.
    let folded = fold(text).replace("(0)", "");
    let number = folded.split(char::is_alphabetic).find(|part| part.contains(is_digit))?;
    let digits: String = number.chars().filter(|c| is_digit(*c)).collect();
    let significant = digits.trim_start_matches('0');
    let digits = if significant.len() < DIGITS_MIN { &digits } else { significant };
    let reversed: String = digits.chars().rev().take(DIGITS_MAX).collect();
    (reversed.len() >= DIGITS_MIN).then_some(reversed)
}

/// If a text is nothing but a number as people write it: its digits.
pub fn only_digits(text: &str) -> Option<String> {
    let folded = fold(text);
    let is_plain = |c: char| is_digit(c) || c.is_whitespace() || "+-()./".contains(c);
    let digits: String = folded.chars().filter(|c| is_digit(*c)).collect();
    (folded.chars().all(is_plain) && !digits.is_empty()).then_some(digits)
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_take_for_the_same_is_the_same() {
        for (one, other) in [
            ("Ünal", "UNAL"),
            ("U\u{308}nal", "Ünal"),
            ("İzmir", "izmir"),
            ("IZMIR", "ızmir"),
            ("Straße", "STRASSE"),
            ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
            ("ｉＰｈｏｎｅ １４", "iphone 14"),
            ("ﬁx", "FIX"),
            ("Søren Łukasz Đorđe", "soren lukasz dorde"),
            ("Œuvre Ægir", "oeuvre aegir"),
            ("Việt", "viet"),
            ("ガ", "ｶﾞ"),
            ("  Jane ", "jane"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} and {other}");
        }
        assert_ne!(fold("カ"), fold("ガ"));
        assert_ne!(fold("कि"), fold("क"));
        assert_eq!(fold(&fold("Ὀδυσσεύς ß İ ﷺ")), fold("Ὀδυσσεύς ß İ ﷺ"));
    }

    #[test]
    fn words_are_parts_and_wholes() {
        let of = |text: &str| words(text).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(of("iPhone 14 Pro (Müller's)"), "14 iphone muller mullers pro s");
        assert_eq!(of("35-209900-176148-1"), "1 176148 209900 35 352099001761481");
        assert_eq!(of(" - … "), "");
        assert_eq!(of(&"x".repeat(100)), "x".repeat(64));
        assert_eq!(words_wanted("Pro, iPhone!"), ["pro", "iphone"]);
    }

    #[test]
    fn a_phone_number_is_read_from_its_end() {
        for same in ["+49 (0) 30 / 123-4567", "0049301234567"] {
            assert_eq!(phone(same).as_deref(), Some("76543210394"));
        }
        assert_eq!(phone("030 1234567").as_deref(), Some("765432103"));
        assert_eq!(phone("555-0123 ext. 44").as_deref(), Some("3210555"));
        assert_eq!(phone("tel. 5550123").as_deref(), Some("3210555"));
        assert_eq!(phone("00012").as_deref(), Some("21000"), "the last digits of a number");
        for none in ["", "none", "12", "+"] {
            assert_eq!(phone(none), None, "{none}");
        }
        assert_eq!(only_digits("+1 (555) 0123").as_deref(), Some("15550123"));
        assert_eq!(only_digits("14 Pro"), None);
    }
}
