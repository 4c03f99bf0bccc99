//! The description of a recording as text and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use indicatif::HumanBytes;
use serde_json::{Value as Json, json};

use super::{COUNTS, Ledger, TopicSummary};
use crate::recording::{Recording, SplitState};
use crate::selection::format_time;

/// Description of a recording.
pub(super) struct Report<'a> {
    pub recording: &'a Recording,
    pub topics: &'a BTreeMap<String, TopicSummary>,
    pub splits: &'a [SplitState],
    pub ledgers: &'a [Ledger],
}

impl TopicSummary {
    /// Messages per second between the first and the last one.
    fn rate(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for display")]
        let seconds = (self.last_ns - self.first_ns) as f64 / 1e9;
        #[expect(clippy::cast_precision_loss, reason = "for display")]
        let intervals = self.messages.saturating_sub(1) as f64;
        (seconds > 0.0).then(|| intervals / seconds)
    }
}

impl Report<'_> {
    pub(super) fn as_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let bytes: u64 = self.splits.iter().map(|split| split.bytes).sum();
        let messages: u64 = self.topics.values().map(|topic| topic.messages).sum();
        writeln!(
            text,
            "{}: {}, {messages} messages{}",
            self.recording.path.display(),
            HumanBytes(bytes),
            match self.times() {
                Some((first, last)) => format!(", {} to {}", time(first), time(last)),
                None => String::new(),
            }
        )?;
        let mut rows = vec![
            [
                "topic",
                "type",
                "messages",
                "rate",
                "size",
                "sequence numbers",
            ]
            .map(str::to_owned),
        ];
        rows.extend(self.topics.iter().map(|(name, topic)| {
            let rate = topic
                .rate()
                .map_or_else(String::new, |rate| format!("{rate:.1}/s"));
            let size = HumanBytes(topic.bytes).to_string();
            [
                name.clone(),
                topic.kind.clone(),
                topic.messages.to_string(),
                rate,
                size,
                describe_sequence(topic),
            ]
        }));
        text.push('\n');
        write_table(text, &rows)?;

        writeln!(text, "\nfiles")?;
        for split in self.splits {
            let (file, bytes) = (split.path.display(), HumanBytes(split.bytes));
            let end = match &split.end {
                Some(reason) => format!("; ends early: {reason}"),
                None => String::new(),
            };
            writeln!(text, "  {file}: {} messages, {bytes}{end}", split.messages)?;
        }
        for split in &self.recording.lost {
            writeln!(text, "  {}: {}", split.path.display(), split.reason)?;
        }

        for ledger in self.ledgers {
            let recorded = time(ledger.recorded_ns);
            writeln!(
                text,
                "\nledger of the bridge at {recorded} ({}, version {})",
                ledger.topic, ledger.version
            )?;
            let mut rows = vec![
                std::iter::once("topic")
                    .chain(COUNTS)
                    .chain(["balance"])
                    .map(str::to_owned)
                    .collect(),
            ];
            for account in &ledger.accounts {
                let mut row: Vec<String> = vec![account.topic.clone()];
                row.extend(account.counts.iter().map(ToString::to_string));
                row.push(if account.balances() { "ok" } else { "WRONG" }.to_owned());
                rows.push(row);
            }
            write_table(text, &rows)?;
        }
        Ok(())
    }

    fn times(&self) -> Option<(u64, u64)> {
        let first = self.topics.values().map(|topic| topic.first_ns).min()?;
        let last = self.topics.values().map(|topic| topic.last_ns).max()?;
        Some((first, last))
    }

    pub(super) fn as_json(&self) -> Json {
        let topics: Vec<Json> = self
            .topics
            .iter()
            .map(|(name, topic)| topic_as_json(name, topic))
            .collect();
        let splits = self.splits.iter().map(|split| {
            json!({
                "path": split.path.display().to_string(),
                "bytes": split.bytes,
                "messages": split.messages,
                "ends_early": split.end,
            })
        });
        let lost =
            self.recording.lost.iter().map(
                |split| json!({"path": split.path.display().to_string(), "lost": split.reason}),
            );
        let ledgers = self.ledgers.iter().map(|ledger| {
            let accounts = ledger.accounts.iter().map(|account| {
                let mut json = json!({"topic": account.topic, "balances": account.balances()});
                for (name, count) in COUNTS.iter().zip(account.counts) {
                    json[*name] = count.into();
                }
                json
            });
            json!({
                "topic": ledger.topic,
                "recorded": time(ledger.recorded_ns),
                "version": ledger.version,
                "accounts": accounts.collect::<Vec<_>>(),
            })
        });
        json!({
            "path": self.recording.path.display().to_string(),
            "first": self.times().map(|(first, _)| time(first)),
            "last": self.times().map(|(_, last)| time(last)),
            "topics": topics,
            "files": splits.chain(lost).collect::<Vec<_>>(),
            "ledgers": ledgers.collect::<Vec<_>>(),
        })
    }
}

fn topic_as_json(name: &str, topic: &TopicSummary) -> Json {
    let sequence = topic.sequence.as_ref().map(|sequence| {
        json!({
            "missing": sequence.missing,
            "restarts": sequence.restarts,
            "repeats": sequence.repeats,
        })
    });
    json!({
        "topic": name,
        "type": topic.kind,
        "messages": topic.messages,
        "bytes": topic.bytes,
        "first": time(topic.first_ns),
        "last": time(topic.last_ns),
        "rate_hz": topic.rate(),
        "damaged": topic.damaged,
        "sequence": sequence,
    })
}

fn describe_sequence(topic: &TopicSummary) -> String {
    let mut parts = Vec::new();
    if let Some(sequence) = &topic.sequence {
        parts.push(match sequence.missing {
            0 => "complete".to_owned(),
            missing => format!("{missing} MISSING"),
        });
        for (count, what) in [
            (sequence.restarts, "restarts"),
            (sequence.repeats, "repeated"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
    }
    if topic.damaged > 0 {
        parts.push(format!("{} DAMAGED", topic.damaged));
    }
    parts.join(", ")
}

fn time(time_ns: u64) -> String {
    format_time(time_ns.cast_signed())
}

/// Writes rows with columns of equal width; numbers are right-aligned.
fn write_table<R: AsRef<[String]>>(text: &mut String, rows: &[R]) -> std::fmt::Result {
    let columns = rows.first().map_or(0, |row| row.as_ref().len());
    let width = |column: usize| {
        rows.iter()
            .map(|row| row.as_ref()[column].chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let is_number = |column: usize| {
        let cell = |row: &R| row.as_ref()[column].clone();
        rows.iter()
            .skip(1)
            .map(cell)
            .any(|cell| cell.starts_with(|c: char| c.is_ascii_digit()))
            && column + 1 < columns
    };
    let right: Vec<bool> = (0..columns).map(is_number).collect();
    for row in rows {
        let cells = row.as_ref().iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if right[column] {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        writeln!(
            text,
            "  {}",
            cells.collect::<Vec<_>>().join("  ").trim_end()
        )?;
    }
    Ok(())
}
