use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::sample_sites::SampleSite;
use super::*;
use crate::environment::terminal::wants_colors;
use crate::topic::Topic;

fn new_state(colors: bool, unicode: bool) -> ViewState {
    ViewState::new(colors, unicode).with_time_zone(TimeZone::UTC)
}

fn draw(size: (u16, u16), sites: &[&Site], state: &ViewState, now: Instant) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("created");
    terminal
        .draw(|frame| render(frame, sites, state, now))
        .expect("drawn");
    terminal.backend().buffer().clone()
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let row = |y| {
        let mut text = String::new();
        let mut x = 0;
        while x < area.width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            // The second cell of a wide letter holds nothing.
            x += u16::try_from(text::width(symbol).max(1)).expect("small");
        }
        text.trim_end().to_owned()
    };
    (0..area.height).map(row).collect()
}

fn screen(size: (u16, u16), samples: &[&SampleSite], state: &ViewState) -> String {
    let sites: Vec<&Site> = samples.iter().map(|sample| &sample.site).collect();
    let mut state = state.clone();
    state.adopt_sites(&sites);
    let now = samples
        .first()
        .map_or_else(Instant::now, |sample| sample.now);
    rows(&draw(size, &sites, &state, now)).join("\n")
}

fn press(state: &mut ViewState, key: char) {
    let _ = state.handle_key(Key::Char(key));
}

fn line_with<'a>(screen: &'a str, text: &str) -> &'a str {
    let found = screen.lines().find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no line with {text}"))
}

const LARGE: (u16, u16) = (200, 50);
const SMALL: (u16, u16) = (80, 24);

#[test]
fn everything_that_is_wrong_is_on_a_small_screen_with_its_reason() {
    let broken = SampleSite::broken("/samyang");
    let screen = screen(SMALL, &[&broken], &new_state(true, true));
    let points = line_with(&screen, "points connected");
    assert!(points.starts_with("WARN  "), "{points}");
    assert!(
        points.contains("20.0 fr/s") && points.contains("38.0 MB/s"),
        "{points}"
    );
    assert!(points.contains("████████ 100 %"), "{points}");
    let output = line_with(&screen, "output disconnected");
    assert!(
        output.starts_with("ERROR output disconnected 12 s: connection refused"),
        "{output}"
    );
    line_with(&screen, "ERROR node 삼양-서버 sensor 라이다_2: DEAD");
    line_with(&screen, "WARN  loss: 37 messages of points/raw dropped");
    let recording = line_with(&screen, "recording ERROR");
    assert!(
        recording.contains("disk full: 4.9 GB are free"),
        "{recording}"
    );
    let disk = line_with(&screen, "disk      ERROR");
    assert!(
        disk.contains("4.90 GB of 500 GB free, missing 12"),
        "{disk}"
    );
    line_with(&screen, "sensors   1 ERROR  1 OK");
    assert!(line_with(&screen, "points/raw").contains(" 37 "));
    line_with(
        &screen,
        "memory    bridge 61.6 MB (peak 64.0 MB, bound 310 MB)  recorder 81.0 MB",
    );
    line_with(&screen, "clock     bridge +12.3 ms ± 0.41 ms");
    line_with(
        &screen,
        "points ms total 1.23, max 9.87: decode 1.23 wait 1.23 convert 1.23 publish 1.23",
    );
    line_with(
        &screen,
        "14:01:01 ERROR recording: 12 more messages are missing",
    );
}

#[test]
fn a_healthy_site_shows_no_problem() {
    let screen = screen(SMALL, &[&SampleSite::healthy("/")], &new_state(true, true));
    line_with(&screen, "1 /  OK");
    line_with(&screen, "Problems: none");
    line_with(&screen, "sensr_bridge 0.1.0, up 60 s");
    line_with(&screen, "recording OK    recording  samyang_");
    line_with(
        &screen,
        "disk      OK    120 GB of 500 GB free, 50 min left, missing 0",
    );
    line_with(&screen, "14:00:39 zone 3: object 139 entered");
    assert!(!screen.contains("ERROR") && !screen.contains("WARN"));
}

#[test]
fn a_large_screen_shows_all_topics_all_stages_and_all_sensors() {
    let broken = SampleSite::broken("/samyang");
    let screen = screen(LARGE, &[&broken], &new_state(true, true));
    for topic in Topic::ALL {
        line_with(&screen, topic.name());
    }
    for stage in ["points decode", "output wait", "points total"] {
        line_with(&screen, stage);
    }
    line_with(&screen, "OK    node algo-1: OK");
    line_with(&screen, "unsubscribed");
    line_with(&screen, "ws://192.0.2.10:5051/, 1 connects, 0 disconnects");
}

