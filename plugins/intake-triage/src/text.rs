//! Finds phrases in a text, and skips those that are negated.

/// Words that negate the rest of the clause: "no liquid damage or cracks".
const DENY_CLAUSE: [&str; 3] = ["no", "without", "neither"];
/// Words that negate the next few words: "was not dropped", "out of warranty".
const DENY_NEXT: [&str; 10] =
    ["not", "never", "out", "isnt", "wasnt", "didnt", "hasnt", "havent", "doesnt", "dont"];
/// The number of words that a word of `DENY_NEXT` negates.
const REACH: usize = 3;
/// Words that start a new clause, like punctuation.
const CLAUSE_WORDS: [&str; 9] =
    ["but", "and", "because", "since", "after", "when", "then", "however", "though"];
/// Separates clauses in `Text::words`.
const BREAK: &str = ".";

/// Lower case, no apostrophes, a break for punctuation: `"No. It WON'T start"` is `no. it wont start`.
pub fn normalize(text: &str) -> String {
    text.chars()
        .filter(|letter| !matches!(letter, '\'' | '\u{2019}'))
        .flat_map(char::to_lowercase)
        .map(|letter| if letter.is_alphanumeric() { letter } else { separator(letter) })
        .collect()
}

/// The words of a normalized text.
///
/// They are indexed, so that a long text with many phrases uses far less fuel than the limit.
pub struct Text<'a> {
    words: Vec<&'a str>,
    /// Positions of the words that are not negated, sorted by word.
    affirmed: Vec<usize>,
}

impl<'a> Text<'a> {
    pub fn new(normalized: &'a str) -> Self {
        let words = split(normalized);
        let mut affirmed = affirmed(&words);
        affirmed.sort_unstable_by_key(|position| words[*position]);
        Self { words, affirmed }
    }

    /// The first of the phrases that occurs and is not negated. Phrases must be normalized.
    pub fn find(&self, phrases: &[&'static str]) -> Option<&'static str> {
        phrases.iter().copied().find(|phrase| self.affirms(phrase))
    }

    fn affirms(&self, phrase: &str) -> bool {
        let first = phrase.split(' ').next().unwrap_or(phrase);
        let begin = self.affirmed.partition_point(|position| self.words[*position] < first);
        self.affirmed[begin..].iter().take_while(|position| self.words[**position] == first).any(
            |position| {
                let mut words = self.words[*position..].iter();
                phrase.split(' ').all(|wanted| words.next().is_some_and(|word| *word == wanted))
            },
        )
    }
}

fn split(normalized: &str) -> Vec<&str> {
    normalized
        .split_inclusive(BREAK)
        .flat_map(|clause| {
            let end = clause.ends_with(BREAK).then_some(BREAK);
            clause.trim_end_matches(BREAK).split_ascii_whitespace().chain(end)
        })
        .collect()
}

/// The positions of the words that are not negated.
fn affirmed(words: &[&str]) -> Vec<usize> {
    let mut clause_denied = false;
    let mut reach = 0;
    let mut positions = Vec::new();
    for (position, word) in words.iter().copied().enumerate() {
        if word == BREAK || CLAUSE_WORDS.contains(&word) {
            (clause_denied, reach) = (false, 0);
        }
        if !clause_denied && reach == 0 {
            positions.push(position);
        }
        reach = if DENY_NEXT.contains(&word) { REACH } else { reach.saturating_sub(1) };
        clause_denied |= DENY_CLAUSE.contains(&word);
    }
    positions
}

/// A break for punctuation, a space for everything else that is not part of a word.
fn separator(letter: char) -> char {
    if ".,;:!?()\n".contains(letter) { '.' } else { ' ' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str, phrase: &'static str) -> bool {
        Text::new(&normalize(text)).find(&[phrase]).is_some()
    }

    #[test]
    fn whole_words_in_any_case() {
        assert!(finds("LIQUID   Damage!", "liquid damage"));
        assert!(finds("It won\u{2019}t turn on", "wont turn on"));
        assert!(finds("Wi-Fi drops", "wi fi"));
        assert!(!finds("The firewall blocks it", "fire"));
        assert!(!finds("liquid. Damage", "liquid damage"));
    }

    #[test]
    fn denials() {
        for text in [
            "no liquid damage",
            "No cracks or liquid damage",
            "there isn't any liquid damage",
            "without signs of liquid damage",
            "It has not had liquid damage",
        ] {
            assert!(!finds(text, "liquid damage"), "{text}");
        }
    }

    #[test]
    fn a_denial_ends_with_its_clause() {
        for text in [
            "No power, liquid damage",
            "no sound but liquid damage",
            "It does not start any more and there is liquid damage",
            "no liquid damage they said. I say liquid damage",
        ] {
            assert!(finds(text, "liquid damage"), "{text}");
        }
    }
}
