//! State of the view: what the operator chose to see.

use jiff::tz::TimeZone;

use super::Action;
use super::keys::Key;
use super::theme::Theme;
use crate::monitor::site::Site;

/// Page of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// All sites side by side.
    Overview,
    /// One site in detail.
    Site,
    /// Events of one site.
    Events,
    /// Diagnostics of one site with their whole messages.
    Diagnostics,
    /// Keys.
    Help,
}

/// Order of the topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicOrder {
    /// As the bridge lists them.
    Name,
    /// Highest rate first.
    Rate,
    /// Most lost messages first.
    Lost,
}

impl TopicOrder {
    const ALL: [Self; 3] = [Self::Name, Self::Rate, Self::Lost];

    /// Returns the name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rate => "rate",
            Self::Lost => "lost",
        }
    }

    fn step(self, steps: usize) -> Self {
        let position = Self::ALL.iter().position(|order| *order == self);
        Self::ALL[(position.unwrap_or(0) + steps) % Self::ALL.len()]
    }
}

/// Choices of the operator, and abilities of the terminal.
#[derive(Debug, Clone)]
pub struct ViewState {
    theme: Theme,
    time_zone: TimeZone,
    /// Namespaces of the sites in the order drawn last.
    sites: Vec<String>,
    /// Namespace of the chosen site. `None` for the first.
    chosen: Option<String>,
    /// `None` until the operator chooses one: the only site, or all.
    page: Option<Page>,
    page_before_help: Option<Page>,
    order: TopicOrder,
    is_paused: bool,
    /// Lines scrolled away from the newest event, or from the first diagnostic.
    scroll: usize,
    /// Lines that a page scrolls by.
    page_lines: usize,
}

impl ViewState {
    /// Creates the state at the start. With `colors` the terminal is given colors, with `unicode` it is given UTF-8.
    #[must_use]
    pub fn new(colors: bool, unicode: bool) -> Self {
        Self {
            theme: Theme { colors, unicode },
            time_zone: TimeZone::system(),
            sites: Vec::new(),
            chosen: None,
            page: None,
            page_before_help: None,
            order: TopicOrder::Name,
            is_paused: false,
            scroll: 0,
            page_lines: 10,
        }
    }

    /// Sets the time zone of the times of events.
    #[must_use]
    pub fn with_time_zone(mut self, time_zone: TimeZone) -> Self {
        self.time_zone = time_zone;
        self
    }

