//! The sites, shared between the thread that collects and the one that draws.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::site::Site;

/// Sites by their namespace. Clones share them.
///
/// A reader takes what there is and holds no lock while it draws, which may last: a terminal may be stopped.
#[derive(Debug, Clone, Default)]
pub struct SharedSites(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    sites: BTreeMap<String, Arc<Site>>,
    changes: u64,
}

/// The sites at one time.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Sites in the order of their namespaces.
    pub sites: Vec<Arc<Site>>,
    /// Number of changes so far: another one means other sites or figures.
    pub changes: u64,
}

impl SharedSites {
    /// Adds a site that nothing is known of, unless it is there.
    pub fn add(&self, namespace: &str) {
        self.update(namespace, |_| ());
    }

    /// Changes a site, which is added if it is not there.
    pub fn update<T>(&self, namespace: &str, change: impl FnOnce(&mut Site) -> T) -> T {
        let mut state = self.lock();
        state.changes += 1;
        let site = state.sites.entry(namespace.to_owned());
        let site = site.or_insert_with(|| Arc::new(Site::new(namespace)));
        change(Arc::make_mut(site))
    }

    /// Returns the sites as they are now. Those of a former snapshot do not change.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot {
            sites: state.sites.values().cloned().collect(),
            changes: state.changes,
        }
    }

    /// Returns the number of changes so far.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::test_samples::bridge_sample;
    use std::time::Instant;

    #[test]
    fn a_snapshot_stays_as_it_is_and_tells_whether_it_is_old() {
        let sites = SharedSites::default();
        sites.add("/b");
        sites.add("/a");
        let before = sites.snapshot();
        let names: Vec<_> = before.sites.iter().map(|site| site.namespace()).collect();
        assert_eq!(names, ["/a", "/b"]);
        assert_eq!(sites.changes(), before.changes);
        let now = Instant::now();
        sites.update("/a", |site| site.on_statistics(bridge_sample(0, 1), now));
        assert!(before.sites[0].bridge().is_none());
        assert!(sites.snapshot().sites[0].bridge().is_some());
        assert_ne!(sites.changes(), before.changes);
    }
}
