//! Names of splits, as the stock recorder chooses them.
//!
//! Up to Kilted the split with the number `N` of a bag is `<bag>_<N>.mcap`. Since Lyrical it is
//! `<N>_<bag>_<YYYY_MM_DD-HH_MM_SS>.mcap`, with the local time at which it was opened.

use std::fs;
use std::io;
use std::path::Path;

/// Extension of a split, with its dot.
const EXTENSION: &str = ".mcap";
/// Form of the time at the end of a name: a `0` stands for any digit.
const TIME: &str = "0000_00_00-00_00_00";

/// Returns the name up to Kilted of a split.
pub(super) fn without_time(bag: &str, number: u64) -> String {
    format!("{bag}_{number}{EXTENSION}")
}

/// Returns the number of a split in a bag. `None` if the file has no name of a split of that bag.
pub(super) fn number(bag: &str, name: &str) -> Option<u64> {
    let stem = name.strip_suffix(EXTENSION)?;
    let with_time = || {
        let (number, rest) = stem.split_once('_')?;
        let time = rest.strip_prefix(bag)?.strip_prefix('_')?;
        is_time(time).then_some(number)
    };
    let without_time = stem
        .strip_prefix(bag)
        .and_then(|rest| rest.strip_prefix('_'));
    without_time
        .and_then(parse)
        .or_else(|| with_time().and_then(parse))
}

/// Returns the number of a split by its path, the parent of which is the folder of the bag.
pub(super) fn number_of_path(split: &Path) -> Option<u64> {
    let bag = split.parent()?.file_name()?.to_str()?;
    number(bag, split.file_name()?.to_str()?)
}

/// Returns the number of a split whose bag may have been renamed.
pub(super) fn number_in_any_bag(split: &Path) -> Option<u64> {
    let stem = split.file_name()?.to_str()?.strip_suffix(EXTENSION)?;
    let time_at = stem.len().saturating_sub(TIME.len());
    let has_time = stem.get(time_at..).is_some_and(is_time);
    let number = if has_time {
        stem.split_once('_')?.0
    } else {
        stem.rsplit_once('_')?.1
    };
    parse(number)
}

/// Searches the folder of a bag for the split with a number. Returns its file name.
pub(super) fn find(folder: &Path, wanted: u64) -> io::Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if number_of_path(&path) == Some(wanted) {
            let name = path.file_name().and_then(|name| name.to_str());
            return Ok(name.map(str::to_owned));
        }
    }
    Ok(None)
}

/// Parses a number that is written without leading zeros.
fn parse(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn is_time(text: &str) -> bool {
    let form = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c });
    form.eq(TIME.chars())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BAG: &str = "삼양_20261108_090705_2";

    #[test]
    fn both_forms_of_a_name_have_a_number() {
        for (name, expected) in [
            ("삼양_20261108_090705_2_0.mcap", Some(0)),
            ("삼양_20261108_090705_2_10.mcap", Some(10)),
            ("7_삼양_20261108_090705_2_2026_11_08-09_17_05.mcap", Some(7)),
            ("삼양_20261108_090705_2.mcap", None),
            ("삼양_20261108_090705_2_.mcap", None),
            ("삼양_20261108_090705_2_x.mcap", None),
            ("삼양_20261108_090705_2_+1.mcap", None),
            ("삼양_20261108_090705_2_01.mcap", None),
            ("삼양_20261108_090705_2_99999999999999999999.mcap", None),
            ("삼양_20261108_090705_2_1.mcap.part", None),
            ("삼양_20261108_090705_2_1.account.json", None),
            ("삼양_20261108_090705_3_1.mcap", None),
            ("7_삼양_20261108_090705_2_2026_11_08.mcap", None),
            ("7_삼양_20261108_090705_3_2026_11_08-09_17_05.mcap", None),
            ("_삼양_20261108_090705_2_2026_11_08-09_17_05.mcap", None),
        ] {
            assert_eq!(number(BAG, name), expected, "{name}");
        }
    }

    #[test]
    fn splits_of_renamed_bags_have_a_number() {
        for (name, expected) in [
            ("삼양_1_10.mcap", Some(10)),
            ("7_삼양_1_2026_11_08-09_17_05.mcap", Some(7)),
            ("삼양.mcap", None),
            ("삼양_1_x.mcap", None),
        ] {
            let path = Path::new("/bags/other").join(name);
            assert_eq!(number_in_any_bag(&path), expected, "{name}");
        }
    }

    #[test]
    fn a_split_is_found_by_its_number() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("a_1");
        assert!(find(&folder, 0).is_err(), "there is no folder yet");
        fs::create_dir(&folder).expect("created");
        for name in [
            "1_a_1_2026_11_08-09_17_05.mcap",
            "a_1_0.mcap",
            "metadata.yaml",
        ] {
            fs::write(folder.join(name), "").expect("written");
        }
        let found = |wanted| find(&folder, wanted).expect("readable");
        assert_eq!(found(0).as_deref(), Some("a_1_0.mcap"));
        assert_eq!(found(1).as_deref(), Some("1_a_1_2026_11_08-09_17_05.mcap"));
        assert_eq!(found(2), None);
    }

    proptest! {
        #[test]
        fn names_read_back(bag in "[a-z0-9_]{1,12}", wanted in any::<u64>()) {
            prop_assert_eq!(number(&bag, &without_time(&bag, wanted)), Some(wanted));
            let with_time = format!("{wanted}_{bag}_2026_11_08-09_17_05.mcap");
            prop_assert_eq!(number(&bag, &with_time), Some(wanted));
        }

        #[test]
        fn any_name_is_read_without_a_panic(bag in ".{0,8}", name in ".{0,24}") {
            let name = format!("{name}.mcap");
            prop_assert!(number(&bag, &name).is_none_or(|number| name.contains(&number.to_string())));
            number_in_any_bag(Path::new(&name));
        }
    }
}