    /// Returns whether the display is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) fn theme(&self) -> Theme {
        self.theme
    }

    pub(super) fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    pub(super) fn order(&self) -> TopicOrder {
        self.order
    }

    pub(super) fn scroll(&self) -> usize {
        self.scroll
    }

    /// Returns the page for this number of sites.
    pub(super) fn page(&self, site_count: usize) -> Page {
        match self.page {
            Some(page) => page,
            None if site_count > 1 => Page::Overview,
            None => Page::Site,
        }
    }

    /// Returns the position of the chosen site among the sites. The first one if it is gone.
    pub(super) fn chosen(&self, sites: &[&Site]) -> usize {
        let position = |name: &String| sites.iter().position(|site| site.namespace() == name);
        self.chosen.as_ref().and_then(position).unwrap_or(0)
    }

    /// Adopts the sites that keys refer to.
    pub fn adopt_sites(&mut self, sites: &[&Site]) {
        let are_same = self
            .sites
            .iter()
            .eq(sites.iter().map(|site| site.namespace()));
        if !are_same {
            self.sites = sites
                .iter()
                .map(|site| site.namespace().to_owned())
                .collect();
        }
    }

    /// Adopts the extent of the list that was drawn, so that it is not scrolled past its end.
    pub(super) fn adopt_list(&mut self, list: ListExtent) {
        self.scroll = self.scroll.min(list.lines.saturating_sub(list.shown));
        self.page_lines = list.shown.saturating_sub(1).max(1);
    }

    /// Reacts to a key. Keys of job control are not handled here.
    pub fn handle_key(&mut self, key: Key) -> Action {
        let page = self.page(self.sites.len());
        match key {
            Key::Char('q') | Key::Ctrl('c') => return Action::Quit,
            Key::Char('?' | 'h') | Key::F1 => self.toggle_help(page),
            Key::Escape | Key::Backspace => self.go_back(page),
            Key::Char('p' | ' ') => self.is_paused = !self.is_paused,
            Key::Char('s') => self.order = self.order.step(1),
            Key::Char('S') => self.order = self.order.step(2),
            Key::Char('o') => self.open(Page::Overview),
            Key::Char('e') => self.toggle(Page::Events, page),
            Key::Char('d') => self.toggle(Page::Diagnostics, page),
            Key::Enter => self.open(Page::Site),
            Key::Tab | Key::Right => self.choose_next(1),
            Key::BackTab | Key::Left => {
                self.choose_next(self.sites.len().saturating_sub(1));
            }
            Key::Char(digit @ '1'..='9') => return self.choose_number(digit, page),
            Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Home | Key::End => {
                return self.handle_vertical_key(key, page);
            }
            _ => return Action::None,
        }
        Action::Redraw
    }

    fn handle_vertical_key(&mut self, key: Key, page: Page) -> Action {
        let lines = match key {
            Key::Up | Key::Down => 1,
            Key::PageUp | Key::PageDown => self.page_lines,
            _ => usize::MAX,
        };
        let is_up = matches!(key, Key::Up | Key::PageUp | Key::Home);
        match page {
            Page::Overview | Page::Site if lines == 1 => {
                let back = self.sites.len().saturating_sub(1);
                self.choose_next(if is_up { back } else { 1 });
            }
            // The newest event is at the bottom, and the first diagnostic at the top.
            Page::Events => self.scroll_by(lines, is_up),
            Page::Diagnostics => self.scroll_by(lines, !is_up),
            Page::Overview | Page::Site | Page::Help => return Action::None,
        }
        Action::Redraw
    }

    fn scroll_by(&mut self, lines: usize, is_away: bool) {
        self.scroll = if is_away {
            // What was drawn last limits it.
            self.scroll.saturating_add(lines)
        } else {
            self.scroll.saturating_sub(lines)
        };
    }

    fn open(&mut self, page: Page) {
        self.page = Some(page);
        self.scroll = 0;
    }

    fn toggle(&mut self, page: Page, current: Page) {
        self.open(if page == current { Page::Site } else { page });
    }

    fn toggle_help(&mut self, current: Page) {
        if current == Page::Help {
            self.page = self.page_before_help;
        } else {
            self.page_before_help = self.page;
            self.page = Some(Page::Help);
        }
        self.scroll = 0;
    }

    fn go_back(&mut self, current: Page) {
        match current {
            Page::Help => self.toggle_help(current),
            Page::Events | Page::Diagnostics => self.open(Page::Site),
            Page::Site if self.sites.len() > 1 => self.open(Page::Overview),
            Page::Site | Page::Overview => {}
        }
    }

    fn choose_next(&mut self, steps: usize) {
        let name = |(position, _): (usize, &String)| position;
        let chosen = self.chosen.as_ref();
        let positions = self.sites.iter().enumerate();
        let current = positions
            .clone()
            .find(|(_, site)| Some(*site) == chosen)
            .map_or(0, name);
        if let Some(count) = std::num::NonZeroUsize::new(self.sites.len()) {
            self.chosen = self.sites.get((current + steps) % count).cloned();
            self.scroll = 0;
        }
    }

    fn choose_number(&mut self, digit: char, page: Page) -> Action {
        let number = digit.to_digit(10).unwrap_or(0) as usize;
        let Some(site) = number
            .checked_sub(1)
            .and_then(|position| self.sites.get(position))
        else {
            return Action::None;
        };
        self.chosen = Some(site.clone());
        let keeps_page = matches!(page, Page::Events | Page::Diagnostics);
        self.open(if keeps_page { page } else { Page::Site });
        Action::Redraw
    }
}

