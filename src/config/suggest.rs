//! Suggestions for misspelt names in error messages.

/// Largest edit distance at which a name still counts as misspelt.
const MAX_DISTANCE: usize = 3;

/// Returns ", did you mean NAME?" with the most similar of the known names. Empty if none is similar.
pub(super) fn did_you_mean<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> String {
    closest_name(name, known).map_or_else(String::new, |close| format!(", did you mean {close}?"))
}

/// Returns whether `name` is a misspelling of `known`, or the same.
pub(super) fn is_similar(name: &str, known: &str) -> bool {
    closest_name(name, std::iter::once(known)).is_some()
}

/// Returns the known name with the smallest Damerau-Levenshtein distance, if that is small.
fn closest_name<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // Memory and time of the comparison grow with the product of the lengths.
    let length = name.chars().count();
    known
        .filter(|known| known.len().abs_diff(length) <= MAX_DISTANCE)
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        // A short word must not match only because all of its letters are replaced.
        .filter(|&(distance, known)| distance <= MAX_DISTANCE && distance < length.min(known.len()))
        .min()
        .map(|(_, closest)| closest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_suggested() {
        let suggest = |name: &str| did_you_mean(name, ["frame_id", "host"].into_iter());
        let name = |surplus| format!("frame_id{}", "é".repeat(surplus));
        assert_eq!(suggest(&name(3)), ", did you mean frame_id?");
        assert_eq!(suggest(&name(4)), "");
        assert_eq!(suggest("rame_"), ", did you mean frame_id?");
    }
}
