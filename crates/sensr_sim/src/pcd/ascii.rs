//! Bodies in the `ascii` encoding: one point per line, values separated by blanks.

use super::header::Header;
use super::{PcdError, Scan};

pub(super) fn read_scan(header: &Header, body: &[u8]) -> Result<Scan, PcdError> {
    let (position, intensity) = header.position_and_intensity()?;
    let word_of =
        |index: usize| -> usize { header.fields[..index].iter().map(|field| field.count).sum() };
    let position = position.map(word_of);
    let intensity = intensity.map(word_of);
    let per_line: usize = header.fields.iter().map(|field| field.count).sum();

    let mut points = Vec::new();
    let mut intensities = Vec::new();
    let mut found = 0;
    for (index, line) in body.split(|&byte| byte == b'\n').enumerate() {
        if found == header.points {
            break;
        }
        let wrong = |problem| PcdError::Line {
            line: header.lines + index + 1,
            problem,
        };
        let line = std::str::from_utf8(line).map_err(|_| wrong("not text".to_owned()))?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        if words.len() != per_line {
            return Err(wrong(format!(
                "there are {} values, the header declares {per_line}",
                words.len()
            )));
        }
        let value = |word: usize| -> Result<[u8; 4], PcdError> {
            let parsed = words[word].parse::<f32>();
            let parsed = parsed.map_err(|_| wrong(format!("{:?} is not a number", words[word])))?;
            Ok(parsed.to_le_bytes())
        };
        for word in position {
            points.extend(value(word)?);
        }
        if let Some(word) = intensity {
            intensities.extend(value(word)?);
        }
        found += 1;
    }
    if found < header.points {
        return Err(PcdError::Header(format!(
            "the header declares {} points, the file has {found}",
            header.points
        )));
    }
    Ok(Scan {
        points: points.into(),
        intensities: intensities.into(),
    })
}
