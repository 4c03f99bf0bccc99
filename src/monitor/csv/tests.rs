use super::*;
use std::collections::BTreeMap;

use crate::monitor::sample::DiagnosticSample;
use crate::monitor::site::{SILENT_AFTER, Source};
use crate::monitor::test_samples::{bridge_sample, recording_sample, site_with};

/// Values of a row without quotes, by the names of their columns.
fn columns(row: &str) -> BTreeMap<String, String> {
    let header = header();
    let names: Vec<_> = header.trim_end().split(',').collect();
    let values: Vec<_> = row.trim_end().split(',').collect();
    assert_eq!(names.len(), values.len());
    let names = names.into_iter().map(str::to_owned);
    names.zip(values.into_iter().map(str::to_owned)).collect()
}

#[test]
fn a_row_has_the_figures_under_their_names() {
    let now = Instant::now();
    let mut rows = CsvRows::default();
    let mut site = site_with(bridge_sample(0, 10));
    let first = columns(&rows.next(&site, "t0", now));
    assert_eq!(
        (&*first["received"], &*first["received_per_s"]),
        ("200", "")
    );
    site.on_statistics(bridge_sample(0, 15), now);
    site.on_recording(recording_sample(), now);
    let row = columns(&rows.next(&site, "t1", now));
    for (name, value) in [
        ("time", "t1"),
        ("site", "/"),
        ("state", "running"),
        ("uptime_s", "15"),
        ("received_per_s", "20.000"),
        ("lost_in_period", "10"),
        ("thinned", "120"),
        ("points/raw:published", "150"),
        ("points/raw:lost", "30"),
        ("objects:received", ""),
        ("points_state", "connected"),
        ("points_queue_bytes", "250"),
        ("points_delay_max_s", "0.009"),
        ("rss_bytes", "43000000"),
        ("clock_offset_s", ""),
        ("recording_state", "recording"),
        ("splits", "3"),
        ("time_left_s", "9000"),
        ("errors", "0"),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
}

#[test]
fn a_silent_bridge_has_no_figures() {
    let now = Instant::now();
    let site = site_with(bridge_sample(0, 10));
    let later = now + SILENT_AFTER + Duration::from_secs(1);
    let row = columns(&CsvRows::default().next(&site, "t", later));
    for (name, value) in [("state", "silent"), ("received", ""), ("rss_bytes", "")] {
        assert_eq!(row[name], value, "{name}");
    }
    let row = columns(&CsvRows::default().next(&Site::new("/a/b"), "t", now));
    assert_eq!((&*row["state"], &*row["site"]), ("waiting", "a/b"));
}

#[test]
fn names_of_columns_are_unique() {
    let header = header();
    let names: Vec<_> = header.trim_end().split(',').collect();
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
}

#[test]
fn texts_with_commas_quotes_and_newlines_stay_one_value_of_one_line() {
    let now = Instant::now();
    let mut site = site_with(bridge_sample(0, 10));
    let status = DiagnosticSample {
        task: "points link".to_owned(),
        level: Level::Error,
        message: "refused, \"for ever\"\nreally".to_owned(),
        is_component: false,
    };
    site.on_diagnostics(Source::Bridge, vec![status]);
    let row = CsvRows::default().next(&site, "t", now);
    assert!(
        row.ends_with(",0,1,\"points link: refused, \"\"for ever\"\" really\"\n"),
        "{row}"
    );
    assert_eq!(row.lines().count(), 1);
}
