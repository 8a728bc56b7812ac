//! Stored lists and maps of names that a later version may have more of.
//!
//! Invariant: what this version does not know is neither an error nor lost: it stays in the row as it was, so that two
//! versions can share a database.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A list of which only the known values are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownList<T> {
    known: Vec<T>,
    unknown: Vec<Value>,
}

/// A map of which only the entries are seen whose key and value are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMap<K, V> {
    known: BTreeMap<K, V>,
    unknown: Map<String, Value>,
}

impl<T> From<Vec<T>> for KnownList<T> {
    fn from(known: Vec<T>) -> Self {
        KnownList { known, unknown: Vec::new() }
    }
}

impl<T> Deref for KnownList<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.known
    }
}

impl<T> KnownList<T> {
    pub fn into_known(self) -> Vec<T> {
        self.known
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for KnownList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for value in Vec::<Value>::deserialize(deserializer)? {
            match T::deserialize(&value) {
                Ok(value) => known.push(value),
                Err(_) => unknown.push(value),
            }
        }
        Ok(KnownList { known, unknown })
    }
}

impl<T: Serialize> Serialize for KnownList<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut list = serializer.serialize_seq(Some(self.known.len() + self.unknown.len()))?;
        for value in &self.known {
            list.serialize_element(value)?;
        }
        for value in &self.unknown {
            list.serialize_element(value)?;
        }
        list.end()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for KnownMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        KnownMap { known: entries.into_iter().collect(), unknown: Map::new() }
    }
}

impl<K, V> Deref for KnownMap<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.known
    }
}

impl<K, V> DerefMut for KnownMap<K, V> {
    fn deref_mut(&mut self) -> &mut BTreeMap<K, V> {
        &mut self.known
    }
}

impl<K, V> KnownMap<K, V> {
    pub fn into_known(self) -> BTreeMap<K, V> {
        self.known
    }
}

impl<'de, K: DeserializeOwned + Ord, V: DeserializeOwned> Deserialize<'de> for KnownMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut known, mut unknown) = (BTreeMap::new(), Map::new());
        for (name, value) in Map::<String, Value>::deserialize(deserializer)? {
            match (K::deserialize(&Value::from(name.as_str())), V::deserialize(&value)) {
                (Ok(key), Ok(value)) => drop(known.insert(key, value)),
                _ => drop(unknown.insert(name, value)),
            }
        }
        Ok(KnownMap { known, unknown })
    }
}

impl<K: Serialize, V: Serialize> Serialize for KnownMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(self.known.len() + self.unknown.len()))?;
        for (key, value) in &self.known {
            map.serialize_entry(key, value)?;
        }
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::event::Hook;
    use crate::model::plugin::HookSetup;
    use crate::model::webhook::EventName;

    #[test]
    fn what_a_later_version_wrote_is_kept_and_not_seen() {
        let stored = json!(["ticket.created", "ticket.overridden", 7]);
        let list: KnownList<EventName> = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(*list, [EventName::TicketCreated]);
        assert_eq!(serde_json::to_value(&list).unwrap(), stored);

        let setup = json!({ "order": 1, "mode": "enforce", "on_failure": "open" });
        let stored = json!({
            "post-create": setup,
            "on-event": setup,
            "pre-transition": { "order": 1, "mode": "of-a-later-version", "on_failure": "open" },
        });
        let map: KnownMap<Hook, HookSetup> = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(map.keys().collect::<Vec<_>>(), [&Hook::PostCreate]);
        assert_eq!(serde_json::to_value(&map).unwrap(), stored);
    }
}