#[test]
fn two_sites_stand_side_by_side() {
    let (healthy, broken) = (
        SampleSite::healthy("/samyang"),
        SampleSite::broken("/north/hall"),
    );
    let state = new_state(true, true);
    let small = screen(SMALL, &[&healthy, &broken], &state);
    let titles = line_with(&small, "── 1 samyang OK");
    assert!(titles.contains("── 2 north/hall ERROR"), "{titles}");
    let output = line_with(&small, "output  OK");
    assert!(
        output.contains("output  ERROR connection refused"),
        "{output}"
    );
    line_with(
        &small,
        "ERROR north/hall: node 삼양-서버 sensor 라이다_2: DEAD",
    );
    line_with(&small, "samyang: zone 3: object 139 entered");
    let large = screen(LARGE, &[&healthy, &broken], &state);
    let raw = line_with(&large, "points/raw");
    assert_eq!(
        raw.matches("points/raw").count(),
        1,
        "the columns differ in height"
    );
    assert_eq!(
        large.matches("points/raw").count(),
        3,
        "two tables and one problem"
    );
}

#[test]
fn many_sites_become_a_table_in_which_the_chosen_one_is_visible() {
    let samples: Vec<_> = (1..=30)
        .map(|i| SampleSite::healthy(&format!("/site_{i}")))
        .collect();
    let samples: Vec<&SampleSite> = samples.iter().collect();
    let mut state = new_state(true, true);
    for size in [(60, 16), SMALL, LARGE] {
        let first = screen(size, &samples, &state);
        line_with(&first, " 1 site_1 ");
        line_with(&first, "OK recording");
    }
    let sites: Vec<&Site> = samples.iter().map(|sample| &sample.site).collect();
    state.adopt_sites(&sites);
    let _ = state.handle_key(Key::Up);
    let last = screen(SMALL, &samples, &state);
    line_with(&last, "30 site_30 ");
    assert!(line_with(&last, "Sites").contains("of 30 not shown"));
}

#[test]
fn every_page_fits_every_size() {
    let broken = SampleSite::broken("/아주_긴_이름의_현장_삼양_컨테이너_부두/라이다_구역");
    let healthy = SampleSite::healthy("/");
    let sites = [&broken.site, &healthy.site];
    let mut state = new_state(true, false);
    state.adopt_sites(&sites);
    for key in ['o', '1', 'e', 'd', '?'] {
        press(&mut state, key);
        for width in (1..210).step_by(9).chain([59, 60, 75, 76, 139, 140]) {
            for height in [1, 2, 15, 16, 17, 23, 24, 50] {
                draw((width, height), &sites, &state, broken.now);
            }
        }
    }
}

#[test]
fn a_small_terminal_is_named_with_the_size_that_it_needs() {
    let healthy = SampleSite::healthy("/");
    let state = new_state(true, true);
    let text = screen((59, 16), &[&healthy], &state).replace('\n', " ");
    assert!(
        text.contains("terminal too small: 59x16, at least 60x16"),
        "{text}"
    );
    assert!(!screen((60, 16), &[&healthy], &state).contains("too small"));
}

#[test]
fn without_a_bridge_the_screen_tells_what_to_check() {
    let text = screen(SMALL, &[], &new_state(true, true)).replace('\n', " ");
    assert!(text.contains("No bridge found yet"), "{text}");
    assert!(text.contains("ROS_DOMAIN_ID"), "{text}");
}

#[test]
fn silence_of_the_bridge_is_an_error_and_its_figures_are_called_old() {
    let sample = SampleSite::healthy("/samyang");
    let later = sample.now + Duration::from_secs(30);
    let text = rows(&draw(SMALL, &[&sample.site], &new_state(true, true), later)).join("\n");
    line_with(&text, "1 samyang  ERROR");
    line_with(&text, "figures are 30 s old");
    line_with(&text, "ERROR no statistics from the bridge for 30 s");
    line_with(
        &text,
        "ERROR no state of the recording from sensr_recorder for 30 s",
    );
    line_with(&text, "recording STALE");
    let new = Site::new("/new");
    let text = rows(&draw(SMALL, &[&new], &new_state(true, true), later)).join("\n");
    line_with(&text, "waiting for the first statistics");
}

