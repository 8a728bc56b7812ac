//! The rules of a patch, whichever version it comes from.

use super::{Checked, LABEL_CHARS_MAX, at_most, characters, maybe_empty, optional, shortened};
use crate::distinct::first_repeated;
use crate::event::{AMOUNT_MAX, CustomField, CustomValue, Patch};
use crate::place::Place;

const TAGS_MAX: usize = 20;
const PARTS_MAX: usize = 20;
const FIELDS_MAX: usize = 20;
/// As in the bodies of clients.
const PART_NAME_CHARS_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 1_000;
const NOTE_CHARS_MAX: usize = 2_000;
/// A UUID.
const ID_CHARS_MAX: usize = 36;
const SEVERITIES: [&str; 4] = ["low", "medium", "high", "critical"];

pub(crate) fn check_patch(patch: &mut Patch) -> Checked {
    at_most("tags", patch.tags.len(), "tags", TAGS_MAX)?;
    for (index, tag) in patch.tags.iter_mut().enumerate() {
        characters(Place::of("tags").at(index), tag, LABEL_CHARS_MAX)?;
    }
    if let Some(severity) = &patch.severity
        && !SEVERITIES.contains(&severity.as_str())
    {
        return Err(format!(
            "severity is {:?}; it must be low, medium, high or critical",
            shortened(severity)
        ));
    }
    optional("category", &mut patch.category, LABEL_CHARS_MAX)?;
    if let Some(cost) = patch.estimated_cost
        && !(0..=AMOUNT_MAX).contains(&cost)
    {
        return Err(format!("estimated-cost is {cost}; it must be 0 to {AMOUNT_MAX} hundredths"));
    }
    if let Some(parts) = &mut patch.recommended_parts {
        at_most("recommended-parts", parts.len(), "names", PARTS_MAX)?;
        for (index, name) in parts.iter_mut().enumerate() {
            characters(Place::of("recommended-parts").at(index), name, PART_NAME_CHARS_MAX)?;
        }
    }
    if let Some(id) = &mut patch.assigned_to {
        characters("assigned-to", id, ID_CHARS_MAX)?;
    }
    check_fields(&mut patch.custom_fields)?;
    optional("internal-note", &mut patch.internal_note, NOTE_CHARS_MAX)
}

fn check_fields(fields: &mut [CustomField]) -> Checked {
    at_most("custom-fields", fields.len(), "fields", FIELDS_MAX)?;
    let list = Place::of("custom-fields");
    for (index, CustomField { key, value }) in fields.iter_mut().enumerate() {
        characters(list.at(index).field("key"), key, LABEL_CHARS_MAX)?;
        if !key
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
        {
            return Err(format!(
                "custom-fields[{index}].key is {key:?}; it may contain only a-z 0-9 _ -"
            ));
        }
        match value {
            CustomValue::Text(text) => {
                maybe_empty(list.at(index).field("value"), text, TEXT_CHARS_MAX)?;
            }
            CustomValue::Number(number) if !number.is_finite() => {
                return Err(format!(
                    "custom field {key:?} is {number}; it must be a finite number"
                ));
            }
            CustomValue::Number(_) | CustomValue::Flag(_) => {}
        }
    }
    match first_repeated(fields.iter().map(|field| field.key.as_str())) {
        Some(key) => Err(format!("custom-fields contains the key {key:?} twice")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(checked: Checked) -> String {
        checked.expect_err("the answer breaks a rule")
    }

    #[test]
    fn a_patch_keeps_its_bounds() {
        let field = |key: &str, value| CustomField { key: key.into(), value };
        let with = |change: fn(&mut Patch)| {
            let mut patch = Patch::default();
            change(&mut patch);
            check_patch(&mut patch)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert!(reason(with(|p| p.tags = vec!["t".into(); 21])).contains("tags has 21"));
        assert!(
            reason(with(|p| p.tags = vec![String::new()])).contains("tags[0] is empty or blank")
        );
        assert!(
            reason(with(|p| p.tags = vec!["\u{a0} ".into()])).contains("tags[0] is empty or blank")
        );
        assert!(reason(with(|p| p.severity = Some("urgent".into()))).contains("\"urgent\""));
        assert!(reason(with(|p| p.category = Some("c".repeat(65)))).contains("category has 65"));
        assert!(reason(with(|p| p.estimated_cost = Some(-1))).contains("estimated-cost is -1"));
        assert_eq!(with(|p| p.estimated_cost = Some(AMOUNT_MAX)), Ok(()));
        assert!(
            reason(with(|p| p.estimated_cost = Some(AMOUNT_MAX + 1)))
                .contains("must be 0 to 1000000000000")
        );
        assert!(
            reason(with(|p| p.recommended_parts = Some(vec!["p".into(); 21])))
                .contains("has 21 names")
        );
        assert!(
            reason(with(|p| p.internal_note = Some("n".repeat(2_001))))
                .contains("internal-note has 2001")
        );
        let fields = |fields| check_patch(&mut Patch { custom_fields: fields, ..Patch::default() });
        assert_eq!(fields(vec![field("a-b_1", CustomValue::Number(1.5))]), Ok(()));
        assert!(
            reason(fields(vec![field("Key", CustomValue::Flag(true))])).contains("a-z 0-9 _ -")
        );
        assert!(reason(fields(vec![field("k", CustomValue::Flag(true)); 2])).contains("twice"));
        assert!(reason(fields(vec![field("k", CustomValue::Number(f64::NAN))])).contains("finite"));
        assert!(
            reason(fields(vec![field("k", CustomValue::Text("t".repeat(1_001)))]))
                .contains("1001 characters")
        );
    }

    /// PostgreSQL cannot store it, so each text has to be checked.
    #[test]
    fn no_text_has_a_nul() {
        let nul = || "a\0b".to_owned();
        let field = |value| vec![CustomField { key: "k".into(), value }];
        for (place, patch) in [
            ("tags[0]", Patch { tags: vec![nul()], ..Patch::default() }),
            ("category", Patch { category: Some(nul()), ..Patch::default() }),
            (
                "recommended-parts[0]",
                Patch { recommended_parts: Some(vec![nul()]), ..Patch::default() },
            ),
            ("internal-note", Patch { internal_note: Some(nul()), ..Patch::default() }),
            (
                "custom-fields[0].value",
                Patch { custom_fields: field(CustomValue::Text(nul())), ..Patch::default() },
            ),
        ] {
            let expected = format!("{place} must not contain a NUL character");
            assert_eq!(check_patch(&mut patch.clone()), Err(expected));
        }
    }

    #[test]
    fn texts_are_trimmed_and_blank_ones_set_nothing() {
        let blank = || Some(" \n".to_owned());
        let mut patch = Patch {
            tags: vec![" vip\n".into()],
            category: blank(),
            internal_note: blank(),
            recommended_parts: Some(vec![" Screen ".into()]),
            custom_fields: vec![CustomField {
                key: "k".into(),
                value: CustomValue::Text(" ".into()),
            }],
            ..Patch::default()
        };
        assert_eq!(check_patch(&mut patch), Ok(()));
        assert_eq!(
            (patch.tags.as_slice(), patch.category, patch.internal_note),
            (&["vip".into()][..], None, None)
        );
        assert_eq!(patch.recommended_parts, Some(vec!["Screen".into()]));
        assert_eq!(patch.custom_fields[0].value, CustomValue::Text(String::new()));
    }
}
