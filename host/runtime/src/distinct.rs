//! Lists without duplicates: the only place that compares the entries of a list with each other.
//!
//! Invariant: comparisons go by hash, so the cost is linear. Use this, or a map, for lists that a client or a guest
//! sent; never scan one list in a loop over another.

use std::collections::HashSet;
use std::hash::Hash;

/// The first repeated entry.
pub fn first_repeated<T: Eq + Hash + Copy>(items: impl IntoIterator<Item = T>) -> Option<T> {
    let mut seen = HashSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}

/// Removes duplicates and keeps the order of first occurrence.
pub fn each_once<T: Eq + Hash + Clone>(mut items: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::with_capacity(items.len().min(1_000));
    items.retain(|item| seen.insert(item.clone()));
    items
}

/// Appends the entries that the list lacks.
pub fn add_new<T: Eq + Hash + Clone>(list: &mut Vec<T>, new: &[T]) {
    let mut known: HashSet<T> = list.iter().cloned().collect();
    list.extend(new.iter().filter(|item| known.insert((*item).clone())).cloned());
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;

    use super::*;

    #[test]
    fn entries_are_there_once_in_their_order() {
        assert_eq!(first_repeated([3, 1, 2]), None);
        assert_eq!(first_repeated(["b", "a", "c", "a", "b"]), Some("a"));
        assert_eq!(each_once(vec![3, 1, 3, 2, 1]), [3, 1, 2]);
        let mut list = vec![1, 2];
        add_new(&mut list, &[2, 3, 3, 1, 4]);
        assert_eq!(list, [1, 2, 3, 4]);
    }

    #[derive(Clone, Copy)]
    struct Counted<'a>(u32, &'a Cell<u64>);

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted<'_> {}

    impl Hash for Counted<'_> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn comparisons_grow_with_the_list_and_not_with_its_square() {
        let compared = Cell::new(0);
        let count: u32 = 20_000;
        let list: Vec<_> = (0..count).map(|number| Counted(number, &compared)).collect();
        let compared_by = |work: &dyn Fn()| {
            compared.set(0);
            work();
            compared.get()
        };
        let found = compared_by(&|| assert!(first_repeated(list.iter().copied()).is_none()));
        let once = compared_by(&|| assert_eq!(each_once(list.clone()).len(), list.len()));
        let added = compared_by(&|| add_new(&mut list.clone(), &list));
        for compared in [found, once, added] {
            assert!(compared <= u64::from(count) * 2, "{compared}");
        }
    }
}
