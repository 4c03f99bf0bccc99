//! Log lines about values given at start that have no effect.

use std::collections::{BTreeMap, HashMap};

use super::{Override, Overrides, ParamsFile, StartValues, ValueOrigin, node_pattern};
use crate::config::escape::escape_invisible;
use crate::config::suggest::is_similar;

impl Overrides {
    /// Logs sections and arguments for other nodes: warnings if this node may have been meant.
    pub(super) fn warn_of_other_nodes(&self, node: &str, start: &mut StartValues) {
        let mine = self.section_ranks(node);
        for file in &self.files {
            let ParamsFile { path, sections } = file;
            let path = escape_invisible(path);
            let others: BTreeMap<&str, usize> = sections
                .iter()
                .rev()
                .map(|(name, line)| (&**name, *line))
                .filter(|(name, _)| !mine.contains_key(name))
                .collect();
            let names = others.keys().copied().collect::<Vec<_>>().join(", ");
            if sections.is_empty() {
                start
                    .warnings
                    .push(format!("there are no parameters in {path}"));
            } else if sections.len()
                == sections
                    .iter()
                    .filter(|(name, _)| others.contains_key(&**name))
                    .count()
            {
                start.warnings.push(format!(
                    "nothing in {path} is for {node}, it is for {names}"
                ));
            } else {
                for (name, line) in others {
                    let line_text =
                        format!("{path}, line {line}: {name} is another node than {node}");
                    if has_similar_name(name, node) {
                        start.warnings.push(format!("ignored: {line_text}"));
                    } else {
                        start.notes.push(line_text);
                    }
                }
            }
        }
        for Override {
            section, origin, ..
        } in &self.values
        {
            if matches!(origin, ValueOrigin::Argument(_)) && !mine.contains_key(&**section) {
                start.warnings.push(format!(
                    "ignored: {origin}: it is for /{section}, and this node is {node}"
                ));
            }
        }
    }

    /// Warns of parameters that occur twice in a section of a file.
    pub(super) fn warn_of_duplicates(&self, node: &str, start: &mut StartValues) {
        let mine = self.section_ranks(node);
        let mut seen: HashMap<(usize, &str, &str), usize> = HashMap::new();
        for value in &self.values {
            if let (ValueOrigin::File(file, path, line), true) =
                (&value.origin, mine.contains_key(&*value.section))
            {
                let key = (*file, &*value.section, &*value.name);
                if let Some(earlier) = seen.insert(key, *line) {
                    start.warnings.push(format!(
                        "{}, line {earlier}: {} has no effect, line {line} sets it again for {}",
                        escape_invisible(path),
                        value.name.escape_debug(),
                        value.section
                    ));
                }
            }
        }
    }
}

/// Returns whether a section may be meant for the node: the same name in another namespace, or a similar name.
fn has_similar_name(section: &str, node: &str) -> bool {
    is_similar(
        node_pattern::base_name(section),
        node_pattern::base_name(node),
    )
}