#[test]
fn a_link_with_reserve_has_no_gauge_of_the_reliable_queue_where_it_does_not_fit() {
    let healthy = SampleSite::healthy("/");
    let state = new_state(true, true);
    assert!(!screen(SMALL, &[&healthy], &state).contains("reliable"));
    assert!(screen((120, 40), &[&healthy], &state).contains("reliable"));
}

#[test]
fn without_colors_nothing_is_colored_and_levels_are_words() {
    let broken = SampleSite::broken("/samyang");
    for (colors, size) in [(false, SMALL), (false, LARGE), (true, SMALL)] {
        let buffer = draw(size, &[&broken.site], &new_state(colors, true), broken.now);
        let mut cells = buffer.content().iter();
        let is_colored = cells.any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(is_colored, colors);
        let text = rows(&buffer).join("\n");
        for word in ["OK", "WARN", "ERROR"] {
            assert!(text.contains(word), "{word}");
        }
    }
}

#[test]
fn without_unicode_everything_is_ascii() {
    let broken = SampleSite::broken("/samyang");
    let mut state = new_state(true, false);
    for key in ['o', '1', 'e', 'd', '?'] {
        press(&mut state, key);
        for size in [SMALL, LARGE] {
            let text = screen(size, &[&broken, &broken], &state);
            assert!(text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn topics_of_sensors_are_told_apart_by_their_ends() {
    let sample = SampleSite::healthy("/samyang").change_bridge(|sample| {
        let account = sample.topics[0].1;
        for (index, sensor) in ["front", "rear"].into_iter().enumerate() {
            sample.topics[index] = (format!("points/raw/algo_lidar_{sensor}"), account);
        }
    });
    let screen = screen(LARGE, &[&sample], &new_state(true, true));
    line_with(&screen, "…raw/algo_lidar_rear ");
    line_with(&screen, "…aw/algo_lidar_front ");
}

#[test]
fn topics_are_sorted_by_rate_and_by_losses() {
    let sample = SampleSite::healthy("/").change_bridge(|sample| {
        sample.topics[Topic::Zones.index()].1.received += 1000;
        sample.topics[Topic::ObjectPoints.index()].1.dropped += 5;
    });
    let mut state = new_state(true, true);
    let order = |state: &ViewState| {
        let screen = screen(SMALL, &[&sample], state);
        let mut lines = screen.lines().skip_while(|line| !line.starts_with("topic"));
        let first = lines.nth(1).and_then(|line| line.split(' ').next());
        first.map(str::to_owned)
    };
    assert_eq!(order(&state).as_deref(), Some("points/raw"));
    press(&mut state, 's');
    assert_eq!(order(&state).as_deref(), Some("zones"));
    press(&mut state, 's');
    assert_eq!(order(&state).as_deref(), Some("points/objects"));
}

#[test]
fn events_scroll_back_and_diagnostics_have_their_whole_messages() {
    let broken = SampleSite::broken("/samyang");
    let mut state = new_state(true, true);
    press(&mut state, 'e');
    let newest = screen(SMALL, &[&broken], &state);
    line_with(&newest, "23 to 43 of 43");
    line_with(&newest, "12 more messages are missing");
    let _ = state.handle_key(Key::Home);
    let oldest = screen(SMALL, &[&broken], &state);
    line_with(&oldest, "1 to 21 of 43");
    line_with(&oldest, "14:00:00 zone 3: object 100 entered");
    press(&mut state, 'd');
    let diagnostics = screen((60, 16), &[&broken], &state);
    line_with(&diagnostics, "      queue within 10 s");
    line_with(&diagnostics, "OK    points link: connected");
}

#[test]
fn the_pause_is_visible() {
    let mut state = new_state(false, true);
    press(&mut state, ' ');
    let screen = screen(SMALL, &[&SampleSite::healthy("/")], &state);
    line_with(&screen, "PAUSED");
}

#[test]
fn the_environment_tells_of_colors_and_letters() {
    let environment = |pairs: &'static [(&'static str, &'static str)]| {
        move |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    };
    assert!(wants_colors(environment(&[("TERM", "xterm")])));
    assert!(wants_colors(environment(&[("NO_COLOR", "")])));
    assert!(!wants_colors(environment(&[("NO_COLOR", "1")])));
    assert!(!wants_colors(environment(&[("TERM", "dumb")])));
    assert!(is_utf8(environment(&[("LANG", "ko_KR.UTF-8")])));
    assert!(is_utf8(environment(&[("LANG", "C"), ("LC_ALL", "C.utf8")])));
    assert!(!is_utf8(environment(&[
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C")
    ])));
    assert!(!is_utf8(environment(&[])));
}