/// Extent of a list that can be scrolled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ListExtent {
    /// Lines of the whole list.
    pub(super) lines: usize,
    /// Lines on the screen.
    pub(super) shown: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(names: &[&str]) -> ViewState {
        let sites: Vec<Site> = names.iter().map(|name| Site::new(*name)).collect();
        let mut state = ViewState::new(true, true);
        state.adopt_sites(&sites.iter().collect::<Vec<_>>());
        state
    }

    fn press(state: &mut ViewState, keys: &[Key]) {
        for key in keys {
            let action = state.handle_key(*key);
            assert_eq!(action, Action::Redraw, "{key:?}");
        }
    }

    fn chosen(state: &ViewState, names: &[&str]) -> usize {
        let sites: Vec<Site> = names.iter().map(|name| Site::new(*name)).collect();
        state.chosen(&sites.iter().collect::<Vec<_>>())
    }

    #[test]
    fn one_site_opens_in_detail_and_several_side_by_side() {
        let state = ViewState::new(true, true);
        assert_eq!(state.page(1), Page::Site);
        assert_eq!(state.page(2), Page::Overview);
    }

    #[test]
    fn keys_choose_sites_in_both_directions_and_by_number() {
        let names = ["/a", "/b", "/c"];
        let mut state = state(&names);
        press(&mut state, &[Key::Tab]);
        assert_eq!(chosen(&state, &names), 1);
        press(&mut state, &[Key::BackTab, Key::Left]);
        assert_eq!(chosen(&state, &names), 2);
        press(&mut state, &[Key::Down]);
        assert_eq!(chosen(&state, &names), 0);
        assert_eq!(state.page(3), Page::Overview);
        press(&mut state, &[Key::Char('2')]);
        assert_eq!((chosen(&state, &names), state.page(3)), (1, Page::Site));
        assert_eq!(state.handle_key(Key::Char('4')), Action::None);
    }

    #[test]
    fn the_chosen_site_stays_chosen_when_another_one_appears_before_it() {
        let mut state = state(&["/b", "/c"]);
        press(&mut state, &[Key::Tab]);
        assert_eq!(chosen(&state, &["/a", "/b", "/c"]), 2);
        assert_eq!(chosen(&state, &["/a", "/b"]), 0);
    }

    #[test]
    fn pages_open_and_close_with_the_same_key() {
        let mut state = state(&["/a", "/b"]);
        for (key, page) in [('e', Page::Events), ('d', Page::Diagnostics)] {
            press(&mut state, &[Key::Char(key)]);
            assert_eq!(state.page(2), page);
            press(&mut state, &[Key::Char(key)]);
            assert_eq!(state.page(2), Page::Site);
        }
        press(&mut state, &[Key::Escape, Key::Char('?')]);
        assert_eq!(state.page(2), Page::Help);
        press(&mut state, &[Key::Escape]);
        assert_eq!(state.page(2), Page::Overview);
    }

    #[test]
    fn a_list_is_not_scrolled_past_its_end() {
        let mut state = state(&["/a"]);
        press(&mut state, &[Key::Char('e'), Key::Home]);
        state.adopt_list(ListExtent {
            lines: 30,
            shown: 20,
        });
        assert_eq!(state.scroll(), 10);
        press(&mut state, &[Key::Down]);
        assert_eq!(state.scroll(), 9);
        press(&mut state, &[Key::PageDown]);
        assert_eq!(state.scroll(), 0);
    }

    #[test]
    fn sorting_pausing_and_ending_have_keys() {
        let mut state = state(&["/a"]);
        press(&mut state, &[Key::Char('s')]);
        assert_eq!(state.order(), TopicOrder::Rate);
        press(&mut state, &[Key::Char('S'), Key::Char('S')]);
        assert_eq!(state.order(), TopicOrder::Lost);
        press(&mut state, &[Key::Char('p')]);
        assert!(state.is_paused());
        press(&mut state, &[Key::Char(' ')]);
        assert!(!state.is_paused());
        assert_eq!(state.handle_key(Key::Char('q')), Action::Quit);
        assert_eq!(state.handle_key(Key::Ctrl('c')), Action::Quit);
        assert_eq!(state.handle_key(Key::Ctrl('q')), Action::None);
    }
}
