//! Names of bags.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Site of a bridge without a namespace.
const ROOT_SITE: &str = "sensr";

/// Returns the name of a site in file and node names: the parts of its namespace, joined by underscores.
#[must_use]
pub fn site(namespace: &str) -> String {
    let name = namespace.trim_matches('/').replace('/', "_");
    if name.is_empty() {
        ROOT_SITE.to_owned()
    } else {
        name
    }
}

/// Names of the bags of one run: `<site>_<time>`, then the same with `_2`, `_3` and so on.
#[derive(Debug, Clone)]
pub struct BagNames {
    base: String,
    last: u32,
}

impl BagNames {
    /// Creates names with the local time of the start.
    #[must_use]
    pub fn new(namespace: &str, start: SystemTime) -> Self {
        // Times that the calendar cannot hold are as wrong as any other. Without a readable time zone this is UTC.
        let start = Timestamp::try_from(start).unwrap_or_default();
        Self::at(namespace, &start.to_zoned(TimeZone::system()))
    }

    fn at(namespace: &str, start: &Zoned) -> Self {
        Self {
            base: format!("{}_{}", site(namespace), start.strftime("%Y%m%d_%H%M%S")),
            last: 0,
        }
    }

    /// Returns the next name in a folder for which nothing exists: a clock may show the same second twice.
    pub fn next(&mut self, exists: impl Fn(&Path) -> bool, folder: &Path) -> PathBuf {
        loop {
            self.last += 1;
            let path = if self.last == 1 {
                folder.join(&self.base)
            } else {
                folder.join(format!("{}_{}", self.base, self.last))
            };
            if !exists(&path) {
                return path;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(namespace: &str) -> BagNames {
        let start = jiff::civil::date(2026, 11, 8).at(9, 7, 5, 0);
        BagNames::at(
            namespace,
            &start.to_zoned(TimeZone::UTC).expect("unambiguous"),
        )
    }

    #[test]
    fn a_site_is_its_namespace_without_slashes() {
        assert_eq!(site("/samyang"), "samyang");
        assert_eq!(site("/north/samyang"), "north_samyang");
        assert_eq!(site("/"), "sensr");
    }

    #[test]
    fn bags_of_a_run_are_numbered() {
        let mut names = names("/a/b");
        let folder = Path::new("/bags");
        let mut next = || names.next(|_| false, folder);
        assert_eq!(next(), folder.join("a_b_20261108_090705"));
        assert_eq!(next(), folder.join("a_b_20261108_090705_2"));
        assert_eq!(next(), folder.join("a_b_20261108_090705_3"));
    }

    #[test]
    fn an_existing_name_is_never_used_again() {
        let mut names = names("/");
        let taken = [
            Path::new("/bags/sensr_20261108_090705"),
            Path::new("/bags/sensr_20261108_090705_2"),
        ];
        let next = names.next(|path| taken.contains(&path), Path::new("/bags"));
        assert_eq!(next, Path::new("/bags/sensr_20261108_090705_3"));
    }

    #[test]
    fn the_time_is_that_of_this_machine_and_a_clock_without_battery_does_no_harm() {
        let start = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_795_000_000);
        let local = Timestamp::try_from(start)
            .expect("in the calendar")
            .to_zoned(TimeZone::system());
        let name = |start| BagNames::new("/a", start).next(|_| false, Path::new(""));
        let expected = local.strftime("a_%Y%m%d_%H%M%S").to_string();
        assert_eq!(name(start), Path::new(&expected));
        let text = name(SystemTime::UNIX_EPOCH).display().to_string();
        assert!(
            text.starts_with("a_19") && text.len() == expected.len(),
            "{text}"
        );
    }

    #[test]
    fn the_time_zone_counts() {
        let start = jiff::civil::date(2026, 11, 8).at(23, 59, 59, 0);
        let seoul = TimeZone::fixed(jiff::tz::offset(9));
        let start = start.to_zoned(TimeZone::UTC).expect("unambiguous");
        let mut names = BagNames::at("/a", &start.with_time_zone(seoul));
        let name = names.next(|_| false, Path::new(""));
        assert_eq!(name, Path::new("a_20261109_085959"));
    }
}
