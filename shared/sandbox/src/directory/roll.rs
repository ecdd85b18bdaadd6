//! A roll: things in the order in which they came, found by id. Ten thousand people are no trouble.

use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Debug)]
pub(crate) struct Roll<T> {
    entries: BTreeMap<u64, T>,
    numbers: HashMap<String, u64>,
    next: u64,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), numbers: HashMap::new(), next: 0 }
    }
}

impl<T> Roll<T> {
    pub(crate) fn insert(&mut self, id: String, entry: T) {
        self.numbers.insert(id, self.next);
        self.entries.insert(self.next, entry);
        self.next += 1;
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.entries.get(self.numbers.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.entries.get_mut(self.numbers.get(id)?)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        self.entries.remove(&self.numbers.remove(id)?)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.values_mut()
    }
}
