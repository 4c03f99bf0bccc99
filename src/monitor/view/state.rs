//! State of the view: what the operator chose to see.

/// Choices of the operator, and abilities of the terminal.
#[derive(Debug, Clone)]
pub struct ViewState {
    /// The terminal may be given colors. Levels are written as words in any case.
    pub colors: bool,
    /// The terminal shows UTF-8.
    pub unicode: bool,
}

impl ViewState {
    /// Creates the state at the start.
    #[must_use]
    pub fn new(colors: bool, unicode: bool) -> Self {
        Self { colors, unicode }
    }
}
